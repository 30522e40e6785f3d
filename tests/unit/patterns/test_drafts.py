"""What counts as being ordered: CDS Hooks calls `draftOrders` unsigned; every status but a withdrawn one is a draft."""

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


def order(kind: str, system: str, code: str, status: object) -> dict[str, object]:
    what = {"coding": [{"system": system, "code": code}]}
    about = {"medicationCodeableConcept": what} if kind == "MedicationRequest" else {"code": what}
    return {"resourceType": kind, "id": "o", "intent": "order", **about, **({} if status is None else {"status": status})}


def verdict(table: dict[str, object], resource: dict[str, object], origin: Origin) -> str:
    record = extract([Input(resource, origin)], terminology=CODES, as_of=NOW, hook="order-sign", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize("status", ["draft", None, "active", "on-hold", "unknown", "zzz", 7])
def test_every_status_of_an_order_that_is_not_withdrawn_is_a_draft(status: object) -> None:
    azathioprine = order("MedicationRequest", "http://www.nlm.nih.gov/research/umls/rxnorm", "1256", status)
    assert verdict({"draft": "azathioprine"}, azathioprine, Origin.DRAFT) == "present"
    assert verdict({"planned": "azathioprine"}, azathioprine, Origin.PLANNED) == "present"
    plasmapheresis = order("ServiceRequest", "http://snomed.info/sct", "20720000", status)
    assert verdict({"draft": "VS-PLEX"}, plasmapheresis, Origin.DRAFT) == "present"


@pytest.mark.parametrize("status", ["cancelled", "stopped", "completed", "entered-in-error"])
def test_a_withdrawn_medicine_is_no_draft(status: str) -> None:
    azathioprine = order("MedicationRequest", "http://www.nlm.nih.gov/research/umls/rxnorm", "1256", status)
    assert verdict({"draft": "azathioprine"}, azathioprine, Origin.DRAFT) == "absent"
    assert verdict({"planned": "azathioprine"}, azathioprine, Origin.PLANNED) == "absent"
    assert verdict({"med": "azathioprine"}, azathioprine, Origin.PLANNED) == "absent"


@pytest.mark.parametrize("status", ["revoked", "completed", "entered-in-error"])
def test_a_withdrawn_service_is_no_draft(status: str) -> None:
    plasmapheresis = order("ServiceRequest", "http://snomed.info/sct", "20720000", status)
    assert verdict({"draft": "VS-PLEX"}, plasmapheresis, Origin.DRAFT) == "absent"
