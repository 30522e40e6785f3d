"""What is ordered and still to be carried out: planned surgery by the input dictionary of the referral specification."""

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
CODE = {"coding": list(CODES.codings("thymectomy"))}


def verdict(order: dict[str, object], *others: dict[str, object], **more: object) -> str:
    asked: dict[str, object] = {"resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order", "code": CODE, **order}
    record = extract([Input(one) for one in (asked, *others)], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    table = {"order": "thymectomy", "ahead": "90 days", **more}
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"occurrenceDateTime": "2026-11-22"}, "present"),
        ({"occurrenceDateTime": "2027-02-20"}, "present"),  # 90 days
        ({"occurrenceDateTime": "2027-02-21"}, "absent"),
        ({"occurrenceDateTime": "2026-11-21"}, "absent"),
        ({"occurrencePeriod": {"start": "2026-11-01", "end": "2026-12-01"}}, "present"),
        ({"occurrencePeriod": {"start": "2026-11-01", "end": "2026-11-20"}}, "absent"),
        ({"occurrencePeriod": {"start": "2027-02-20", "end": "2027-05-01"}}, "present"),
        ({"occurrencePeriod": {"end": "2026-12-01"}}, "present"),
        ({"authoredOn": "2026-08-24"}, "present"),
        ({"authoredOn": "2026-08-23"}, "unknown"),
        ({"authoredOn": "2020-01-01", "occurrenceDateTime": "2026-12-01"}, "present"),
        ({}, "unknown"),
    ],
)
def test_an_order_is_for_its_own_day_and_without_one_it_was_written_lately(order: dict[str, object], expected: str) -> None:
    assert verdict(order) == expected
    assert verdict(order, status=["active"]) == expected
    assert verdict({**order, "status": "revoked"}) == "absent"


@pytest.mark.parametrize(
    ("status", "done", "expected"),
    [
        ("completed", "2026-11-10", "absent"),
        ("completed", "2026-11-01", "absent"),  # on the day it was ordered
        ("completed", "2026-10-31", "present"),  # of an order before
        ("completed", None, "present"),
        ("not-done", "2026-11-10", "present"),
    ],
)
def test_what_was_carried_out_since_it_was_ordered_is_not_awaited(status: str, done: str | None, expected: str) -> None:
    procedure: dict[str, object] = {"resourceType": "Procedure", "id": "p", "status": status, "code": CODE, "performedDateTime": done}
    assert verdict({"authoredOn": "2026-11-01"}, {key: value for key, value in procedure.items() if value}) == expected
