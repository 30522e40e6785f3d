"""How far a pregnancy is today: the reading of then and the time since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, RecordIndex, build
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATE: Mapping[str, object] = {"calc": "gestation", "within": "44 weeks", "at_least": 30, "unit": "wk"}


def presence(condition: Mapping[str, object], *readings: tuple[str | None, float, str]) -> str:
    resources = [
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "code": {"coding": list(CODES.codings("gestational-age"))},
            "valueQuantity": {"value": value, "unit": unit},
            **({"effectiveDateTime": when} if when else {}),
        }
        for number, (when, value, unit) in enumerate(readings)
    ]
    record = extract([Input(one) for one in resources], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), condition).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (("2026-11-22", 30, "wk"), "present"),
        (("2026-11-22", 29, "wk"), "absent"),
        (("2026-11-15", 29, "wk"), "present"),
        (("2026-11-16", 29, "wk"), "absent"),
        (("2026-11-08T23:00:00Z", 28, "weeks"), "present"),
        (("2026-11-19", 207, "d"), "present"),
        (("2026-11", 29, "wk"), "unknown"),  # any day of November, so 29 or 31 weeks
        (("2026-10", 29, "wk"), "present"),
        (("2026-11-15", 29, "1"), "unknown"),
        (("2026-01-10", 20, "wk"), "unknown"),  # before the window: of another pregnancy
        ((None, 36, "wk"), "unknown"),
    ],
)
def test_a_gestational_age_is_moved_forward_to_today(reading: tuple[str | None, float, str], expected: str) -> None:
    assert presence(LATE, reading) == expected


def test_without_a_window_an_undated_reading_is_unknown_too() -> None:
    assert presence({key: value for key, value in LATE.items() if key != "within"}, (None, 36, "wk")) == "unknown"


def test_nothing_on_file_is_unknown_and_two_readings_of_one_day_have_to_agree() -> None:
    assert presence(LATE) == "unknown"
    assert presence(LATE, ("2026-11-15", 29, "wk"), ("2026-11-15", 28, "wk")) == "unknown"
    assert presence(LATE, ("2026-11-15", 29, "wk"), ("2026-11-15", 30, "wk")) == "present"
