"""A status or intent that is none of the codes of its type says neither that a thing is there nor that it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, RecordIndex, build
from rules.terminology import CONCEPT_SYSTEM, Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Json = dict[str, object]

STRANGE = ["Active", "garbage", 1, ["active"]]
SNOMED, RXNORM, OURS = "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm", CONCEPT_SYSTEM
FLU: Json = {"vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "150"}]}, "occurrenceDateTime": "2026-10-01"}
REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
REASONED: Json = {"extension": [{"url": REASON, "valueCodeableConcept": {"text": "patient declined"}}]}
YEAR: Json = {"within": "365 days"}


def coded(code: str, system: str = OURS) -> Json:
    return {"coding": [{"system": system, "code": code}]}


DRUG: Json = {"medicationCodeableConcept": coded("1256", RXNORM)}
ECG, NIV, WEAK = coded("ecg"), coded("428311008", SNOMED), coded("muscle-weakness")
TESTED: Json = {"code": coded("creatine-kinase"), "valueQuantity": {"value": 900, "unit": "U/L"}}


def verdict(table: Json, *resources: Json) -> str:
    inputs = [Input({"id": f"r{place}", **one}) for place, one in enumerate(resources)]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize(
    ("status", "expected"), [("active", "unknown"), ("on-hold", "unknown"), ("zzz", "unknown"), ("stopped", "absent"), ("draft", "absent")]
)
def test_an_order_with_an_unreadable_intent_may_be_therapy_unless_its_status_says_no(strange: object, status: str, expected: str) -> None:
    order: Json = {"resourceType": "MedicationRequest", "status": status, "intent": strange, **DRUG}
    assert verdict({"med": "azathioprine"}, order) == expected


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize(
    ("table", "resource", "named"),
    [
        ({"given": "azathioprine"}, {"resourceType": "MedicationAdministration", **DRUG}, "completed"),
        ({"given": "azathioprine"}, {"resourceType": "MedicationRequest", "intent": "order", **DRUG}, "completed"),
        ({"done": "ecg", **YEAR}, {"resourceType": "Procedure", "code": ECG, "performedDateTime": "2026-10-01"}, "completed"),
        ({"done": "ecg"}, {"resourceType": "DiagnosticReport", "code": ECG, "effectiveDateTime": "2026-10-01"}, "final"),
        ({"done": "imm(influenza)"}, {"resourceType": "Immunization", **FLU}, "completed"),
        ({"done": "creatine-kinase", **YEAR}, {"resourceType": "Observation", "effectiveDateTime": "2026-10-01", **TESTED}, "final"),
        ({"lab": "creatine-kinase"}, {"resourceType": "Observation", "effectiveDateTime": "2026-10-01", **TESTED}, "final"),
        ({"symptom": "muscle-weakness"}, {"resourceType": "Observation", "code": WEAK, "valueBoolean": True}, "final"),
        ({"order": "ecg"}, {"resourceType": "ServiceRequest", "code": ECG, "intent": "order"}, "active"),
        ({"order": "ecg", "status": ["on-hold"]}, {"resourceType": "ServiceRequest", "code": ECG, "intent": "order"}, "on-hold"),
        ({"declined": "ecg"}, {"resourceType": "ServiceRequest", "code": ECG, "intent": "order", **REASONED}, "revoked"),
        ({"appointment": "any"}, {"resourceType": "Appointment", "start": "2026-12-01T10:00:00Z"}, "booked"),
        ({"preparation": "ecg"}, {"resourceType": "Procedure", "code": ECG}, "preparation"),
        ({"encounter": "any", **YEAR}, {"resourceType": "Encounter", "period": {"end": "2026-10-01"}}, "finished"),
        ({"plan": "emergency"}, {"resourceType": "CarePlan", "category": [coded("emergency")]}, "active"),
        ({"device": "device(niv)"}, {"resourceType": "Device", "type": NIV}, "active"),
    ],
)  # fmt: skip
def test_what_has_an_unreadable_status_is_neither_there_nor_absent(table: Json, resource: Json, named: str, strange: object) -> None:
    assert verdict(table, {**resource, "status": named}) == "present"
    assert verdict(table, {**resource, "status": strange}) == "unknown"


def test_what_no_status_would_make_true_stays_absent() -> None:
    long_ago: Json = {"resourceType": "Procedure", "code": ECG, "performedDateTime": "2020-10-01", "status": "Completed"}
    assert verdict({"done": "ecg", **YEAR}, long_ago) == "absent"


def test_a_result_that_may_be_the_latest_is_not_passed_over_for_an_older_one() -> None:
    old: Json = {"resourceType": "Observation", "effectiveDateTime": "2026-10-01", "status": "final", **TESTED}
    new: Json = {"resourceType": "Observation", "effectiveDateTime": "2026-11-01", "status": "Final", **TESTED}
    high: Json = {"lab": "creatine-kinase", "above": 500, "unit": "U/L"}
    assert verdict(high, old) == "present"
    assert verdict(high, old, new) == "unknown"


@pytest.mark.parametrize("strange", ["Active", {"text": "active"}, {"coding": [{"code": 1}]}])
def test_an_allergy_whose_clinical_status_is_unreadable_may_be_active(strange: object) -> None:
    allergy: Json = {"resourceType": "AllergyIntolerance", "code": coded("1256", RXNORM)}
    assert verdict({"allergy": "azathioprine"}, {**allergy, "clinicalStatus": strange}) == "unknown"
    refuted: Json = {"verificationStatus": {"coding": [{"code": "refuted"}]}}
    assert verdict({"allergy": "azathioprine"}, {**allergy, **refuted, "clinicalStatus": strange}) == "absent"


def test_a_symptom_whose_clinical_status_is_unreadable_may_be_there() -> None:
    weak: Json = {"resourceType": "Condition", "code": WEAK, "clinicalStatus": {"text": "present"}}
    assert verdict({"symptom": "muscle-weakness"}, weak) == "unknown"
