"""When a symptom on the problem list is in a window: by its onset, or where a rule says so also by the day it was recorded."""

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
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def verdict(onset: str, recorded: str, status: str, *, or_recorded: bool) -> str:
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "code": {"coding": list(CODES.codings("dysphagia"))},
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": status}]},
        **({"onsetDateTime": onset} if onset else {}),
        **({"recordedDate": recorded} if recorded else {}),
    }
    table = {"symptom": "dysphagia", "within": "14 days", **({"or_recorded": True} if or_recorded else {})}
    record = extract([Input(condition)], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("onset", "recorded", "status", "by_onset", "by_either"),
    [
        ("2026-11-20", "2026-11-20", "active", "present", "present"),
        ("2026-11-20", "", "active", "present", "present"),
        ("2026-11-01", "2026-11-22", "active", "absent", "present"),
        ("2026-11-01", "2026-11-22", "resolved", "absent", "absent"),  # over: written down late, not new
        ("2026-11-20", "2026-11-22", "resolved", "present", "present"),
        ("2026-11-01", "2026-11-01", "active", "absent", "absent"),
        ("2026-11-01", "", "active", "absent", "absent"),
        ("", "2026-11-22", "active", "present", "present"),
        ("", "2026-11-01", "active", "absent", "absent"),
        ("", "", "active", "unknown", "unknown"),
    ],
)
def test_a_symptom_recorded_anew_is_in_the_window_where_the_rule_says_so(
    onset: str, recorded: str, status: str, by_onset: str, by_either: str
) -> None:
    assert verdict(onset, recorded, status, or_recorded=False) == by_onset
    assert verdict(onset, recorded, status, or_recorded=True) == by_either
