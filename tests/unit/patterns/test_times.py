"""How often something was done: on different days, however often one event is filed."""

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


def filed(number: int, when: str) -> dict[str, object]:
    code = {"coding": list(CODES.codings("chest-ct"))}
    return {"resourceType": "Procedure", "id": f"p{number}", "status": "completed", "code": code, "performedDateTime": when}


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2026-03-01", "2026-09-01"], "present"),
        (["2026-03-01", "2026-03-01"], "absent"),
        (["2026-03-01", "2026-03-01T09:30:00Z"], "absent"),
        (["2026-03-01", "2026-03-01", "2026-03-02"], "present"),
        (["2025", "2025"], "present"),  # a year may hold two
        (["2026-03-01"], "absent"),
    ],
)
def test_twice_is_on_two_days(dates: list[str], expected: str) -> None:
    inputs = [Input(filed(number, date)) for number, date in enumerate(dates)]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    pattern = build(Context(CODES, {}, lifelong=True), {"done": "chest-ct", "at_least_times": 2})
    assert str(pattern.match(RecordIndex(record)).presence) == expected


def test_one_dose_filed_twice_is_one_dose() -> None:
    vaccine = {"coding": list(CODES.codings("non-live-vaccine-menacwy"))}
    doses = [
        {
            "resourceType": "Immunization",
            "id": f"i{number}",
            "status": "completed",
            "vaccineCode": vaccine,
            "occurrenceDateTime": "2026-03-01",
        }
        for number in range(2)
    ]
    record = extract([Input(one) for one in doses], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    twice = build(Context(CODES, {}, lifelong=True), {"done": "VS-MENACWY", "at_least_times": 2})
    once = build(Context(CODES, {}, lifelong=True), {"done": "VS-MENACWY"})
    assert str(once.match(RecordIndex(record)).presence) == "present"
    assert str(twice.match(RecordIndex(record)).presence) == "absent"


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2026-09-01", "2026-11-08"], "present"),
        (["2026-09-01", "2026-11-09"], "absent"),
        (["2026-09-01", "2026-11"], "unknown"),
        (["2026-09-01", "2026-11", "2026-10"], "present"),
        (["", ""], "unknown"),
        (["", "2026-11-20"], "absent"),
        (["2026-09-01", "2027-01-01"], "absent"),
    ],
)
def test_twice_at_least_so_long_ago_needs_dates_that_say_so(dates: list[str], expected: str) -> None:
    inputs = [Input(filed(number, date)) for number, date in enumerate(dates)]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    pattern = build(Context(CODES, {}, lifelong=True), {"done": "chest-ct", "at_least_times": 2, "ago": "14 days"})
    assert str(pattern.match(RecordIndex(record)).presence) == expected
