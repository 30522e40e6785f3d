"""The reference back-end: unit propagation with one watched proposition per clause, in plain Python.

A clause sleeps under a single proposition of its `when` that does not hold yet, at first the one fewest clauses read. When that turns
true the clause fires or moves on to the next missing one: a run costs what its facts wake, whatever the size of the program. The possible
world continues where the sure one became quiet: everything sure is possible, so only what is unknown is added.
Contract: `rules.engine.interface`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from rules.engine.interface import Budget, Clause, EngineError, Outcome, Program

__all__ = ["ReferenceEngine"]


@dataclass(frozen=True, slots=True)
class _Pass:
    """One pass, indexed. Clauses are numbers in program order; `roots` wait for nothing, `sleepers[p]` wait for p first, `reads` is every p
    in a `when`."""

    roots: tuple[int, ...]
    sleepers: dict[str, tuple[int, ...]]
    reads: frozenset[str]


class ReferenceEngine:
    """Plain Python, no state between runs, safe to share between threads."""

    name: Literal["reference"] = "reference"

    def __init__(self, program: Program) -> None:
        """Index the program. Raises ProgramError."""
        program.check()
        self._clauses = tuple(clause for members in program.passes for clause in members)
        self._passes: list[_Pass] = []
        first = 0
        for members in program.passes:
            if members:
                self._passes.append(_index(members, first))
            first += len(members)

    def run(self, sure: frozenset[str], possible: frozenset[str], budget: Budget) -> Outcome:
        """Chain forward. Raises EngineError (budget, deadline) and ValueError when `sure` is not a subset of `possible`."""
        if not sure <= possible:
            raise ValueError("sure must be a subset of possible")
        run = _Run(self._clauses, set(sure), set(possible), budget)
        run.check()
        for layer in self._passes:
            run.solve(layer)
            run.check()
        return Outcome(
            sure=frozenset(run.sure),
            possible=frozenset(run.possible),
            fired=self._ids_of(run.fired),
            fired_possible=self._ids_of(run.fired + run.fired_only_possible),
        )

    def _ids_of(self, numbers: list[int]) -> tuple[str, ...]:
        return tuple(self._clauses[number].id for number in sorted(numbers))


def _index(clauses: tuple[Clause, ...], first: int) -> _Pass:
    reads = Counter(name for clause in clauses for name in clause.when)
    sleepers: dict[str, list[int]] = {}
    for number, clause in enumerate(clauses, first):
        if clause.when:
            sleepers.setdefault(min(clause.when, key=lambda name: reads[name]), []).append(number)
    return _Pass(
        roots=tuple(number for number, clause in enumerate(clauses, first) if not clause.when),
        sleepers={name: tuple(numbers) for name, numbers in sleepers.items()},
        reads=frozenset(reads),
    )


class _Run:
    """One evaluation: what holds in each world and what fired so far."""

    def __init__(self, clauses: tuple[Clause, ...], sure: set[str], possible: set[str], budget: Budget) -> None:
        self.sure = sure
        self.possible = possible
        self.fired: list[int] = []
        self.fired_only_possible: list[int] = []
        self._clauses = clauses
        self._budget = budget
        self._deadline = monotonic() + budget.seconds

    def check(self) -> None:
        """Stop at the limits of the budget; a pass in between is short and never larger than the program."""
        if len(self.possible) > self._budget.facts:
            raise EngineError("budget", f"more than {self._budget.facts} facts")
        if len(self.fired) + len(self.fired_only_possible) > self._budget.firings:
            raise EngineError("budget", f"more than {self._budget.firings} firings")
        if monotonic() >= self._deadline:
            raise EngineError("deadline", f"not done after {self._budget.seconds} s")

    def solve(self, layer: _Pass) -> None:
        """The sure world until it is quiet, then what only the possible world adds."""
        moved: dict[str, list[int]] = {}
        held = self._chain(layer, moved, list(layer.reads & self.sure), layer.roots, sure=True)
        self._chain(layer, moved, list((layer.reads & self.possible) - self.sure), held, sure=False)

    def _chain(self, layer: _Pass, moved: dict[str, list[int]], queue: list[str], ready: Iterable[int], sure: bool) -> list[int]:
        """Wake what sleeps under the names of `queue`, which grows on the way; `ready` is awake. `moved` are the clauses that sleep
        elsewhere by now. Returns the clauses with every `when` true that `unless` or `open` holds back."""
        world, fired = (self.sure, self.fired) if sure else (self.possible, self.fired_only_possible)
        held: list[int] = []
        at = 0
        while True:
            for number in ready:
                clause = self._clauses[number]
                for name in clause.when:
                    if name not in world:
                        moved.setdefault(name, []).append(number)
                        break
                else:
                    if (clause.unless or clause.open) and not self._lets_through(clause, sure):
                        held.append(number)
                        continue
                    fired.append(number)
                    if clause.head not in world:
                        world.add(clause.head)
                        self.possible.add(clause.head)
                        queue.append(clause.head)
            if at == len(queue):
                return held
            name = queue[at]
            at += 1
            ready = (*layer.sleepers.get(name, ()), *moved.pop(name, ()))

    def _lets_through(self, clause: Clause, sure: bool) -> bool:
        """`unless` looks at the other world, `open` wants possible and not sure. Both name only what earlier passes settled."""
        other = self.possible if sure else self.sure
        return other.isdisjoint(clause.unless) and all(name in self.possible and name not in self.sure for name in clause.open)
