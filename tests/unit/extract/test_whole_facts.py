"""Each kind of resource with the elements that are read, and the whole fact that comes of it: an element passed over is a lost fact."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from rules.facts import Event, Medication, Origin
from rules.fhir_date import FhirDate
from tests.unit.extract.conftest import Read
from tests.unit.extract.samples import ALS, CVX, HL7, OWN, PREDNISONE, SNOMED, Json, cc, names, quantity, resource

CONTAINED = [resource("Condition", "c", code=cc(ALS)), resource("Device", "d", type=cc((SNOMED, "58938008")))]
ABOUT = [{"reference": "#c"}]
EMERGENCY, EDUCATION, GASTROSTOMY = (OWN, "emergency"), (OWN, "patient-education"), (OWN, "gastrostomy")
NEUROLOGY, ECHO, MMR = (SNOMED, "394591006"), (SNOMED, "40701008"), (CVX, "03")
SPAN = {"start": "2026-01-01", "end": "2026-01-31"}


def day(text: str) -> FhirDate:
    found = FhirDate.parse(text)
    assert found is not None
    return found


FIRST, LAST, ORDERED = day("2026-01-01"), day("2026-01-31"), day("2025-12-24")

EVENTS: list[tuple[str, Json, Event]] = [
    (
        "ServiceRequest",
        {"code": cc(ECHO), "status": "active", "occurrencePeriod": SPAN, "reasonReference": ABOUT, "doNotPerform": True},
        Event(
            "",
            "order",
            names("echocardiography"),
            "active",
            LAST,
            LAST,
            do_not_perform=True,
            reasons=names("als"),
            has_reason=True,
            due=FIRST,
        ),
    ),
    (
        "ServiceRequest",
        {"code": cc(EMERGENCY), "orderDetail": [cc(ECHO)], "authoredOn": "2025-12-24", "occurrenceDateTime": "2026-01-01"},
        Event("", "order", names("emergency", "echocardiography"), None, ORDERED, due=FIRST),
    ),
    (
        "Appointment",
        {"serviceCategory": [cc(EMERGENCY)], "specialty": [cc(NEUROLOGY)], "reasonReference": ABOUT, "status": "booked", **SPAN},
        Event(
            "", "appointment", names("emergency", "neurology", "als", "any"), "booked", FIRST, LAST, reasons=names("als"), has_reason=True
        ),
    ),
    (
        "Immunization",
        {"vaccineCode": cc(MMR), "status": "completed", "occurrenceDateTime": "2026-01-01", "recorded": "2026", "reasonReference": ABOUT},
        Event("", "immunization", names("live-vaccine-mmr"), "completed", FIRST, reasons=names("als"), has_reason=True),
    ),
    (
        "Procedure",
        {"code": cc(ECHO), "status": "completed", "performedDateTime": "2026-01-01", "reasonCode": [cc(ALS)]},
        Event("", "procedure", names("echocardiography"), "completed", FIRST, reasons=names("als"), has_reason=True),
    ),
    (
        "DiagnosticReport",
        {"code": cc(ECHO), "category": [cc(NEUROLOGY)], "status": "final", "effectivePeriod": SPAN, "issued": "2026"},
        Event("", "report", names("echocardiography", "neurology"), "final", LAST),
    ),
    (
        "DiagnosticReport",
        {"code": cc(ECHO), "effectiveDateTime": "2026-01-01", "issued": "2026"},
        Event("", "report", names("echocardiography"), None, FIRST),
    ),
    (
        "ImagingStudy",
        {"procedureCode": [cc(ECHO)], "status": "available", "started": "2026-01-01", "reasonReference": ABOUT},
        Event("", "imaging", names("echocardiography"), "available", FIRST, reasons=names("als"), has_reason=True),
    ),
    (
        "Encounter",
        {"type": [cc(NEUROLOGY)], "class": {"system": HL7 + "v3-ActCode", "code": "IMP"}, "period": SPAN, "reasonReference": ABOUT},
        Event("", "encounter", names("neurology", "any"), None, FIRST, LAST, tags=names("IMP"), reasons=names("als"), has_reason=True),
    ),
    ("Encounter", {"period": {"end": "2026-01-31"}}, Event("", "encounter", names("any"), None, LAST, LAST)),
    (
        "Flag",
        {"code": cc(EMERGENCY), "category": [cc(NEUROLOGY)], "status": "active", "period": SPAN},
        Event("", "flag", names("emergency", "neurology"), "active", FIRST, LAST),
    ),
    (
        "Communication",
        {"category": [cc(EDUCATION)], "status": "completed", "received": "2026-01-01", "reasonReference": ABOUT},
        Event("", "communication", names("patient-education"), "completed", FIRST, reasons=names("als"), has_reason=True),
    ),
    (
        "Consent",
        {
            "category": [cc(GASTROSTOMY)],
            "status": "active",
            "dateTime": "2026-01-01",
            "provision": {"type": "deny", "provision": [{"type": "x"}]},
        },
        Event("", "consent", names("gastrostomy"), "active", FIRST, tags=names("deny")),
    ),
    (
        "CarePlan",
        {"category": [cc(EMERGENCY)], "status": "active", "created": "2025-12-24", "period": SPAN, "addresses": ABOUT},
        Event("", "plan", names("emergency"), "active", FIRST, LAST, reasons=names("als"), has_reason=True),
    ),
    (
        "Goal",
        {
            "description": cc(GASTROSTOMY),
            "category": [cc(NEUROLOGY)],
            "addresses": ABOUT,
            "statusDate": "2026-01-01",
            "startDate": "2025",
            "achievementStatus": cc(
                (HL7 + "goal-achievement", "achieved"), ("http://local", "no-progress"), (HL7 + "goal-achievement", "x")
            ),
        },
        Event(
            "",
            "goal",
            names("gastrostomy", "neurology", "goal"),
            None,
            FIRST,
            tags=names("achieved"),
            reasons=names("als"),
            has_reason=True,
        ),
    ),
    ("Device", {"type": cc((SNOMED, "58938008")), "status": "active"}, Event("", "device", names("wheelchair-device"), "active")),
    (
        "DeviceUseStatement",
        {"device": {"reference": "#d"}, "status": "active", "timingPeriod": SPAN, "recordedOn": "2026-02", "reasonReference": ABOUT},
        Event("", "device", names("wheelchair-device"), "active", FIRST, LAST, reasons=names("als"), has_reason=True),
    ),
    (
        "DeviceUseStatement",
        {"device": {"reference": "#d"}, "recordedOn": "2026-01-01"},
        Event("", "device", names("wheelchair-device"), None, FIRST),
    ),
]


@pytest.mark.parametrize(("kind", "content", "fact"), EVENTS)
def test_an_event_has_all_that_its_resource_says(read: Read, kind: str, content: Json, fact: Event) -> None:
    (found,) = read(drafts=(resource(kind, "e", contained=CONTAINED, **content),)).events
    assert found == replace(fact, ref=f"{kind}/e", origin=Origin.DRAFT)


TWICE: Json = {
    "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "boundsPeriod": SPAN}},
    "route": cc((SNOMED, "26643006")),
    "doseAndRate": [{"doseQuantity": quantity(5, "mg")}],
}
BY_WEIGHT: Json = {
    "timing": {"repeat": {"dayOfWeek": ["mon"], "boundsDuration": quantity(8, "wk")}},
    "asNeededBoolean": True,
    "maxDosePerPeriod": {"numerator": quantity(2, "mg/kg"), "denominator": quantity(1, "d")},
}
STOPPED: Json = {"statusReason": {"text": "ineffective"}, "reasonReference": ABOUT, "status": "stopped"}
DRUG = "medicationCodeableConcept"
PREDNISONE_BY_NAME = {"text": "prednisone"}
FULL = Medication(
    "",
    "",
    names("prednisone"),
    status="stopped",
    route="oral",
    start=FIRST,
    end=LAST,
    mg_per_day=Decimal(10),
    dosing_days=Decimal(7),
    days=Decimal(31),
    reasons=names("als"),
    has_reason=True,
    status_reasons=names("ineffective"),
)
WEIGHED = Medication(
    "",
    "",
    names("prednisone"),
    start=FIRST,
    mg_per_kg_day=Decimal(2),
    days=Decimal(56),
    as_needed=True,
    matched_by_name=True,
)

MEDICATIONS: list[tuple[Json, Medication]] = [
    (
        resource(
            "MedicationRequest",
            intent="order",
            authoredOn="2025-12-24",
            dosageInstruction=[TWICE],
            priorPrescription={"reference": "MedicationRequest/1"},
            doNotPerform=True,
            **{DRUG: cc(PREDNISONE), **STOPPED},
        ),
        replace(FULL, intent="order", authored=ORDERED, do_not_perform=True, prior="MedicationRequest/1"),
    ),
    (
        resource("MedicationRequest", authoredOn="2026-01-01", dosageInstruction=[BY_WEIGHT], **{DRUG: PREDNISONE_BY_NAME}),
        replace(WEIGHED, authored=FIRST, end=day("2026-02-25")),
    ),
    (
        resource("MedicationStatement", dosage=[TWICE], dateAsserted="2025-12-24", **{DRUG: cc(PREDNISONE), **STOPPED}),
        replace(FULL, authored=ORDERED),
    ),
    (
        resource("MedicationStatement", dosage=[BY_WEIGHT], effectivePeriod=SPAN, **{DRUG: PREDNISONE_BY_NAME}),
        replace(WEIGHED, end=LAST),
    ),
    (
        resource(
            "MedicationAdministration",
            effectivePeriod=SPAN,
            dosage={"route": cc((SNOMED, "26643006")), "dose": quantity(10, "mg")},
            **{DRUG: cc(PREDNISONE), **STOPPED},
        ),
        replace(FULL, dosing_days=None, days=None),
    ),
    (
        resource("MedicationAdministration", effectiveDateTime="2026-01-01", **{DRUG: PREDNISONE_BY_NAME}),
        Medication("", "", names("prednisone"), start=FIRST, single=True, matched_by_name=True),
    ),
    (
        resource(
            "MedicationDispense",
            status="stopped",
            dosageInstruction=[TWICE],
            whenHandedOver="2026-01-01",
            whenPrepared="2025-12-24",
            **{DRUG: cc(PREDNISONE)},
        ),
        replace(FULL, end=None, reasons=names(), has_reason=False, status_reasons=names()),
    ),
    (
        resource("MedicationDispense", dosageInstruction=[BY_WEIGHT], whenPrepared="2026-01-01", **{DRUG: PREDNISONE_BY_NAME}),
        WEIGHED,
    ),
    (
        resource(
            "ServiceRequest",
            code=cc(PREDNISONE),
            status="draft",
            intent="order",
            doNotPerform=True,
            occurrenceDateTime="2026-01-01",
            authoredOn="2025-12-24",
            asNeededBoolean=True,
            reasonReference=ABOUT,
        ),
        Medication(
            "",
            "",
            names("prednisone"),
            "draft",
            "order",
            do_not_perform=True,
            start=FIRST,
            authored=ORDERED,
            as_needed=True,
            reasons=names("als"),
            has_reason=True,
        ),
    ),
    (
        resource("Appointment", serviceType=[cc(MMR)], start="2026-01-01", reasonReference=ABOUT),
        Medication("", "", names("live-vaccine-mmr"), start=FIRST, reasons=names("als"), has_reason=True),
    ),
    (
        resource("ImmunizationRecommendation", date="2025-12-24", recommendation=[{"vaccineCode": [cc(MMR)]}]),
        Medication("", "", names("live-vaccine-mmr"), "draft", "proposal", authored=ORDERED),
    ),
]


@pytest.mark.parametrize(("said", "fact"), MEDICATIONS)
def test_a_medication_has_all_that_its_resource_says(read: Read, said: Json, fact: Medication) -> None:
    (found,) = read(drafts=({**said, "contained": CONTAINED},)).medications
    assert found == replace(fact, ref=f"{said['resourceType']}/x", kind=str(said["resourceType"]), origin=Origin.DRAFT)
