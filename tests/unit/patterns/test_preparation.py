"""What counts as a procedure that is being prepared: planned surgery by the input dictionary of the referral specification."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Origin
from rules.patterns import Context, RecordIndex, build
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
THYMECTOMY = {"coding": list(CODES.codings("thymectomy"))}


def verdict(
    table: dict[str, object],
    status: str,
    origin: Origin = Origin.RECORD,
    unread: dict[str, str] | None = None,
    dates: dict[str, object] | None = None,
) -> str:
    resource = {"resourceType": "Procedure", "id": "p", "status": status, "code": THYMECTOMY, **(dates or {})}
    record = extract([Input(resource, origin)], terminology=CODES, as_of=NOW, hook="patient-view", unread=unread or {})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("preparation", "present"),
        ("in-progress", "absent"),
        ("completed", "absent"),
        ("not-done", "absent"),
        ("on-hold", "absent"),
        ("stopped", "absent"),
        ("unknown", "absent"),
        ("entered-in-error", "absent"),
    ],
)
def test_only_the_status_preparation_counts(status: str, expected: str) -> None:
    assert verdict({"preparation": "thymectomy"}, status, dates={"performedDateTime": "2026-12-01"}) == expected
    assert verdict({"done": "thymectomy"}, status, dates={"performedDateTime": "2026-11-01"}) == (
        "present" if status == "completed" else "absent"
    )


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"performedDateTime": "2026-11-22"}, "present"),
        ({"performedDateTime": "2027-02-20"}, "present"),
        ({"performedDateTime": "2027-02-21"}, "absent"),
        ({"performedDateTime": "2026-11-21"}, "absent"),
        ({"performedPeriod": {"start": "2026-12-01"}}, "present"),
        ({"performedPeriod": {"start": "2027-03-01"}}, "absent"),
        ({}, "present"),
    ],
)
def test_a_date_that_is_stated_lies_ahead_within_the_window(dates: dict[str, object], expected: str) -> None:
    assert verdict({"preparation": "thymectomy", "ahead": "90 days"}, "preparation", dates=dates) == expected


def test_a_draft_of_the_call_is_not_in_preparation() -> None:
    assert verdict({"preparation": "thymectomy"}, "preparation", Origin.DRAFT) == "absent"


def test_another_procedure_is_not_asked_for() -> None:
    assert verdict({"preparation": "tonsillectomy"}, "preparation") == "absent"


def test_procedures_that_could_not_be_read_leave_it_open() -> None:
    assert verdict({"preparation": "tonsillectomy"}, "preparation", unread={"Procedure": "HTTP 500"}) == "unknown"


def test_an_appointment_or_an_order_is_no_procedure_in_preparation() -> None:
    assert verdict({"appointment": "thymectomy"}, "preparation") == "absent"
    assert verdict({"order": "thymectomy", "status": ["draft", "active"]}, "preparation") == "absent"


@pytest.mark.parametrize(
    ("status", "expected"),
    [("in-progress", "present"), ("completed", "absent"), ("preparation", "absent"), ("on-hold", "absent"), ("stopped", "absent")],
)
def test_a_procedure_that_is_going_on_is_done_only_where_the_rule_asks_for_that(status: str, expected: str) -> None:
    going: dict[str, object] = {"done": "thymectomy", "status": ["in-progress"]}
    assert verdict(going, status) == expected
    assert verdict(going, status, Origin.DRAFT) == "absent"
    assert verdict({**going, "within": "30 days"}, status, dates={"performedPeriod": {"start": "2026-11-01"}}) == expected
    assert verdict({**going, "within": "1 day"}, status, dates={"performedPeriod": {"start": "2026-11-01"}}) == "absent"
