"""What an order says beyond its status: how urgent it is."""

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
URGENT = ["urgent", "asap", "stat"]


def verdict(table: dict[str, object], *resources: dict[str, object]) -> str:
    record = extract([Input(one) for one in resources], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


def order(status: object = "active", **more: object) -> dict[str, object]:
    code = {"coding": list(CODES.codings("spine-mri"))}
    return {"resourceType": "ServiceRequest", "id": "o", "status": status, "code": code, "authoredOn": "2026-11-20", **more}


@pytest.mark.parametrize(
    ("priority", "expected"),
    [
        ("stat", "present"),
        ("asap", "present"),
        ("urgent", "present"),
        ("routine", "absent"),
        (None, "absent"),  # R4: an order without priority is done with normal priority
        ("STAT", "absent"),
        (["stat"], "absent"),
    ],
)
def test_an_order_counts_as_urgent_only_by_its_priority(priority: object, expected: str) -> None:
    stated: dict[str, object] = {} if priority is None else {"priority": priority}
    assert verdict({"order": "spine-mri", "priority": URGENT}, order(**stated)) == expected
    assert verdict({"order": "spine-mri", "priority": URGENT, "status": ["active"]}, order(**stated)) == expected
    assert verdict({"order": "spine-mri"}, order(**stated)) == "present"
