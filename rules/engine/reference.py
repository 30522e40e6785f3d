"""The reference back-end: every conclusion is worked out again whose conditions changed, in plain Python.

All clauses of one head form a *cell*. Cells stand in an order in which what a clause reads is concluded in an earlier cell; the heads of a
pass that read each other in a ring share a cell, which is repeated until it is quiet. Whether a head holds depends on the facts and on
earlier cells alone, so in order each cell has to be worked out once; and not at all when nothing that it reads is other than in the
solved typical patient that the run starts from (`rules.engine.background`): its result is then the same too.

Contract: `rules.engine.interface`. Clauses of one head in several passes may share a cell: no clause of an earlier pass may read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from time import monotonic
from typing import Literal

from rules.engine.background import NOTHING, Background, Backgrounds
from rules.engine.interface import Budget, Clause, EngineError, Facts, Outcome, Program

__all__ = ["ReferenceEngine"]

UNLIMITED = Budget(facts=10**9, firings=10**9, seconds=10**9)


@dataclass(frozen=True, slots=True)
class _Cell:
    """The clauses that conclude `heads` (one head, or those of a ring), each with its number in the program."""

    heads: tuple[str, ...]
    clauses: tuple[tuple[int, Clause], ...]
    is_ring: bool


class ReferenceEngine:
    """Plain Python, no state between runs, safe to share between threads."""

    name: Literal["reference"] = "reference"

    def __init__(self, program: Program, typical: Sequence[Facts] = ()) -> None:
        """Index the program. Raises ProgramError. `typical` are facts as many runs have them: they make such runs cheaper, no different."""
        program.check()
        self._ids = tuple(clause.id for members in program.passes for clause in members)
        self._cells = tuple(_cells(program))
        self._readers: dict[str, list[int]] = {}
        self._makers = {head: number for number, cell in enumerate(self._cells) for head in cell.heads}
        for number, cell in enumerate(self._cells):
            for name in {name for _, clause in cell.clauses for name in (*clause.when, *clause.unless, *clause.open)}:
                self._readers.setdefault(name, []).append(number)
        self._backgrounds: Backgrounds[str] = Backgrounds()
        for facts in typical or (NOTHING,):
            self._backgrounds.add(self._settled(facts))

    def _settled(self, facts: Facts) -> Background[str]:
        """Solve for typical facts: the first all of it, the others from the nearest that is there."""
        run = _Run(self._cells, self._readers, facts, UNLIMITED)
        known = self._backgrounds
        run.solve(run.begin(*known.nearest(*facts), self._makers) if known.all else run.begin_with_nothing())
        first = known.all[0].facts if known.all else facts
        apart = facts[0] ^ first[0], facts[1] ^ first[1]
        held = frozenset(run.sure), frozenset(run.possible)
        return Background(facts, apart, held, (frozenset(run.fired), frozenset(run.fired_possible)))

    def run(self, sure: Set[str], possible: Set[str], budget: Budget) -> Outcome:
        """Chain forward. Raises EngineError (budget, deadline) and ValueError when `sure` is not a subset of `possible`."""
        if not sure <= possible:
            raise ValueError("sure must be a subset of possible")
        run = _Run(self._cells, self._readers, (sure, possible), budget)
        run.solve(run.begin(*self._backgrounds.nearest(sure, possible), self._makers))
        run.check()
        return Outcome(
            sure=run.sure,
            possible=run.possible,
            numbers=run.fired,
            numbers_possible=run.fired_possible,
            ids=self._ids,
        )


def _cells(program: Program) -> Iterator[_Cell]:
    """The cells in order. A pass with a ring in it is one cell."""
    last = {clause.head: number for number, members in enumerate(program.passes) for clause in members}
    made: list[dict[str, list[tuple[int, Clause]]]] = [{} for _ in program.passes]
    for number, clause in enumerate(clause for members in program.passes for clause in members):
        made[last[clause.head]].setdefault(clause.head, []).append((number, clause))
    for heads in made:
        reads = {head: {name for _, clause in clauses for name in clause.when if name in heads} for head, clauses in heads.items()}
        try:
            order = tuple(TopologicalSorter(reads).static_order())
        except CycleError:
            yield _Cell(tuple(heads), tuple(clause for clauses in heads.values() for clause in clauses), is_ring=True)
        else:
            for head in order:
                yield _Cell((head,), tuple(heads[head]), is_ring=False)


class _Run:
    """One evaluation: what holds in each world and which clauses fired so far."""

    def __init__(self, cells: Sequence[_Cell], readers: dict[str, list[int]], facts: Facts, budget: Budget) -> None:
        self.sure: set[str] = set()
        self.possible: set[str] = set()
        self.fired: set[int] = set()
        self.fired_possible: set[int] = set()
        self._cells = cells
        self._readers = readers
        self._facts = facts
        self._budget = budget
        self._deadline = budget.ends

    def begin(self, start: Background[str], differing: Set[str], makers: dict[str, int]) -> bytearray:
        """Take over what holds in `start`, with these facts in place of its own. Returns a mark for every cell that this touches: the one
        that may conclude a fact that differs, and those that read it."""
        self.sure, self.possible = set(start.held[0]), set(start.held[1])
        self.sure -= differing
        self.sure |= self._facts[0] & differing
        self.possible -= differing
        self.possible |= self._facts[1] & differing
        self.fired, self.fired_possible = set(start.fired[0]), set(start.fired[1])
        marks = bytearray(len(self._cells))
        for name in differing:
            if name in makers:
                marks[makers[name]] = 1
            for reader in self._readers.get(name, ()):
                marks[reader] = 1
        return marks

    def begin_with_nothing(self) -> bytearray:
        """Every cell has a mark: all of it is to be worked out."""
        self.sure, self.possible = set(self._facts[0]), set(self._facts[1])
        return bytearray(b"\1") * len(self._cells)

    def check(self) -> None:
        """Stop at the limits of the budget."""
        if len(self.possible) > self._budget.facts:
            raise EngineError("budget", f"more than {self._budget.facts} facts")
        if len(self.fired_possible) > self._budget.firings:
            raise EngineError("budget", f"more than {self._budget.firings} firings")
        if monotonic() >= self._deadline:
            raise EngineError("deadline", "not done in its time")

    def solve(self, marks: bytearray) -> None:
        """Work out the marked cells in order; a head that changed marks those that read it, all of them later ones."""
        readers = self._readers
        at = marks.find(1)
        while at >= 0:
            cell = self._cells[at]
            for head in self._ring(cell) if cell.is_ring else self._single(cell):
                for reader in readers.get(head, ()):
                    marks[reader] = 1
            at = marks.find(1, at + 1)

    def _single(self, cell: _Cell) -> tuple[str, ...]:
        """Work out a cell of one head, which no clause of it reads, from the facts and what it reads. Returns the heads that changed."""
        (head,) = cell.heads
        sure, possible = head in self._facts[0], head in self._facts[1]
        for number, clause in cell.clauses:
            if not self._holds(clause, self.possible, self.sure):
                self.fired_possible.discard(number)
                self.fired.discard(number)
                continue
            possible = True
            self.fired_possible.add(number)
            if self._holds(clause, self.sure, self.possible):
                sure = True
                self.fired.add(number)
            else:
                self.fired.discard(number)
        if sure is (head in self.sure) and possible is (head in self.possible):
            return ()
        (self.sure.add if sure else self.sure.discard)(head)
        (self.possible.add if possible else self.possible.discard)(head)
        return cell.heads

    def _ring(self, cell: _Cell) -> tuple[str, ...]:
        """The same for heads that read each other: from none of them, clause by clause, until nothing follows any more."""
        self.sure.difference_update(cell.heads)
        self.possible.difference_update(cell.heads)
        self.sure.update(head for head in cell.heads if head in self._facts[0])
        self.possible.update(head for head in cell.heads if head in self._facts[1])
        numbers = {number for number, _ in cell.clauses}
        self.fired -= numbers
        self.fired_possible -= numbers
        known = -1
        while known != (known := len(self.fired) + len(self.fired_possible)):
            for number, clause in cell.clauses:
                for own, other, fired in ((self.possible, self.sure, self.fired_possible), (self.sure, self.possible, self.fired)):
                    if number not in fired and self._holds(clause, own, other):
                        fired.add(number)
                        own.add(clause.head)
        return cell.heads

    def _holds(self, clause: Clause, own: set[str], other: set[str]) -> bool:
        """`when` looks at its own world, `unless` at the other one, `open` wants possible and not sure. The latter two name only what
        earlier passes settled."""
        return (
            own.issuperset(clause.when)
            and other.isdisjoint(clause.unless)
            and (not clause.open or (self.possible.issuperset(clause.open) and self.sure.isdisjoint(clause.open)))
        )
