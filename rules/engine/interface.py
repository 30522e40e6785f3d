"""The engine's contract: forward chaining over propositions, in passes, in two worlds.

A *proposition* is a short string that means something definite about this patient ("p17", "fires:mg-crisis-urgent",
"blocked:azathioprine"). Patterns over FHIR resources become propositions before the engine runs
(`docs/decisions/0001-propositions-and-two-worlds.md`). A program is a list of *passes*, each a set of *clauses*;
a clause concludes its `head` when all of `when` hold, none of `unless` and each of `open` is unknown.

Two worlds are solved pass by pass. In the *sure* world an unknown fact counts as false, in the *possible* world as true.
`when` looks at its own world, `unless` at the other one, `open` holds in both worlds when the proposition is possible
and not sure. `unless` and `open` may name only input facts and heads of **earlier** passes; `when` may also name heads of the
same pass. The loader refuses anything else, so the result does not depend on order.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Final, Protocol

__all__ = ["ORDINARY", "Budget", "Clause", "Engine", "EngineError", "Facts", "FactsError", "Outcome", "Program", "ProgramError"]

Facts = tuple[Set[str], Set[str]]
"""Propositions that are sure, and those that are possible: a superset."""


class ProgramError(ValueError):
    """A program breaks the contract (negation in its own pass, duplicate clause id, too large); the message names the clause."""


class FactsError(ValueError):
    """What is sure is not all possible."""


class EngineError(RuntimeError):
    """A run did not end properly: budget, deadline, crash or disagreement. `kind` is one of
    budget, deadline, crash, difference, poisoned; `clauses` names clause ids only, never data."""

    def __init__(self, kind: str, message: str, clauses: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.clauses = clauses


@dataclass(frozen=True, slots=True)
class Clause:
    """`head` holds when every `when` holds, no `unless` holds and every `open` is unknown."""

    id: str
    head: str
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper limits of one run; crossing one raises EngineError("budget") or EngineError("deadline").

    `facts` limits how many propositions are possible in the end, `firings` how many clauses fire in the possible world, so every back-end
    draws the line at the same place. `seconds` is wall-clock time of one run, waiting for other runs included; `until` (time.monotonic) is
    when the whole evaluation must be over: what reads the record, matches it and says what was found asks `check` at each step."""

    facts: int = 5_000
    firings: int = 20_000
    seconds: float = 1.0
    until: float = inf

    @property
    def left(self) -> float:
        """Seconds that a run may take which begins now; 0 or less: none."""
        return min(self.seconds, self.until - monotonic())

    @property
    def ends(self) -> float:
        """When a run that begins now must be over (time.monotonic)."""
        return monotonic() + self.left

    def check(self) -> None:
        """Raise EngineError("deadline") when the time of the whole evaluation is up."""
        if monotonic() >= self.until:
            raise EngineError("deadline", "the evaluation took too long")


ORDINARY: Final = Budget()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What holds, and which clauses made it hold; every producer is kept.

    `sure` is a subset of `possible`. `numbers` are the clauses that fired in the sure world, by their place in the program,
    `numbers_possible` those that fired in the possible world; `ids` are the ids of all clauses of the program, which are not compared:
    hundreds of firings are compared on every call, and named only when somebody asks. Nobody changes the sets: they are no copies."""

    sure: Set[str]
    possible: Set[str]
    numbers: Set[int] = frozenset()
    numbers_possible: Set[int] = frozenset()
    ids: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def fired(self) -> tuple[str, ...]:
        """Ids of the clauses that fired in the sure world, in program order."""
        return tuple(map(self.ids.__getitem__, sorted(self.numbers)))

    @property
    def fired_possible(self) -> tuple[str, ...]:
        """The same for the possible world."""
        return tuple(map(self.ids.__getitem__, sorted(self.numbers_possible)))


@dataclass(frozen=True, slots=True)
class Program:
    """Passes in order. `check()` raises ProgramError on the first broken promise."""

    passes: tuple[tuple[Clause, ...], ...]
    names: tuple[str, ...] = field(default=())

    def check(self) -> None:
        """Verify ids are unique and `unless`/`open` name nothing concluded in the same or a later pass."""
        seen: set[str] = set()
        pass_of_head: dict[str, int] = {}
        for number, clauses in enumerate(self.passes):
            for clause in clauses:
                if clause.id in seen:
                    raise ProgramError(f"clause {clause.id}: id used twice")
                seen.add(clause.id)
                pass_of_head[clause.head] = max(number, pass_of_head.get(clause.head, number))
        for number, clauses in enumerate(self.passes):
            for clause in clauses:
                for name in (*clause.unless, *clause.open):
                    if pass_of_head.get(name, -1) >= number:
                        raise ProgramError(
                            f"clause {clause.id}: negates {name}, which is concluded in pass {pass_of_head[name]}; "
                            f"only passes before {number} may be negated"
                        )
                for name in clause.when:
                    if pass_of_head.get(name, -1) > number:
                        raise ProgramError(f"clause {clause.id}: reads {name}, which is concluded later, in pass {pass_of_head[name]}")


class Engine(Protocol):
    """One back-end with one program loaded. `run` is pure: same facts, same outcome, no memory of earlier runs."""

    @property
    def name(self) -> str:
        """durable, reference or checked."""
        ...

    def run(self, sure: Set[str], possible: Set[str], budget: Budget) -> Outcome:
        """Chain forward from input propositions (`sure` must be a subset of `possible`).

        Raises EngineError; never returns a partial outcome. Raises FactsError when `sure` is not a subset of `possible`.
        """
        ...
