"""Education and counselling are often kept as a Communication (input dictionary of the referral specification)."""

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
EDUCATION = {"coding": list(CODES.codings("patient-education"))}
TOLD: dict[str, object] = {"done": "patient-education", "within": "365 days", "told": True}


def verdict(
    table: dict[str, object],
    more: dict[str, object] | None = None,
    origin: Origin = Origin.RECORD,
    unread: dict[str, str] | None = None,
) -> str:
    resource = {
        "resourceType": "Communication",
        "id": "c",
        "status": "completed",
        "sent": "2026-10-01T10:00:00Z",
        "topic": EDUCATION,
        **(more or {}),
    }
    record = extract([Input(resource, origin)], terminology=CODES, as_of=NOW, hook="patient-view", unread=unread or {})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "present"),
        ({"topic": None, "category": [EDUCATION]}, "present"),
        ({"sent": "2025-10-01T10:00:00Z"}, "absent"),
        ({"sent": None}, "unknown"),
        ({"status": "not-done"}, "absent"),
        ({"status": "in-progress"}, "absent"),
        ({"status": "entered-in-error"}, "absent"),
        ({"topic": {"coding": list(CODES.codings("gastrostomy"))}}, "absent"),
    ],
)
def test_a_completed_communication_about_it_counts_where_the_rule_says_so(more: dict[str, object], expected: str) -> None:
    assert verdict(TOLD, more) == expected


def test_elsewhere_to_have_talked_about_something_is_not_to_have_done_it() -> None:
    assert verdict({"done": "patient-education", "within": "365 days"}) == "absent"
    assert verdict({"done": "gastrostomy"}, {"topic": {"coding": list(CODES.codings("gastrostomy"))}}) == "absent"
    assert verdict(TOLD, origin=Origin.DRAFT) == "absent"


def test_communications_that_could_not_be_read_leave_nothing_open() -> None:
    assert verdict(TOLD, {"status": "in-progress"}, unread={"Communication": "not sent"}) == "absent"
