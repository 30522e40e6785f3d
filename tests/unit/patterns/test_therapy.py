"""What counts as current therapy: a status that says nothing leaves it unknown, for it is no statement that the drug is not taken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Medication, Origin
from rules.patterns import Context, RecordIndex, build, therapy
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def verdict(kind: str, status: object, intent: str = "order") -> str:
    drug = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1256"}]}
    resource = {"resourceType": kind, "id": "o", "status": status, "medicationCodeableConcept": drug}
    if kind == "MedicationRequest":
        resource["intent"] = intent
    record = extract([Input(resource)], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), {"med": "azathioprine"}).match(RecordIndex(record)).presence)


@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement"])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", "present"),
        ("on-hold", "present"),
        ("unknown", "unknown"),
        (None, "unknown"),
        ("zzz", "unknown"),
        (["active"], "unknown"),
        ("stopped", "absent"),
        ("completed", "absent"),
        ("entered-in-error", "absent"),
    ],
)
def test_a_status_that_says_nothing_leaves_therapy_unknown(kind: str, status: object, expected: str) -> None:
    assert verdict(kind, status) == expected


def test_an_option_is_no_therapy_whatever_its_status() -> None:
    assert {verdict("MedicationRequest", status, "option") for status in ("active", "unknown", None)} == {"absent"}


def weight(name: str, amount: float, unit: str, when: str, status: str = "final") -> Input:
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    value = {"value": amount, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return Input(
        {"resourceType": "Observation", "id": name, "status": status, "code": code, "effectiveDateTime": when, "valueQuantity": value}
    )


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([weight("a", 70, "kg", "2026-10-01"), weight("b", 80, "kg", "2026-11-01"), weight("c", 60, "kg", "2026-09-01")], 80),
        ([weight("a", 70_000, "g", "2026-10-01")], 70),
        ([weight("a", 70, "kg", "2026-10-01"), weight("b", 80, "cm", "2026-11-01")], 70),
        ([weight("a", 70, "kg", "2026-10-01"), weight("b", 7, "kg", "2026-11-01", "entered-in-error")], 70),
        ([weight("a", 70, "kg", "2026-10-01"), weight("b", 7, "kg", "2026-11-01", "cancelled")], 70),
        ([weight("a", 70, "kg", "2026-10-01", "preliminary")], None),
        ([weight("a", 70, "kg", "2025-11-21")], None),
        ([weight("a", 80, "cm", "2026-11-01")], None),
        ([], None),
    ],
)
def test_the_weight_is_the_latest_of_the_last_year_that_is_one(weights: list[Input], expected: int | None) -> None:
    """A dose for each kilogram is worked out with it."""
    for given in (weights, weights[::-1]):
        record = extract(given, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
        assert therapy.weight_kg(RecordIndex(record)) == expected


def fact(kind: str, status: str, intent: str | None = None, origin: Origin = Origin.RECORD, *, forbidden: bool = False) -> Medication:
    return Medication(f"{kind}/x", kind, frozenset({"azathioprine"}), status, intent, origin, forbidden)


@pytest.mark.parametrize(
    ("record", "given", "ended"),
    [
        (fact("MedicationRequest", "active", "order"), True, False),
        (fact("MedicationRequest", "completed", "order"), True, True),
        (fact("MedicationRequest", "stopped", "order"), True, True),
        (fact("MedicationRequest", "cancelled", "order"), False, False),  # withdrawn before any dose
        (fact("MedicationRequest", "draft", "order"), False, False),
        (fact("MedicationRequest", "completed", "option"), False, True),
        (fact("MedicationRequest", "active", "order", forbidden=True), False, False),
        (fact("MedicationRequest", "entered-in-error", "order"), False, False),
        (fact("MedicationRequest", "completed", "order", Origin.DRAFT), False, False),
        (fact("MedicationAdministration", "completed"), True, True),
        (fact("MedicationAdministration", "in-progress"), True, False),
        (fact("MedicationAdministration", "not-done"), False, False),
        (fact("MedicationAdministration", "completed", forbidden=True), False, False),
        (fact("MedicationStatement", "not-taken"), False, False),
        (fact("MedicationDispense", "completed"), True, False),
        (fact("MedicationDispense", "cancelled"), False, False),
    ],
)
def test_what_was_given_and_what_has_ended(record: Medication, given: bool, ended: bool) -> None:
    assert (therapy.given(record), therapy.ended(record)) == (given, ended)
