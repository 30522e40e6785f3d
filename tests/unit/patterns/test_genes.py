"""What genetics reports say about a gene."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import rules
from rules.facts import Observation, Presence, Record
from rules.patterns import Context, PatternError, RecordIndex, build
from rules.quantity import Quantity
from rules.terminology import Terminology

CONTEXT = Context(Terminology.load(Path(rules.__file__).parent / "codes"), {}, lifelong=True)


def report(*answers: str, status: str = "final", copies: int | None = None) -> Observation:
    value = Quantity(Decimal(copies), "1") if copies is not None else None
    return Observation("Observation/g", frozenset({"gene-studied"}), status, answers=frozenset(answers), value=value)


def verdict(table: dict[str, object], *reports: Observation, unread: dict[str, str] | None = None) -> Presence:
    record = Record(datetime(2026, 11, 22, tzinfo=UTC), "patient-view", observations=reports, unread=unread or {})
    return build(CONTEXT, table).match(RecordIndex(record)).presence


PATHOGENIC = {"gene": "SOD1", "significance": "pathogenic"}


@pytest.mark.parametrize(
    ("table", "reports", "expected"),
    [
        (PATHOGENIC, (report("SOD1", "pathogenic"),), "present"),
        (PATHOGENIC, (report("SOD1", "likely-pathogenic"),), "present"),
        (PATHOGENIC, (report("SOD1", "vus"),), "absent"),
        (PATHOGENIC, (report("SOD1"),), "unknown"),  # a report without a significance says nothing
        (PATHOGENIC, (report("TARDBP", "pathogenic"),), "unknown"),  # another gene
        (PATHOGENIC, (report("SOD1", "TARDBP", "pathogenic", "vus"),), "unknown"),  # which is which?
        (PATHOGENIC, (report("SOD1", "TARDBP", "pathogenic"),), "present"),
        (PATHOGENIC, (report("SOD1", "pathogenic", status="preliminary"),), "unknown"),
        (PATHOGENIC, (report("SOD1", "pathogenic", status="entered-in-error"),), "unknown"),
        (PATHOGENIC, (report("SOD1", "vus"), report("SOD1", "pathogenic")), "present"),
        (PATHOGENIC, (report("SOD1", "vus"), report("SOD1", "pathogenic", status="unreadable")), "unknown"),  # it may be final
        (PATHOGENIC, (report("SOD1", "vus"), report("SOD1", "pathogenic", status="preliminary")), "absent"),
        (PATHOGENIC, (), "unknown"),
        ({"gene": "SOD1", "significance": "uncertain"}, (report("SOD1", "vus"),), "present"),
        ({"gene": ["SOD1", "TARDBP"]}, (report("TARDBP", "vus"),), "present"),
        ({"gene": "SMN2", "at_most": 3}, (report("SMN2", copies=3),), "present"),
        ({"gene": "SMN2", "at_most": 3}, (report("SMN2", copies=4),), "absent"),
        ({"gene": "SMN2", "at_most": 3}, (report("SMN2"),), "unknown"),
    ],
)
def test_verdict(table: dict[str, object], reports: tuple[Observation, ...], expected: str) -> None:
    assert verdict(table, *reports) == expected


def test_observations_that_could_not_be_read_are_named() -> None:
    record = Record(datetime(2026, 11, 22, tzinfo=UTC), "patient-view", unread={"Observation": "not reachable"})
    found = build(CONTEXT, PATHOGENIC).match(RecordIndex(record))
    assert found.presence is Presence.UNKNOWN
    assert found.missing[0].why == "not reachable"


def test_a_symbol_that_is_not_on_the_list_is_refused() -> None:
    with pytest.raises(PatternError, match="expected gene symbols"):
        build(CONTEXT, {"gene": "SOD11"})
