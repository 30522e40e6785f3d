"""What an order says beyond its status: how urgent it is, and why it was revoked; and which Consent is a refusal."""

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


def reasoned(reason: object, url: str = "http://hl7.org/fhir/StructureDefinition/request-statusReason") -> dict[str, object]:
    return {"extension": [{"url": url, "valueCodeableConcept": reason}]}


@pytest.mark.parametrize(
    ("status", "more", "expected"),
    [
        ("revoked", reasoned({"text": "patient declined"}), "present"),
        ("revoked", reasoned({"coding": [{"code": "declined"}]}), "present"),
        ("revoked", {}, "absent"),
        ("revoked", reasoned({}), "absent"),
        ("revoked", reasoned("declined"), "absent"),
        ("revoked", reasoned({"text": "patient declined"}, "http://example.org/reason"), "absent"),
        ("revoked", {"reasonCode": [{"coding": list(CODES.codings("als"))}]}, "absent"),  # why it was ordered
        ("revoked", {"reasonCode": [{"text": "patient declined"}]}, "present"),
        ("revoked", {"reasonCode": [{}]}, "absent"),
        ("active", {"reasonCode": [{"text": "patient declined"}]}, "absent"),
        ("revoked", {"note": [{"text": "spoke to the ward"}]}, "absent"),
        ("active", reasoned({"text": "urgent"}), "absent"),
        ("on-hold", reasoned({"text": "away"}), "absent"),
    ],
)
def test_only_an_order_revoked_for_a_stated_reason_was_declined(status: str, more: dict[str, object], expected: str) -> None:
    assert verdict({"declined": "spine-mri"}, order(status, **more)) == expected
    assert verdict({"declined": "spine-mri", "within": "1 day"}, order(status, **more)) == "absent"


DENIED = {"type": "deny", "code": [{"coding": list(CODES.codings("spine-mri"))}]}
OTHER = {"code": [{"coding": list(CODES.codings("ecg"))}]}


def consent(provision: object, status: object = "active") -> dict[str, object]:
    return {"resourceType": "Consent", "id": "c", "status": status, "dateTime": "2026-11-20", "provision": provision}


@pytest.mark.parametrize(
    ("provision", "expected"),
    [
        (DENIED, "present"),
        ({"type": "permit", "provision": [DENIED]}, "present"),
        ({"type": "deny", **OTHER, "provision": [{**DENIED, "type": "permit"}]}, "absent"),  # the exception permits it
        ({**DENIED, "type": "permit"}, "absent"),
        ({**DENIED, "period": {"start": "2026-01-01"}}, "present"),
        ({**DENIED, "period": {"end": "2026-11-22"}}, "present"),
        ({**DENIED, "period": {"end": "2026-11-21"}}, "absent"),
        ({"type": "permit", "period": {"end": "2026-11-21"}, "provision": [DENIED]}, "absent"),
        ({"type": "permit", "provision": [{**DENIED, "period": {"end": "2026-11-21"}}]}, "absent"),
    ],
)
def test_a_consent_refuses_what_its_provisions_deny_until_their_period_is_over(provision: dict[str, object], expected: str) -> None:
    assert verdict({"declined": "spine-mri"}, consent(provision)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("draft", "absent"),
        ("proposed", "absent"),
        ("rejected", "absent"),
        ("inactive", "absent"),
        ("entered-in-error", "absent"),
        (None, "absent"),
        ("odd", "unknown"),
    ],
)
def test_only_an_active_consent_refuses(status: object, expected: str) -> None:
    assert verdict({"declined": "spine-mri"}, consent(DENIED, status)) == expected
