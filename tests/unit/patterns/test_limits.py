"""A limit that the specification states in two units."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, PatternError, RecordIndex, build
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT: dict[str, object] = {"lab": "paco2", "above": 45, "unit": "mm[Hg]"}
SAME: dict[str, object] = {**LIMIT, "same_limit": "6.0 kPa"}


def verdict(table: dict[str, object], value: float, unit: str) -> str:
    measured = {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
    code = {"coding": list(CODES.codings("paco2"))}
    result = {"resourceType": "Observation", "id": "o", "status": "final", "code": code, "effectiveDateTime": "2026-11-20"}
    record = extract([Input({**result, "valueQuantity": measured})], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (6.0, "kPa", "absent"),
        (6.01, "kPa", "present"),
        (5.99, "kPa", "absent"),
        (45, "mm[Hg]", "absent"),
        (45.001, "mm[Hg]", "present"),
        (6001, "Pa", "present"),  # 45.01 mmHg
        (5999, "Pa", "absent"),
        (6.0, "mg", "unknown"),
    ],
)
def test_a_limit_in_two_units_is_read_in_the_unit_of_the_result(value: float, unit: str, expected: str) -> None:
    assert verdict(SAME, value, unit) == expected


def test_by_conversion_alone_the_limit_would_be_passed() -> None:
    assert verdict(LIMIT, 6.0, "kPa") == "present"


@pytest.mark.parametrize(
    "wrong", [{"same_limit": 6}, {"same_limit": "6.0"}, {"same_limit": "6.0 odd"}, {"same_limit": "six kPa"}, {"below": 60}]
)
def test_a_second_unit_needs_one_limit_and_a_known_unit(wrong: dict[str, object]) -> None:
    with pytest.raises(PatternError):
        build(Context(CODES, {}, lifelong=True), {**SAME, **wrong})
