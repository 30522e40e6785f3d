"""One ruleset in the C core of durable_rules, and the only way to use it safely.

Used the documented way durable_rules mixes sessions with colliding ids, crashes on deletion and gets negation wrong. So: the C core
directly; one constant session, opened and deleted inside one run; a boot rule for sessions in which no other fires, because deleting a
session in which no action has run frees uninitialised memory; facts one by one; no negation, events or timers.

A fact says which conditions hold, `{"c0":1,"c7":1}`, in texts fixed at start-up and never made from data; a rule asks for some of them in
one pattern. Conditions as facts of their own, joined by the rule, made a session three times as large: the core clears 8 kB for a pattern.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType

import durable_rules_engine as core

from rules.engine.chunks import Chunk

__all__ = ["CoreError", "Ruleset", "Session"]

_SID = "1"
_BOOT_RULE = {"all": [{"m": {"boot": 1}}]}
_BOOT = '"boot":1'
_ACCEPTED, _MATCHES_NOTHING = 0, 1


class CoreError(RuntimeError):
    """The C core did something it was not expected to do."""


class Ruleset:
    """One chunk, loaded. `says` gives the part of a fact that says that a condition is true, `numbers` the number of each rule's step."""

    def __init__(self, chunk: Chunk, numbers: Sequence[int]) -> None:
        """Create the ruleset and try it out: silent without facts, every step exactly once when all holds. Raises CoreError."""
        places = {condition: f"c{place}" for place, condition in enumerate(chunk.conditions)}
        self.numbers = {f"r{index}": number for index, number in enumerate(numbers)}
        rules = {
            name: {"all": [{"m": {"$and": [{places[condition]: 1} for condition in step.conditions]}}]}
            for name, step in zip(self.numbers, chunk.steps, strict=True)
        }
        self.says = {condition: f'"{place}":1' for condition, place in places.items()}
        self.handle: int = core.create_ruleset("rules", json.dumps({"$boot": _BOOT_RULE, **rules}))
        self._try_out()

    def session(self) -> Session:
        """A new session for a `with` statement; one at a time."""
        return Session(self)

    def delete(self) -> None:
        """Free the ruleset; it cannot be used any more."""
        core.delete_ruleset(self.handle)

    def _try_out(self) -> None:
        with self.session() as session:
            early = session.boot() or list(session.fired())
            session.give(self.says.values())
            fired = list(session.fired())
        if early or sorted(fired) != sorted(self.numbers.values()):
            raise CoreError(f"a ruleset of {len(self.numbers)} steps fired {early or 'none'} before and {len(fired)} when all held")


class Session:
    """The one session of a ruleset in a `with` statement. The first fact opens it, the end of the statement deletes it and all in it."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._numbers = ruleset.numbers
        self._handle = ruleset.handle
        self._state: int | None = None
        self._acted = False
        self._given = 0

    def __enter__(self) -> Session:
        """Nothing is opened yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Delete the session, after the boot rule where no other has run. A failure leaves one behind that is not safe to delete: give the
        ruleset up."""
        if self._state is None:
            return
        if not self._acted:
            self.boot()
        core.delete_state(self._handle, _SID)

    def boot(self) -> str | None:
        """Run the boot rule, and open the session where that is to be done. Returns the message of a rule that fires after it."""
        self.give((_BOOT,))
        if not core.start_action_for_state(self._handle, self._state):
            raise CoreError("the session did not boot")
        self._acted = True
        message: str | None = core.complete_and_start_action(self._handle, self._state)
        return message

    def give(self, said: Iterable[str]) -> None:
        """Assert a fact that says these things. What an earlier fact of the session said it does not know: say it again."""
        self._given += 1
        code, self._state = core.assert_fact(self._handle, f'{{{",".join(said)},"id":"f{self._given}","sid":"{_SID}"}}')
        if code not in (_ACCEPTED, _MATCHES_NOTHING):
            raise CoreError(f"a fact was refused with code {code}")

    def fired(self) -> Iterator[int]:
        """Yield the number of each step that fires for the last fact; the session is quiet then."""
        reply = core.start_action_for_state(self._handle, self._state)
        message: str | None = reply[1] if reply else None
        left = len(self._numbers)
        while message:
            if not left:
                raise CoreError("a fact made more rules fire than there are")
            left -= 1
            self._acted = True
            yield self._numbers[message[2 : message.index('"', 2)]]
            message = core.complete_and_start_action(self._handle, self._state)
