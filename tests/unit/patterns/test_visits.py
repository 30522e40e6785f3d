"""What counts as a visit: a finished Encounter, or an Appointment that was fulfilled (R4 12.9: it took place)."""

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
NEUROLOGY = {"coding": list(CODES.codings("neurology"))}


def verdict(table: dict[str, object], status: str, start: str, origin: Origin = Origin.RECORD) -> str:
    resource = {"resourceType": "Appointment", "id": "a", "status": status, "specialty": [NEUROLOGY], "start": start}
    record = extract([Input(resource, origin)], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("fulfilled", "present"),
        ("booked", "absent"),
        ("arrived", "absent"),
        ("checked-in", "absent"),
        ("noshow", "absent"),
        ("cancelled", "absent"),
        ("proposed", "absent"),
        ("entered-in-error", "absent"),
    ],
)
def test_an_appointment_is_a_visit_when_it_was_fulfilled(status: str, expected: str) -> None:
    assert verdict({"encounter": "neurology", "within": "180 days"}, status, "2026-11-01T09:00:00Z") == expected


def test_only_in_its_window_and_for_its_specialty() -> None:
    assert verdict({"encounter": "neurology", "within": "180 days"}, "fulfilled", "2026-01-01T09:00:00Z") == "absent"
    assert verdict({"encounter": "neurology", "over": "180 days"}, "fulfilled", "2026-01-01T09:00:00Z") == "present"
    assert verdict({"encounter": "cardiology", "within": "180 days"}, "fulfilled", "2026-11-01T09:00:00Z") == "absent"


def test_it_says_nothing_of_the_state_or_class_of_an_encounter() -> None:
    for qualifier in ({"status": ["in-progress"]}, {"tags": ["IMP"]}):
        assert verdict({"encounter": "any", **qualifier}, "fulfilled", "2026-11-01T09:00:00Z") == "absent"


def test_a_drafted_appointment_is_none() -> None:
    assert verdict({"encounter": "neurology"}, "fulfilled", "2026-11-01T09:00:00Z", Origin.DRAFT) == "absent"
