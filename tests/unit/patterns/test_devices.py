"""What counts as a device in use: a Device, its use, and a Procedure that is going on or, where the rule says so, was begun."""

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
NIV = {"coding": [{"system": "http://snomed.info/sct", "code": "428311008"}]}
ENDED = {"performedPeriod": {"start": "2026-10-01", "end": "2026-10-09"}}


def verdict(table: dict[str, object], resource: dict[str, object], origin: Origin = Origin.RECORD) -> str:
    record = extract([Input(resource, origin)], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


def procedure(status: str, **more: object) -> dict[str, object]:
    return {"resourceType": "Procedure", "id": "p", "status": status, "code": NIV, **more}


def use(status: str) -> dict[str, object]:
    device = {"resourceType": "Device", "id": "d", "type": NIV}
    return {"resourceType": "DeviceUseStatement", "id": "u", "status": status, "contained": [device], "device": {"reference": "#d"}}


@pytest.mark.parametrize(
    ("resource", "going_on", "begun"),
    [
        (procedure("in-progress", performedPeriod={"start": "2026-10-01"}), "present", "present"),
        (procedure("completed", performedDateTime="2026-10-01"), "absent", "present"),
        (procedure("completed", performedPeriod={"start": "2026-10-01"}), "absent", "present"),
        (procedure("completed", **ENDED), "absent", "absent"),
        (procedure("preparation"), "absent", "absent"),
        (procedure("not-done"), "absent", "absent"),
        (procedure("stopped"), "absent", "absent"),
        (procedure("entered-in-error"), "absent", "absent"),
        (use("active"), "present", "present"),
        (use("stopped"), "absent", "absent"),
        (use("intended"), "absent", "absent"),
        (use("completed"), "absent", "absent"),
        (use("on-hold"), "absent", "absent"),
    ],
)
def test_a_device_in_use(resource: dict[str, object], going_on: str, begun: str) -> None:
    assert verdict({"device": "device(niv)"}, resource) == going_on
    assert verdict({"device": "device(niv)", "placed": True}, resource) == begun


def test_a_procedure_that_is_only_drafted_is_no_device() -> None:
    assert verdict({"device": "device(niv)", "placed": True}, procedure("in-progress"), Origin.DRAFT) == "absent"
