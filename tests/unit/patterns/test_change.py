"""Which earlier value a change is measured from."""

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
CONTEXT = Context(CODES, {}, lifelong=True)


def weighed(number: int, when: str, value: int) -> dict[str, object]:
    code = {"coding": list(CODES.codings("weight"))}
    quantity = {"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": code,
        "effectiveDateTime": when,
        "valueQuantity": quantity,
    }


@pytest.mark.parametrize(
    ("start", "values", "expected"),
    [
        ("lowest", {"2026-11-21": 3, "2026-11-10": 3, "2026-11-01": 2}, "present"),
        ("lowest", {"2026-11-21": 3, "2026-11-10": 2, "2026-11-01": 3}, "present"),
        ("lowest", {"2026-11-21": 3, "2026-11-01": 3}, "absent"),
        ("lowest", {"2026-11-21": 3, "2026-10-23": 2}, "unknown"),  # 29 days apart
        ("lowest", {"2026-11-21": 3, "2024-11-21": 2}, "unknown"),
        ("nearest", {"2026-11-21": 3, "2024-11-21": 2}, "present"),  # however far away
        ("nadir", {"2026-11-21": 3, "2026-11-10": 2, "2026-11-01": 1}, "unknown"),  # it never stopped rising
    ],
)
def test_a_rise_is_measured_from_the_value_that_is_asked_for(start: str, values: dict[str, int], expected: str) -> None:
    inputs = [Input(weighed(number, when, value)) for number, (when, value) in enumerate(values.items())]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    pattern = build(CONTEXT, {"change": "weight", "over": "28 days", "from": start, "rise_at_least": 1})
    assert str(pattern.match(RecordIndex(record)).presence) == expected


def test_another_word_is_refused() -> None:
    with pytest.raises(PatternError, match="expected nearest, highest, lowest or nadir"):
        build(CONTEXT, {"change": "weight", "over": "28 days", "from": "first", "rise_at_least": 1})
