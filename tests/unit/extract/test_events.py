"""Orders, appointments, vaccines, procedures, reports, visits, plans, devices, answers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.facts import Event, Observation, Origin
from rules.fhir_date import FhirDate
from rules.quantity import Quantity
from tests.unit.extract.conftest import Read
from tests.unit.extract.samples import ALS, CVX, HL7, LOINC, OWN, PREDNISONE, SNOMED, Json, cc, names, quantity, resource

NEUROLOGY = (SNOMED, "308474002")
MMR = (CVX, "03")
PLASMAPHERESIS = (SNOMED, "20720000")
ALS_CONDITION = resource("Condition", "c", code=cc(ALS))
ABOUT = [{"reference": "Condition/c"}]


def event(read: Read, kind: str, *extra: object, **content: object) -> Event:
    (found,) = read(resource(kind, "e", **content), *extra).events
    return found


def test_an_order_for_a_service_is_an_event(read: Read) -> None:
    found = event(
        read,
        "ServiceRequest",
        ALS_CONDITION,
        status="revoked",
        intent="order",
        code=cc(NEUROLOGY),
        authoredOn="2026-10-01",
        occurrencePeriod={"start": "2026-12-01", "end": "2026-12-24"},
        reasonReference=ABOUT,
        doNotPerform=True,
    )
    assert (found.ref, found.kind, found.concepts, found.status) == ("ServiceRequest/e", "order", names("referral-neurology"), "revoked")
    assert (str(found.when), str(found.end), found.do_not_perform, found.reasons) == ("2026-10-01", "2026-12-24", True, names("als"))


@pytest.mark.parametrize(("code", "concept"), [(PREDNISONE, "prednisone"), (MMR, "live-vaccine-mmr"), (PLASMAPHERESIS, "plasmapheresis")])
def test_an_order_for_a_drug_vaccine_or_plasma_exchange_is_a_therapy_too(read: Read, code: tuple[str, str], concept: str) -> None:
    record = read(drafts=(resource("ServiceRequest", "s", status="draft", intent="order", code=cc(code), authoredOn="2026-11-25"),))
    (drug,) = record.medications
    assert (drug.kind, drug.concepts, drug.status, drug.intent, drug.origin) == (
        "ServiceRequest",
        names(concept),
        "draft",
        "order",
        Origin.DRAFT,
    )
    assert str(drug.start) == "2026-11-25"
    assert [found.kind for found in record.events] == ["order"]


def test_an_appointment_counts_by_service_and_reason(read: Read) -> None:
    record = read(
        ALS_CONDITION,
        drafts=(
            resource(
                "Appointment",
                "a",
                status="proposed",
                serviceType=[cc(NEUROLOGY)],
                reasonCode=[cc(MMR)],
                reasonReference=ABOUT,
                start="2026-12-01T09:00:00Z",
                end="2026-12-01T10:00:00Z",
            ),
        ),
    )
    (found,) = record.events
    assert (found.kind, found.concepts, found.status, found.origin) == (
        "appointment",
        names("referral-neurology", "live-vaccine-mmr", "als", "any"),
        "proposed",
        Origin.DRAFT,
    )
    assert (str(found.when), str(found.end)) == ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
    (drug,) = record.medications
    assert (drug.kind, drug.concepts, drug.status) == ("Appointment", names("live-vaccine-mmr"), "proposed")


def test_an_appointment_without_a_drug_is_no_therapy(read: Read) -> None:
    record = read(resource("Appointment", status="booked", specialty=[cc((SNOMED, "394591006"))]))
    assert (len(record.events), record.medications) == (1, ())


def test_a_drafted_recommendation_counts_as_a_draft(read: Read) -> None:
    recommended = resource(
        "ImmunizationRecommendation", "r", date="2026-11-25", recommendation=[{"vaccineCode": [cc(MMR)]}, {"vaccineCode": []}, 5]
    )
    drafted = read(drafts=(recommended,)).medications
    recorded = read(recommended).medications
    assert [(found.kind, found.concepts, found.status, str(found.authored)) for found in drafted] == [
        ("ImmunizationRecommendation", names("live-vaccine-mmr"), "draft", "2026-11-25")
    ]
    assert [found.status for found in recorded] == [None]


def test_a_recommendation_whose_meaning_may_be_changed_is_not_used(read: Read) -> None:
    entry = {"vaccineCode": [cc(MMR)], "modifierExtension": [{"url": "x"}]}
    record = read(resource("ImmunizationRecommendation", recommendation=[entry]))
    assert record.medications == ()
    assert "ImmunizationRecommendation" in record.unread


def test_a_vaccination_has_its_day(read: Read) -> None:
    found = event(read, "Immunization", status="completed", vaccineCode=cc(MMR), occurrenceDateTime="2020-05-01")
    assert (found.kind, found.concepts, found.status, str(found.when)) == (
        "immunization",
        names("live-vaccine-mmr"),
        "completed",
        "2020-05-01",
    )
    assert str(event(read, "Immunization", vaccineCode=cc(MMR), occurrenceString="as a child", recorded="2021").when) == "2021"


def test_a_procedure_ends_when_its_period_ends(read: Read) -> None:
    found = event(
        read,
        "Procedure",
        ALS_CONDITION,
        status="completed",
        code=cc(PLASMAPHERESIS),
        performedPeriod={"start": "2026-11-01", "end": "2026-11-05"},
        reasonReference=ABOUT,
        outcome=cc((SNOMED, "260385009")),
    )
    assert (found.kind, str(found.when), str(found.end), found.reasons, found.tags) == (
        "procedure",
        "2026-11-05",
        "2026-11-05",
        names("als"),
        names("negative"),
    )


def test_a_report_has_its_conclusions_as_tags(read: Read) -> None:
    found = event(
        read,
        "DiagnosticReport",
        status="final",
        code=cc((SNOMED, "40701008")),
        issued="2026-11-01T00:00:00Z",
        conclusionCode=[cc(ALS), cc((LOINC, "LA6576-8"))],
    )
    assert (found.kind, found.concepts, found.status, str(found.when), found.tags) == (
        "report",
        names("echocardiography"),
        "final",
        "2026-11-01T00:00:00Z",
        names("als", "positive"),
    )


@pytest.mark.parametrize("content", [{"procedureCode": [cc((SNOMED, "40701008"))]}, {"procedureReference": {"reference": "Procedure/p"}}])
def test_an_imaging_study_is_known_by_its_procedure(read: Read, content: Json) -> None:
    record = read(
        resource("ImagingStudy", "e", status="available", started="2026-11-01", **content),
        resource("Procedure", "p", code=cc((SNOMED, "40701008"))),
    )
    (found,) = [found for found in record.events if found.kind == "imaging"]
    assert (found.concepts, found.status, str(found.when)) == (names("echocardiography"), "available", "2026-11-01")


def test_every_encounter_counts_as_any(read: Read) -> None:
    found = event(
        read,
        "Encounter",
        status="finished",
        serviceType=cc((SNOMED, "394591006")),
        period={"start": "2026-11-01T09:00:00Z", "end": "2026-11-01T10:00:00Z"},
        **{"class": {"system": HL7 + "v3-ActCode", "code": "AMB"}},
    )
    assert (found.concepts, found.status, str(found.when), found.tags) == (
        names("any", "neurology"),
        "finished",
        "2026-11-01T09:00:00Z",
        names("AMB"),
    )
    for odd in (5, {"system": HL7 + "v3-ActCode", "code": "ODD"}):
        assert event(read, "Encounter", **{"class": odd}).tags == names()


@pytest.mark.parametrize(
    ("kind", "said", "tags"),
    [
        ("IMP", {"hospitalization": {"admitSource": cc((HL7 + "admit-source", "emd"))}}, ("IMP", "unplanned")),
        ("ACUTE", {"priority": cc((HL7 + "v3-ActPriority", "EM"))}, ("ACUTE", "unplanned")),
        ("IMP", {"hospitalization": {"admitSource": cc((HL7 + "admit-source", "gp"))}}, ("IMP",)),
        ("IMP", {"priority": cc((HL7 + "v3-ActPriority", "EL"))}, ("IMP",)),
        ("IMP", {"priority": cc(("http://example.org/priority", "EM"))}, ("IMP",)),
        ("IMP", {"priority": 5, "hospitalization": 5}, ("IMP",)),
        ("AMB", {"priority": cc((HL7 + "v3-ActPriority", "EM"))}, ("AMB",)),  # no admission
    ],
)
def test_an_admission_that_says_it_was_an_emergency_was_not_planned(read: Read, kind: str, said: Json, tags: tuple[str, ...]) -> None:
    assert event(read, "Encounter", **{"class": {"system": HL7 + "v3-ActCode", "code": kind}}, **said).tags == names(*tags)


def test_flags_communications_and_consents_are_events(read: Read) -> None:
    flag = event(read, "Flag", status="active", code=cc((OWN, "palliative-care-status")), period={"start": "2026-01-01"})
    assert (flag.kind, flag.concepts, flag.status, str(flag.when)) == ("flag", names("palliative-care-status"), "active", "2026-01-01")
    talk = event(read, "Communication", status="completed", topic=cc((OWN, "patient-education")), sent="2026-01-01T00:00:00Z")
    assert (talk.kind, talk.concepts, str(talk.when)) == ("communication", names("patient-education"), "2026-01-01T00:00:00Z")
    refusal = event(
        read,
        "Consent",
        status="active",
        dateTime="2026-01-01",
        provision={"type": "permit", "provision": [{"type": "deny", "code": [cc((OWN, "gastrostomy"))]}, {"type": ["deny"]}]},
    )
    assert (refusal.kind, refusal.concepts, refusal.tags) == ("consent", names("gastrostomy"), names("permit", "deny"))
    assert event(read, "Consent", category=[cc((OWN, "gastrostomy"))], provision=5).tags == names()


def test_a_plan_counts_by_category_and_activities(read: Read) -> None:
    found = event(
        read,
        "CarePlan",
        ALS_CONDITION,
        status="active",
        category=[cc((OWN, "emergency"))],
        activity=[{"detail": {"code": cc((OWN, "patient-education"))}}, {"detail": 5}, {}],
        created="2026-01-01",
        addresses=ABOUT,
    )
    assert (found.kind, found.concepts, found.status, str(found.when), found.reasons) == (
        "plan",
        names("emergency", "patient-education"),
        "active",
        "2026-01-01",
        names("als"),
    )


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ({"status": "completed"}, True),
        ({"status": "in-progress"}, True),
        ({"status": "scheduled", "doNotPerform": False}, True),
        ({}, True),
        ({"status": "cancelled"}, False),
        ({"status": "stopped"}, False),
        ({"status": "entered-in-error"}, False),
        ({"status": "in-progress", "doNotPerform": True}, False),
    ],
)
def test_an_activity_that_was_called_off_is_no_part_of_a_plan(read: Read, said: Json, counts: bool) -> None:
    detail = {"code": cc((OWN, "patient-education")), **said}
    found = event(read, "CarePlan", status="active", category=[cc((OWN, "emergency"))], activity=[{"detail": detail}])
    assert ("patient-education" in found.concepts) is counts


def test_why_an_activity_of_a_plan_is_done_is_a_reason_of_the_plan(read: Read) -> None:
    palliative = {"status": "active", "category": [cc((OWN, "emergency"))]}
    coded = event(read, "CarePlan", **palliative, activity=[{"detail": {"reasonCode": [cc(ALS)]}}])
    referred = event(read, "CarePlan", ALS_CONDITION, **palliative, activity=[{"detail": {"reasonReference": ABOUT}}])
    within = [{"resourceType": "Condition", "id": "d", "code": cc(ALS)}]
    contained = event(read, "CarePlan", **palliative, contained=within, activity=[{"detail": {"reasonReference": [{"reference": "#d"}]}}])
    assert [(one.reasons, one.has_reason) for one in (coded, referred, contained)] == [(names("als"), True)] * 3


def test_a_goal_says_what_it_addresses_and_whether_it_is_reached(read: Read) -> None:
    found = event(
        read,
        "Goal",
        ALS_CONDITION,
        lifecycleStatus="active",
        achievementStatus=cc((HL7 + "goal-achievement", "not-achieved"), ("http://local", "x")),
        description={"text": "walk"},
        startDate="2026-01-01",
        addresses=ABOUT,
    )
    assert (found.kind, found.status, found.tags, found.reasons, str(found.when)) == (
        "goal",
        "active",
        names("not-achieved"),
        names("als"),
        "2026-01-01",
    )


def test_a_device_is_known_by_its_type_or_its_use(read: Read) -> None:
    device = resource("Device", "d", status="active", type=cc((SNOMED, "58938008")))
    (owned,) = read(device).events
    (used,) = read(
        device, resource("DeviceUseStatement", "u", status="completed", device={"reference": "Device/d"}, timingPeriod={"start": "2026"})
    ).events
    assert (owned.kind, owned.concepts, owned.status) == ("device", names("wheelchair-device"), "active")
    assert (used.kind, used.concepts, used.status, str(used.when)) == ("device", names("wheelchair-device"), "completed", "2026")
    timed = resource("DeviceUseStatement", "u", device={"reference": "Device/d"}, timingDateTime="2025", bodySite=5)
    assert [str(found.when) for found in read(device, timed).events] == ["2025"]


def test_every_goal_is_a_goal_whatever_it_is_about(read: Read) -> None:
    record = read(resource("Goal", lifecycleStatus="active", description={"text": "climb the stairs"}))
    assert [(fact.kind, fact.concepts) for fact in record.events] == [("goal", frozenset({"goal"}))]


@pytest.mark.parametrize(
    "kind",
    [
        "CarePlan", "Communication", "Consent", "Device", "DeviceUseStatement", "DiagnosticReport", "Flag",
        "ImagingStudy",
        "Immunization", "ImmunizationRecommendation", "Procedure", "QuestionnaireResponse", "ServiceRequest",
    ],
)  # fmt: skip
def test_what_carries_no_known_code_is_no_fact(read: Read, kind: str) -> None:
    record = read(resource(kind, status="active", achievementStatus={"coding": [5]}))
    assert (record.events, record.medications, record.unread) == ((), (), {})


def test_an_appointment_counts_whatever_it_is_for(read: Read) -> None:
    (found,) = read(resource("Appointment", status="booked", start="2026-12-01T09:00:00Z")).events
    assert (found.kind, found.concepts, found.status) == ("appointment", names("any"), "booked")


# -- answers


def items(*found: object, **content: object) -> Json:
    return resource("QuestionnaireResponse", "q", status="completed", authored="2026-11-20", item=list(found), **content)


@pytest.mark.parametrize(
    ("answer", "tags"),
    [
        ({"valueBoolean": True}, names("yes")),
        ({"valueBoolean": False}, names("no")),
        ({"valueCoding": {"system": LOINC, "code": "LA33-6"}}, names("yes")),
        ({"valueCoding": {"system": SNOMED, "code": "86044005"}}, names("als")),
        ({"valueString": "No"}, names("no")),
        ({"valueString": "maybe"}, names()),
        ({"valueBoolean": "true"}, names()),
        ({}, names()),
    ],
)
def test_an_answer_is_recognised_by_our_own_code(read: Read, answer: Json, tags: frozenset[str]) -> None:
    for name in ("linkId", "definition"):
        (found,) = read(items({"linkId": "1", name: f"{OWN}#frail", "answer": [answer]})).events
        assert (found.kind, found.concepts, found.tags, found.status, str(found.when)) == (
            "answer",
            names("frail"),
            tags,
            "completed",
            "2026-11-20",
        )


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"valueInteger": 7}, Quantity(Decimal(7), "1")),
        ({"valueDecimal": 7.5}, Quantity(Decimal("7.5"), "1")),
        ({"valueQuantity": quantity(7, "kg")}, Quantity(Decimal(7), "kg")),
    ],
)
def test_a_number_is_an_observation_too(read: Read, answer: Json, value: Quantity) -> None:
    record = read(items({"linkId": f"{OWN}#alsfrs-r", "answer": [answer]}))
    assert [(found.concepts, found.value, found.status) for found in record.observations] == [(names("alsfrs-r"), value, "final")]
    amended = read({**items({"linkId": f"{OWN}#alsfrs-r", "answer": [answer]}), "status": "amended"})
    assert [found.status for found in amended.observations] == ["amended"]
    stopped = read({**items({"linkId": f"{OWN}#alsfrs-r", "answer": [answer]}), "status": "stopped"})
    assert [found.status for found in stopped.observations] == ["stopped"]


def test_nested_items_are_read_and_bottomless_ones_end(read: Read) -> None:
    inner: Json = {"linkId": f"{OWN}#frail", "answer": [{"valueBoolean": True}]}
    assert len(read(items({"linkId": "g", "item": [inner]})).events) == 1
    assert len(read(items({"linkId": "g", "answer": [{"valueBoolean": True, "item": [inner]}]})).events) == 1
    for _ in range(50):
        inner = {"linkId": "g", "item": [inner]}
    assert read(items(inner)).events == ()


def test_an_item_twelve_levels_down_says_all_it_says_at_the_top(read: Read) -> None:
    said = [{"valueCoding": {"system": SNOMED, "code": "86044005"}}, {"valueCoding": {"system": LOINC, "code": "LA33-6"}}]
    item: Json = {"linkId": f"{OWN}#frail", "answer": [*said, {"valueString": "Positive"}]}
    for _ in range(12):
        item = {"linkId": "g", "item": [item]}
    when = FhirDate.parse("2026-11-20")
    record = read(drafts=(items(item),))
    tags = names("als", "yes", "positive")
    assert record.events == (Event("QuestionnaireResponse/q", "answer", names("frail"), "completed", when, origin=Origin.DRAFT, tags=tags),)
    assert record.observations == (Observation("QuestionnaireResponse/q", names("frail"), "final", when, answers=tags),)
    assert read(items({"linkId": "g", "item": [item]})).events == ()


def test_a_result_in_an_answer_converts_as_one_in_an_observation_does(read: Read) -> None:
    (found,) = read(items({"linkId": f"{OWN}#creatinine", "answer": [{"valueQuantity": quantity(1, "mg/dL")}]})).observations
    substance = found.value.convert("umol/L") if found.value is not None else None
    assert substance is not None
    assert (round(substance.value, 1), str(found.when)) == (Decimal("88.4"), "2026-11-20")


def test_a_yes_or_no_is_no_result(read: Read) -> None:
    assert read(items({"linkId": f"{OWN}#frail", "answer": [{"valueBoolean": True}]})).observations == ()


def test_unanswered_unknown_and_changed_items_are_no_facts(read: Read) -> None:
    record = read(
        items(
            {"linkId": f"{OWN}#frail"},
            {"linkId": f"{OWN}#no-such-question", "answer": [{"valueBoolean": True}]},
            {"linkId": "frail", "answer": [{"valueBoolean": True}]},
            {"answer": [{"valueBoolean": True}]},
            {"linkId": f"{OWN}#frail", "answer": [{"valueBoolean": True}], "modifierExtension": [{"url": "x"}]},
            questionnaire="http://example.org/q|1.0",
        )
    )
    assert record.events == ()
    assert "QuestionnaireResponse" in record.unread
