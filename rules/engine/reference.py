"""The reference back-end: unit propagation with counters (Dowling and Gallier 1984) in plain Python.

A clause keeps a count of the `when` propositions it still waits for; a proposition that turns true lowers the counts of its readers. Only
clauses that read something present cost anything. The possible world continues where the sure one became quiet: everything sure is
possible, so only what is unknown is added. Contract: `rules.engine.interface`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from rules.engine.interface import Budget, Clause, EngineError, Outcome, Program

__all__ = ["ReferenceEngine"]


@dataclass(frozen=True, slots=True)
class _Pass:
    """One pass, indexed. Clauses are numbers in program order; `roots` wait for nothing; `guards` are (unless, open) where there is one."""

    roots: tuple[int, ...]
    readers: dict[str, tuple[int, ...]]
    guards: dict[int, tuple[tuple[str, ...], tuple[str, ...]]]


class ReferenceEngine:
    """Plain Python, no state between runs, safe to share between threads."""

    name: Literal["reference"] = "reference"

    def __init__(self, program: Program) -> None:
        """Index the program. Raises ProgramError."""
        program.check()
        clauses = [clause for members in program.passes for clause in members]
        self._ids = tuple(clause.id for clause in clauses)
        self._heads = tuple(clause.head for clause in clauses)
        self._needs = tuple(len(set(clause.when)) for clause in clauses)
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
        run = _Run(self._heads, self._needs, set(sure), set(possible), budget)
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
        return tuple(self._ids[number] for number in sorted(numbers))


def _index(clauses: tuple[Clause, ...], first: int) -> _Pass:
    readers: dict[str, list[int]] = {}
    for number, clause in enumerate(clauses, first):
        for name in dict.fromkeys(clause.when):
            readers.setdefault(name, []).append(number)
    return _Pass(
        roots=tuple(number for number, clause in enumerate(clauses, first) if not clause.when),
        readers={name: tuple(numbers) for name, numbers in readers.items()},
        guards={number: (clause.unless, clause.open) for number, clause in enumerate(clauses, first) if clause.unless or clause.open},
    )


class _Run:
    """One evaluation: what holds in each world and what fired so far."""

    def __init__(self, heads: tuple[str, ...], needs: tuple[int, ...], sure: set[str], possible: set[str], budget: Budget) -> None:
        self.sure = sure
        self.possible = possible
        self.fired: list[int] = []
        self.fired_only_possible: list[int] = []
        self._heads = heads
        self._needs = needs
        self._budget = budget
        self._deadline = monotonic() + budget.seconds

    def check(self) -> None:
        """Stop at the limits of the budget."""
        if len(self.possible) > self._budget.facts:
            raise EngineError("budget", f"more than {self._budget.facts} facts")
        if len(self.fired) + len(self.fired_only_possible) > self._budget.firings:
            raise EngineError("budget", f"more than {self._budget.firings} firings")
        if monotonic() >= self._deadline:
            raise EngineError("deadline", f"not done after {self._budget.seconds} s")

    def solve(self, layer: _Pass) -> None:
        """The sure world until it is quiet, then what only the possible world adds."""
        readers = layer.readers
        left: dict[int, int] = {}
        held = self._chain(layer, left, [name for name in self.sure if name in readers], layer.roots, sure=True)
        unknown = [name for name in self.possible if name in readers and name not in self.sure]
        self._chain(layer, left, unknown, held, sure=False)

    def _chain(self, layer: _Pass, left: dict[int, int], queue: list[str], ready: Iterable[int], sure: bool) -> list[int]:
        """Propagate `queue` through the counters in `left`; `ready` are clauses that wait for nothing more. Returns the held back."""
        needs, readers, guards = self._needs, layer.readers, layer.guards
        held: list[int] = []
        for number in ready:
            if number in guards and not self._lets_through(guards[number], sure):
                held.append(number)
            else:
                self._fire(number, readers, queue, sure)
        for name in queue:
            self.check()
            for number in readers[name]:
                waits = left.get(number, needs[number]) - 1
                if waits:
                    left[number] = waits
                elif number in guards and not self._lets_through(guards[number], sure):
                    held.append(number)
                else:
                    self._fire(number, readers, queue, sure)
        return held

    def _fire(self, number: int, readers: dict[str, tuple[int, ...]], queue: list[str], sure: bool) -> None:
        """Record the firing; a head that is new to this world joins the queue, which `_chain` is walking along."""
        world, fired = (self.sure, self.fired) if sure else (self.possible, self.fired_only_possible)
        fired.append(number)
        head = self._heads[number]
        if head not in world:
            world.add(head)
            self.possible.add(head)
            if head in readers:
                queue.append(head)

    def _lets_through(self, guard: tuple[tuple[str, ...], tuple[str, ...]], sure: bool) -> bool:
        """`unless` looks at the other world, `open` wants possible and not sure. Both name only what earlier passes settled."""
        unless, open_ = guard
        other = self.possible if sure else self.sure
        return other.isdisjoint(unless) and all(name in self.possible and name not in self.sure for name in open_)
