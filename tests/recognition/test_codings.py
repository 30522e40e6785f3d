"""Recall and false matches over codings as hospitals send them (`codings.csv`).

A row's `said` is, by `mode`: the text of a medication (text), the display of its reference (reference), the text of the one ingredient
of its Medication (ingredient), or codings `system^code^display` with " ~ " between them (codings). `expected` are the concepts that must
be found, `also` others that may be; what stands above an expected disease may be found too. Anything else found is a false match.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rules.extract import Input, extract
from rules.terminology import Terminology

CODES = Path(__file__).resolve().parents[2] / "rules" / "codes"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
RECALL_AT_LEAST = 0.98


@dataclass(frozen=True, slots=True)
class Row:
    """One line of codings.csv with what was missed and what was found wrongly."""

    group: str
    said: str
    expected: frozenset[str]
    missed: frozenset[str]
    wrong: frozenset[str]


def resource(kind: str, mode: str, said: str) -> dict[str, object]:
    """The FHIR resource that says it."""
    concept: dict[str, object] = {"text": said}
    if mode == "codings":
        codings = [dict(zip(("system", "code", "display"), part.split("^"), strict=True)) for part in said.split(" ~ ")]
        concept = {"coding": [{name: text for name, text in coding.items() if text} for coding in codings]}
    if kind == "condition":
        return {"resourceType": "Condition", "id": "x", "code": concept}
    if kind == "observation":
        return {"resourceType": "Observation", "id": "x", "status": "final", "code": concept, "valueString": "x"}
    order: dict[str, object] = {"resourceType": "MedicationRequest", "id": "x", "status": "active", "intent": "order"}
    if mode == "reference":
        return {**order, "medicationReference": {"reference": "Medication/elsewhere", "display": said}}
    if mode == "ingredient":
        tablet = {"resourceType": "Medication", "id": "t", "ingredient": [{"itemCodeableConcept": concept}]}
        return {**order, "contained": [tablet], "medicationReference": {"reference": "#t"}}
    return {**order, "medicationCodeableConcept": concept}


def judged(row: dict[str, str], terminology: Terminology) -> Row:
    """A row with what the service makes of it."""
    inputs = [Input(resource(row["kind"], row["mode"], row["said"]))]
    record = extract(inputs, terminology=terminology, as_of=NOW, hook="patient-view", unread={})
    found = frozenset[str]().union(
        *(fact.concepts for fact in record.medications),
        *(fact.concepts for fact in record.conditions),
        *(fact.concepts for fact in record.observations),
    )
    expected, also = frozenset(row["expected"].split()), set(row["also"].split())
    for name in expected:
        also.update(terminology.ancestors(name))
    return Row(row["group"], row["said"], expected, expected - found, found - expected - also)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    terminology = Terminology.load(CODES)
    with (Path(__file__).parent / "codings.csv").open(encoding="utf-8", newline="") as stream:
        return [judged(row, terminology) for row in csv.DictReader(stream)]


def table(rows: list[Row]) -> str:
    """Recall and false matches by group, then every row that went wrong."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
        groups["all"].append(row)
    lines = [f"{'group':20}{'rows':>6}{'wanted':>8}{'found':>7}{'recall':>9}{'false':>7}"]
    for name in sorted(groups, key=lambda name: (name == "all", name)):
        wanted = [row for row in groups[name] if row.expected]
        found = sum(not row.missed for row in wanted)
        recall = f"{found / len(wanted):9.1%}" if wanted else f"{'-':>9}"
        lines.append(f"{name:20}{len(groups[name]):6}{len(wanted):8}{found:7}{recall}{sum(bool(row.wrong) for row in groups[name]):7}")
    lines += [f"missed {', '.join(sorted(row.missed))}: {row.said}" for row in rows if row.missed]
    return "\n".join([*lines, *(f"false match {', '.join(sorted(row.wrong))}: {row.said}" for row in rows if row.wrong)])


def test_recall_is_at_least_98_percent_and_no_match_is_false(rows: list[Row]) -> None:
    report = table(rows)
    print(f"\n{report}")  # noqa: T201 - `pytest -s` shows the table
    wanted = [row for row in rows if row.expected]
    assert not [row for row in rows if row.wrong], report
    assert sum(not row.missed for row in wanted) >= RECALL_AT_LEAST * len(wanted), report


def test_the_list_is_broad_enough(rows: list[Row]) -> None:
    assert len(rows) >= 300
    assert len({row.said for row in rows}) == len(rows)
    assert sum(not row.expected for row in rows) >= 80
