"""What counts as a plan that is kept: CarePlan, Goal and Flag, each by its own status codes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Origin
from rules.patterns import Context, RecordIndex, build
from rules.terminology import CONCEPT_SYSTEM, Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SAFETY: dict[str, object] = {"coding": [{"system": CONCEPT_SYSTEM, "code": "safety"}]}
SUBJECT: dict[str, object] = {"reference": "Patient/p"}


def verdict(table: dict[str, object], resource: dict[str, object]) -> str:
    record = extract([Input(resource, Origin.RECORD)], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", "present"),
        ("draft", "absent"),
        ("on-hold", "absent"),
        ("revoked", "absent"),
        ("completed", "absent"),
        ("entered-in-error", "absent"),
        ("unknown", "unknown"),
        ("no-such-status", "unknown"),
    ],
)
def test_only_an_active_care_plan_counts(status: str, expected: str) -> None:
    plan: dict[str, object] = {
        "resourceType": "CarePlan",
        "id": "c",
        "status": status,
        "intent": "plan",
        "category": [SAFETY],
        "subject": SUBJECT,
    }
    assert verdict({"plan": "safety"}, plan) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active", "present"),
        ("accepted", "unknown"),  # stands above active and on-hold in the code system
        ("proposed", "absent"),
        ("planned", "absent"),
        ("on-hold", "absent"),
        ("completed", "absent"),
        ("cancelled", "absent"),
        ("rejected", "absent"),
        ("entered-in-error", "absent"),
    ],
)
def test_only_an_active_goal_counts(status: str, expected: str) -> None:
    goal: dict[str, object] = {
        "resourceType": "Goal",
        "id": "g",
        "lifecycleStatus": status,
        "description": {"text": "Goal"},
        "subject": SUBJECT,
    }
    assert verdict({"plan": "goal"}, {**goal, "startDate": "2026-10-01"}) == expected
    assert verdict({"plan": "goal", "within": "365 days"}, {**goal, "startDate": "2026-10-01"}) == expected
    assert verdict({"plan": "goal", "within": "365 days"}, {**goal, "startDate": "2024-10-01"}) == "absent"


@pytest.mark.parametrize(("status", "expected"), [("active", "present"), ("inactive", "absent"), ("entered-in-error", "absent")])
def test_only_an_active_flag_counts(status: str, expected: str) -> None:
    flag: dict[str, object] = {"resourceType": "Flag", "id": "f", "status": status, "code": SAFETY, "subject": SUBJECT}
    assert verdict({"plan": "safety"}, flag) == expected
