"""Genetics: what the reports say about a gene. No report is unknown; a report of another gene says nothing about this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rules.facts import UNREADABLE, Observation, Presence
from rules.findings import NotChecked
from rules.patterns.base import ABSENT, Context, Names, PatternError, Support, Truth, Verdict, any_of, both, gaps
from rules.patterns.index import MAYBE_FINAL, RecordIndex
from rules.patterns.when import COMPARATORS, Comparison

__all__ = ["GENE_QUALIFIERS", "Gene", "gene"]

GENE_QUALIFIERS: Final = {"is", "significance", *COMPARATORS}
STUDIED: Final = frozenset({"gene-studied"})
SIGNIFICANCE: Final[Mapping[str, frozenset[str]]] = {
    "pathogenic": frozenset({"pathogenic", "likely-pathogenic"}),
    "uncertain": frozenset({"vus"}),
    "negative": frozenset({"benign", "likely-benign", "negative", "not-detected"}),
}
ALL: Final = frozenset[str]().union(*SIGNIFICANCE.values())


@dataclass(frozen=True, slots=True)
class Gene:
    """Any final report about one of `genes`, of the wanted significance (likely pathogenic counts as pathogenic) or copy number."""

    label: str
    genes: Names
    known: Names
    wanted: frozenset[str]
    copies: Comparison | None
    reads: tuple[str, ...] = ("Observation",)

    @property
    def triggers(self) -> Names:
        """A genetics report."""
        return STUDIED

    def quiet(self, index: RecordIndex) -> Verdict:
        """No report about this gene."""
        missing = gaps(index, self.reads) or (NotChecked(f"gene:{self.label}", "no result in the record", "Observation"),)
        return Verdict(Presence.UNKNOWN, missing=missing)

    def judge(self, fact: Observation) -> Truth:
        """One report. With several genes and several significances it does not say which belongs to which."""
        if fact.status == UNREADABLE:
            return None
        tests: list[Truth] = []
        if self.wanted:
            said = fact.answers & ALL
            mixed = len(said) > 1 and len(fact.answers & self.known) > 1
            tests.append(None if mixed or not said else bool(said & self.wanted))
        if self.copies:
            tests.append(self.copies.of_quantity(fact.value))
        return both(tests)

    def match(self, index: RecordIndex) -> Verdict:
        """Every report counts, not only the latest: a genotype does not change."""
        reports = [
            fact
            for fact in index.pick(index.observations, STUDIED)
            if fact.status in MAYBE_FINAL and fact.valued and fact.answers & self.genes
        ]
        if not reports:
            return self.quiet(index)
        judged = [(fact, self.judge(fact)) for fact in reports]
        truth = any_of(value for _, value in judged)
        if truth is None:
            return Verdict(Presence.UNKNOWN, missing=(NotChecked(f"gene:{self.label}", "result not understood", "Observation"),))
        if not truth:
            return ABSENT
        found = [fact for fact, value in judged if value]
        return Verdict(
            Presence.PRESENT,
            tuple(Support(f"gene:{min(fact.answers & self.genes)}", fact.ref, fact.when.text if fact.when else None) for fact in found),
        )


def gene(context: Context, table: Mapping[str, object]) -> Gene:
    """Build a gene condition; raises PatternError for a symbol that the vocabulary does not list."""
    raw = table["gene"]
    symbols = [raw] if isinstance(raw, str) else raw
    known = context.terminology.of_kind("gene")
    if not isinstance(symbols, list) or not symbols or any(symbol not in known for symbol in symbols):
        raise PatternError(f"gene: found {raw!r}, expected gene symbols of rules/codes/vocabulary.csv: {', '.join(sorted(known))}")
    wanted = table.get("significance")
    if wanted is not None and wanted not in SIGNIFICANCE:
        raise PatternError(f"significance: found {wanted!r}, expected one of {', '.join(SIGNIFICANCE)}")
    return Gene(
        label=context.label(raw),
        genes=frozenset(map(str, symbols)),
        known=known,
        wanted=SIGNIFICANCE[str(wanted)] if wanted else frozenset(),
        copies=Comparison.build(context, table, unit="1"),
    )
