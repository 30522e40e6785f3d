"""The contract of `rules.engine.interface` once more, as slowly and literally as possible."""

from __future__ import annotations

from rules.engine.interface import Clause, Outcome, Program

__all__ = ["solve"]


def solve(program: Program, sure: frozenset[str], possible: frozenset[str]) -> Outcome:
    """Repeat every clause of a pass in both worlds until nothing changes."""
    fired: list[str] = []
    fired_possible: list[str] = []
    for clauses in program.passes:
        before, before_possible = sure, possible
        while True:
            in_sure = [c for c in clauses if _holds(c, sure, before_possible, before, before_possible)]
            in_possible = [c for c in clauses if _holds(c, possible, before, before, before_possible)]
            more, more_possible = sure | {c.head for c in in_sure}, possible | {c.head for c in in_possible}
            if (more, more_possible) == (sure, possible):
                break
            sure, possible = more, more_possible
        fired += [c.id for c in in_sure]
        fired_possible += [c.id for c in in_possible]
    ids = tuple(clause.id for clauses in program.passes for clause in clauses)
    return Outcome(sure, possible, frozenset(map(ids.index, fired)), frozenset(map(ids.index, fired_possible)), ids)


def _holds(clause: Clause, own: frozenset[str], other: frozenset[str], sure: frozenset[str], possible: frozenset[str]) -> bool:
    return (
        all(name in own for name in clause.when)
        and not any(name in other for name in clause.unless)
        and all(name in possible and name not in sure for name in clause.open)
    )
