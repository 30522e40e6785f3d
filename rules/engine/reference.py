"""The reference back-end: every conclusion is worked out again whose conditions changed, in plain Python.

All clauses of one head form a *cell*. Cells stand in an order in which what a clause reads is concluded in an earlier cell; the heads of a
pass that read each other in a ring share a cell, which is repeated until it is quiet. Whether a head holds depends on the facts and on
earlier cells alone, so in order each cell has to be worked out once; and not at all when nothing that it reads is other than in the
solved typical patient that the run starts from (`rules.engine.background`): its result is then the same too. A clause that cannot hold
there, not even possibly, has an *excuse*: one thing that stands against it. As long as that stands, it does not matter what else differs.

Contract: `rules.engine.interface`. Clauses of one head in several passes may share a cell: no clause of an earlier pass may read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from time import monotonic
from typing import Literal

from rules.engine.background import NOTHING, Background, Backgrounds, Bases, Listening
from rules.engine.differing import Differing
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

    def __init__(self, program: Program, typical: Sequence[Facts] = (), bases: Bases | None = None) -> None:
        """Index the program. Raises ProgramError, FactsError. `typical` are facts as many runs have them: they make such runs cheaper, no
        different. `bases` are shared with the engine that this one is compared with."""
        program.check()
        self._ids = tuple(clause.id for members in program.passes for clause in members)
        self._cells = tuple(_cells(program))
        self._makers = {head: number for number, cell in enumerate(self._cells) for head in cell.heads}
        self._listening: Listening[str] = {}
        self._backgrounds: Backgrounds[str] = Backgrounds()
        excuses = _Excuses(self._cells)
        for facts in typical or (NOTHING,):
            self._settle(facts, excuses, bases or Bases())

    def _settle(self, facts: Facts, excuses: _Excuses, bases: Bases) -> None:
        """Solve for typical facts: the first all of it, the others from the nearest that is there."""
        run = self._started(facts, UNLIMITED)
        run.solve()
        held = bases.whole(run.sure), bases.whole(run.possible)
        fired = bases.whole(run.fired), bases.whole(run.fired_possible)
        listening = excuses.listening(*held, fired[1])
        if not self._backgrounds.all:
            self._listening, listening = listening, {}
        self._backgrounds.add(Background(facts, held, fired, listening))

    def _started(self, facts: Facts, budget: Budget) -> _Run:
        if not self._backgrounds.all:
            unsolved: Background[str] = Background(facts, (frozenset(facts[0]), frozenset(facts[1])), (frozenset(), frozenset()))
            return _Run(self._cells, self._listening, unsolved, facts, budget)
        start, differing = self._backgrounds.nearest(*facts)
        run = _Run(self._cells, self._listening, start, facts, budget)
        run.begin(differing, self._makers)
        return run

    def run(self, sure: Set[str], possible: Set[str], budget: Budget) -> Outcome:
        """Chain forward. Raises EngineError (budget, deadline) and FactsError when `sure` is not a subset of `possible`."""
        run = self._started((sure, possible), budget)
        run.solve()
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


class _Excuses:
    """Which cells listen to which name; remembers what it said for the first typical patient."""

    def __init__(self, cells: Sequence[_Cell]) -> None:
        self._cells = cells
        self._readers = Counter(name for cell in cells for _, clause in cell.clauses for name in _names(clause))
        self._first: dict[int, str | None] = {}

    def listening(self, sure: Set[str], possible: Set[str], fired: Set[int]) -> Listening[str]:
        """By name, the cells that it concerns where this holds and these fired in the possible world. For the first typical patient all of
        them, for another those who do not listen with the first."""
        found: dict[str, dict[int, None]] = {}
        for place, cell in enumerate(self._cells):
            for number, clause in cell.clauses:
                against = None if number in fired else _against(clause, sure, possible)
                for name in self._heeded(number, clause, against):
                    found.setdefault(name, {})[place] = None
        return {name: tuple(places) for name, places in found.items()}

    def _heeded(self, number: int, clause: Clause, against: Set[str] | None) -> Iterable[str]:
        """The name of those `against` a clause that the fewest read; every name it reads when there is none."""
        if number in self._first:
            excuse = self._first[number]
            if excuse is None or (against is not None and excuse in against):
                return ()
        excuse = min(against, key=lambda name: (self._readers[name], name)) if against is not None else None
        self._first.setdefault(number, excuse)
        return _names(clause) if excuse is None else (excuse,)


def _names(clause: Clause) -> Set[str]:
    return {*clause.when, *clause.unless, *clause.open}


def _against(clause: Clause, sure: Set[str], possible: Set[str]) -> Set[str]:
    """Every single one of these keeps the clause from holding in the possible world, and so in the sure one."""
    against = {name for name in (*clause.when, *clause.open) if name not in possible}
    return against | {name for name in (*clause.unless, *clause.open) if name in sure}


class _Run:
    """One evaluation: what holds in each world and which clauses fired so far, as they differ from a typical patient."""

    def __init__(self, cells: Sequence[_Cell], listening: Listening[str], start: Background[str], facts: Facts, budget: Budget) -> None:
        """All cells are to be worked out; after `begin` only those that the difference touches."""
        self.sure, self.possible = Differing(start.held[0]), Differing(start.held[1])
        self.fired, self.fired_possible = Differing(start.fired[0]), Differing(start.fired[1])
        self._facts = Differing.of(facts[0]), Differing.of(facts[1])
        self._cells = cells
        self._listening = listening, start.listening
        self._budget = budget
        self._deadline = budget.ends
        self._marks = bytearray(b"\1") * len(cells)

    def begin(self, differing: Set[str], makers: dict[str, int]) -> None:
        """Take over what holds in the typical patient, with these facts in place of its own. To be worked out are the cells that this
        touches: the one that may conclude a fact that differs, and those that listen to it."""
        for world, facts in ((self.sure, self._facts[0]), (self.possible, self._facts[1])):
            world.decide(differing, facts.among(differing))
        self._marks = bytearray(len(self._cells))
        for name in differing:
            if name in makers:
                self._marks[makers[name]] = 1
            self._tell(name)

    def check(self) -> None:
        """Stop at the limits of the budget."""
        if len(self.possible) > self._budget.facts:
            raise EngineError("budget", f"more than {self._budget.facts} facts")
        if len(self.fired_possible) > self._budget.firings:
            raise EngineError("budget", f"more than {self._budget.firings} firings")
        if monotonic() >= self._deadline:
            raise EngineError("deadline", "not done in its time")

    def solve(self) -> None:
        """Work out the marked cells in order; a head that changed marks those that listen to it, all of them later ones."""
        marks = self._marks
        at = marks.find(1)
        while at >= 0:
            cell = self._cells[at]
            for head in self._ring(cell) if cell.is_ring else self._single(cell):
                self._tell(head)
            at = marks.find(1, at + 1)

    def _tell(self, name: str) -> None:
        for listening in self._listening:
            for place in listening.get(name, ()):
                self._marks[place] = 1

    def _single(self, cell: _Cell) -> tuple[str, ...]:
        """Work out a cell of one head, which no clause of it reads, from the facts and what it reads. Returns the heads that changed."""
        (head,) = cell.heads
        sure, possible = head in self._facts[0], head in self._facts[1]
        for number, clause in cell.clauses:
            fires = self._holds(clause, self.possible, self.sure)
            surely = fires and self._holds(clause, self.sure, self.possible)
            self.fired_possible.put(number, fires)
            self.fired.put(number, surely)
            sure, possible = sure or surely, possible or fires
        changed = self.sure.put(head, sure), self.possible.put(head, possible)
        return cell.heads if any(changed) else ()

    def _ring(self, cell: _Cell) -> tuple[str, ...]:
        """The same for heads that read each other: from none of them, clause by clause, until nothing follows any more."""
        heads = frozenset(cell.heads)
        for world, facts in ((self.sure, self._facts[0]), (self.possible, self._facts[1])):
            world.decide(heads, facts.among(heads))
        for fired in (self.fired, self.fired_possible):
            fired.drop({number for number, _ in cell.clauses})
        news = True
        while news:
            news = False
            for number, clause in cell.clauses:
                for own, other, fired in ((self.possible, self.sure, self.fired_possible), (self.sure, self.possible, self.fired)):
                    if number not in fired and self._holds(clause, own, other):
                        fired.put(number, True)
                        own.put(clause.head, True)
                        news = True
        return cell.heads

    def _holds(self, clause: Clause, own: Differing[str], other: Differing[str]) -> bool:
        """`when` looks at its own world, `unless` at the other one, `open` wants possible and not sure. The latter two name only what
        earlier passes settled."""
        base, changed = own.base, own.changed
        for name in clause.when:
            if (name in base) is (name in changed):
                return False
        base, changed = other.base, other.changed
        for name in clause.unless:
            if (name in base) is not (name in changed):
                return False
        return not clause.open or all(name in self.possible and name not in self.sure for name in clause.open)
