"""One ruleset in the C core of durable_rules, and the only way to use it safely.

Used the documented way durable_rules mixes sessions with colliding ids, crashes on deletion and gets negation wrong. So: the C core
directly; one constant session, opened and deleted inside one run; a boot rule, because deleting a session in which no action has run frees
uninitialised memory; facts and their ids fixed at start-up, never made from data; facts one by one; no negation, events or timers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from types import TracebackType

import durable_rules_engine as core

from rules.engine.chunks import Chunk

__all__ = ["CoreError", "Ruleset", "Session"]

_SID = "1"
_BOOT_RULE = {"all": [{"m": {"boot": 1}}]}
_BOOT_FACT = json.dumps({"boot": 1, "id": "boot", "sid": _SID})
_ACCEPTED = 0


class CoreError(RuntimeError):
    """The C core did something it was not expected to do."""


class Ruleset:
    """One chunk, loaded. `facts` gives the fact that says that a condition is true, `numbers` the number of each rule's step."""

    def __init__(self, chunk: Chunk, numbers: Sequence[int]) -> None:
        """Create the ruleset and try it out: silent without facts, every step exactly once with all of them. Raises CoreError."""
        places = {condition: place for place, condition in enumerate(chunk.conditions)}
        self.numbers = {f"r{index}": number for index, number in enumerate(numbers)}
        rules = {
            name: {"all": [{f"m{i}": {"p": places[c]}} for i, c in enumerate(step.conditions)]}
            for name, step in zip(self.numbers, chunk.steps, strict=True)
        }
        self.facts = {condition: json.dumps({"p": place, "id": f"f{place}", "sid": _SID}) for condition, place in places.items()}
        self.handle: int = core.create_ruleset("rules", json.dumps({"$boot": _BOOT_RULE, **rules}))
        self._try_out(list(self.facts.values()))

    def session(self) -> Session:
        """A new session for a `with` statement; one at a time."""
        return Session(self)

    def delete(self) -> None:
        """Free the ruleset; it cannot be used any more."""
        core.delete_ruleset(self.handle)

    def _try_out(self, facts: list[str]) -> None:
        with self.session() as session:
            before = list(session.fired())
            for fact in facts:
                session.give(fact)
            after = list(session.fired())
        if before or sorted(after) != sorted(self.numbers.values()):
            raise CoreError(f"a ruleset of {len(self.numbers)} steps fired {len(before)} without and {len(after)} with all facts")


class Session:
    """The one session of a ruleset between `__enter__` and `__exit__`."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._numbers = ruleset.numbers
        self._handle = ruleset.handle
        self._state = 0

    def __enter__(self) -> Session:
        """Open and boot. A failure here leaves a session behind that is not safe to delete; the caller must give the ruleset up."""
        code, self._state = core.assert_fact(self._handle, _BOOT_FACT)
        if code != _ACCEPTED or not core.start_action_for_state(self._handle, self._state):
            raise CoreError("the session did not boot")
        if core.complete_and_start_action(self._handle, self._state):
            raise CoreError("a rule fired without facts")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Delete the session and everything in it."""
        core.delete_state(self._handle, _SID)

    def give(self, fact: str) -> None:
        """Assert one of the ruleset's facts, once."""
        code, _ = core.assert_fact(self._handle, fact)
        if code != _ACCEPTED:
            raise CoreError(f"a fact was refused with code {code}")

    def fired(self) -> Iterator[int]:
        """Yield the number of each step that fires until the session is quiet; the consumer may give facts meanwhile."""
        reply = core.start_action_for_state(self._handle, self._state)
        message: str | None = reply[1] if reply else None
        while message:
            yield self._numbers[message[2 : message.index('"', 2)]]
            message = core.complete_and_start_action(self._handle, self._state)
