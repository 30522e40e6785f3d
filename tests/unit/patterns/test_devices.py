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


DEVICE: dict[str, object] = {"resourceType": "Device", "id": "d", "status": "active", "type": NIV}


def told(*statuses: str, device: dict[str, object] = DEVICE, reference: str = "Device/d", url: str = "", **more: object) -> str:
    uses: list[dict[str, object]] = [
        {"resourceType": "DeviceUseStatement", "id": f"u{place}", "status": status, "device": {"reference": reference}, **more}
        for place, status in enumerate(statuses)
    ]
    inputs = [Input(device, url=url), *map(Input, uses)]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), {"device": "device(niv)"}).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), "present"),
        (("active",), "present"),
        (("completed",), "absent"),
        (("stopped",), "absent"),
        (("intended",), "absent"),
        (("completed", "active"), "present"),  # given back, and again in use
        (("entered-in-error",), "present"),
        (("entered-in-error", "stopped"), "absent"),
    ],
)
def test_statements_about_the_use_of_a_device_decide_whether_it_is_in_use(statuses: tuple[str, ...], expected: str) -> None:
    assert told(*statuses) == expected


def test_a_statement_about_another_device_says_nothing_about_this_one() -> None:
    assert told("stopped", reference="Device/e") == "present"


def test_a_device_may_be_named_by_the_url_of_its_entry() -> None:
    device = {name: value for name, value in DEVICE.items() if name != "id"}
    assert told("stopped", device=device, reference="urn:uuid:8", url="urn:uuid:8") == "absent"


def test_a_statement_that_cannot_be_understood_leaves_open_whether_the_device_is_in_use() -> None:
    assert told("active", modifierExtension=[{"url": "http://example.org/not"}]) == "unknown"


def test_a_procedure_that_is_only_drafted_is_no_device() -> None:
    assert verdict({"device": "device(niv)", "placed": True}, procedure("in-progress"), Origin.DRAFT) == "absent"
