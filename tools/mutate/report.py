"""Figures and survivors of a mutation run, as tables for a reader and as JSON for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from tools.members import pinned
from tools.mutate.mutants import KINDS
from tools.mutate.results import Equivalent, Result, Tried

__all__ = ["Figures", "figures", "survivors", "tables"]

Pair = tuple[str, Tried]


class Figures:
    """How many of some mutants a vignette caught. Equivalent ones do not count."""

    def __init__(self, tried: Sequence[Pair], equivalent: Sequence[Equivalent]) -> None:
        same = [pair for pair in tried if not pair[1].caught and any(one.covers(pair[0], pair[1].mutant) for one in equivalent)]
        self.total = len(tried) - len(same)
        self.caught = sum(bool(one.caught) for _, one in tried)
        self.equivalent = len(same)

    @property
    def percent(self) -> float:
        """Caught of all that are not equivalent; 100 when there are none."""
        return 100 * self.caught / self.total if self.total else 100.0

    def as_json(self) -> dict[str, float]:
        """For the report file."""
        return {"mutants": self.total, "caught": self.caught, "percent": round(self.percent, 2), "equivalent": self.equivalent}


def _pairs(results: Sequence[Result], *, members: bool) -> list[Pair]:
    return [(result.rule, one) for result in results for one in result.tried if (one.kind == "member") == members]


def _listed(pairs: Sequence[Pair]) -> list[Pair]:
    """A member that is taken out is also caught by the test of the pinned members, when they name it."""
    known = {f"member: {name}: without {member}" for name, member in pinned()}
    return [(rule, replace(one, caught="members.csv") if not one.caught and one.mutant in known else one) for rule, one in pairs]


def figures(results: Sequence[Result], equivalent: Sequence[Equivalent]) -> dict[str, Figures]:
    """`all` and `critical` without value-set members, which are a sample and stand alone: caught by vignettes, and by any test."""
    tried = _pairs(results, members=False)
    members = _pairs(results, members=True)
    return {
        "all": Figures(tried, equivalent),
        "critical": Figures([pair for pair in tried if pair[1].critical], equivalent),
        "members": Figures(members, equivalent),
        "critical members": Figures([pair for pair in members if pair[1].critical], equivalent),
        "members, with the pinned lists": Figures(_listed(members), equivalent),
    }


def survivors(results: Sequence[Result], equivalent: Sequence[Equivalent]) -> dict[str, list[Tried]]:
    """By rule, without value-set members and equivalent ones; most first."""
    found: dict[str, list[Tried]] = {}
    for rule, one in _pairs(results, members=False):
        if not one.caught and not any(known.covers(rule, one.mutant) for known in equivalent):
            found.setdefault(rule, []).append(one)
    return dict(sorted(found.items(), key=lambda item: (-sum(one.critical for one in item[1]), -len(item[1]), item[0])))


def tables(results: Sequence[Result], equivalent: Sequence[Equivalent], console: Console, *, named: bool) -> None:
    """Print the figures by kind and the survivors by rule (`named`: each of them)."""
    table = Table("kind", "mutants", "caught", "%", "critical", "%", "equivalent")
    for kind in KINDS:
        tried = [(result.rule, one) for result in results for one in result.tried if one.kind == kind]
        every, critical = Figures(tried, equivalent), Figures([pair for pair in tried if pair[1].critical], equivalent)
        table.add_row(
            kind, str(every.total), str(every.caught), f"{every.percent:.1f}", str(critical.total), f"{critical.percent:.1f}",
            str(every.equivalent),
        )  # fmt: skip
    console.print(table)
    left = survivors(results, equivalent)
    for rule, alive in left.items():
        counted = Counter(one.kind for one in alive)
        console.print(
            f"{rule}: {len(alive)} survive ({sum(one.critical for one in alive)} critical): "
            + ", ".join(f"{count} {kind}" for kind, count in counted.most_common()),
            highlight=False, markup=False,
        )  # fmt: skip
        for one in alive if named else ():
            told = f"   [changed, but not stated, in: {one.seen}]" if one.seen else ""
            console.print(f"    {one.mutant}{told}", highlight=False, markup=False, soft_wrap=True)
