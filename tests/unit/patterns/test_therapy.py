"""What counts as current therapy: a status that says nothing leaves it unknown, for it is no statement that the drug is not taken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, RecordIndex, build
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
