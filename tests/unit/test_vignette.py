"""The shorthand of rule files becomes real FHIR R4 resources that extraction reads back."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import pytest

from rules.extract import Input, extract
from rules.facts import Origin, Record
from rules.terminology import CONCEPT_SYSTEM, SNOMED, Terminology
from rules.vignette import SECTIONS, Scene, build

DAY = date(2026, 11, 25)
Make: TypeAlias = Callable[..., Scene]


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology.load(Path(__file__).resolve().parents[2] / "rules" / "codes")


@pytest.fixture
def make(terminology: Terminology) -> Make:
    def call(hook: str = "patient-view", **patient: object) -> Scene:
        return build(patient, on=DAY, hook=hook, terminology=terminology)

    return call


def facts(scene: Scene, terminology: Terminology) -> Record:
    inputs = [Input(made) for made in scene.resources]
    inputs += [Input(made, Origin.DRAFT) for made in scene.drafts] + [Input(made, Origin.PLANNED) for made in scene.planned]
    return extract(inputs, terminology=terminology, as_of=datetime(2026, 11, 25, 12, tzinfo=UTC), hook="patient-view", unread=scene.unread)


EVERYTHING: dict[str, object] = {
    "age": 45,
    "gender": "female",
    "deceased": False,
    "unread": ["Goal"],
    "diagnoses": [
        "generalised-myasthenia",
        {"code": "G71.01", "system": "icd-10-cm", "clinical": "", "verification": "provisional", "severity": "severe", "site": "foot"},
        {"concept": "pneumonia", "abated": "-10 days", "onset": "-20 days", "recorded": "-19 days", "changed": "-9 days"},
        {"concept": "als", "verification": "entered-in-error"},
        {"concept": "cidp", "abated": True, "onset": ""},
    ],
    "findings": [
        "ptosis",
        {"concept": "dysphagia", "present": False},
        {"concept": "fever", "as": "condition"},
        {"concept": "cramp", "as": "condition", "present": False},
    ],
    "medications": [
        {"concept": "prednisone", "mg_per_day": 20, "days": 30, "route": "oral", "reason": "generalised-myasthenia", "prior": "old"},
        {"concept": "azathioprine", "status": "stopped", "until": "-10 days", "status_reason": "ineffective"},
        {"concept": "rituximab", "kind": "MedicationAdministration", "since": "-2 months", "mg_per_day": 1000, "route": "iv"},
        {"concept": "tacrolimus", "kind": "MedicationAdministration", "until": "-1 days"},
        {"concept": "ibuprofen", "kind": "MedicationStatement", "prn": True, "mg_per_day": 400, "reason": "other", "until": "-1 days"},
        {"concept": "tacrolimus", "kind": "MedicationDispense", "days": 30},
        {"concept": "methotrexate", "mg_per_kg_day": 0.5, "do_not_perform": True},
        {"name": "Prednisone 5 mg tablet", "single": True},
    ],
    "drafts": [
        "ciprofloxacin",
        "massage",
        {"concept": "live-vaccine-mmr", "type": "ImmunizationRecommendation"},
        {"concept": "referral-neurology", "type": "Appointment"},
        {"concept": "immunoglobulin-g", "type": "ServiceRequest", "reason": "cidp"},
    ],
    "planned": ["cyclosporine", {"code": "8640", "system": "rxnorm"}],
    "labs": [
        {"concept": "creatinine", "value": 1.2, "unit": "mg/dL", "high": 1.1, "low": 0.5, "result": "high"},
        {"concept": "crp", "value": 1, "unit": "mg/L", "comparator": "<"},
        {"concept": "anti-achr", "result": "positive"},
        {"concept": "tpmt", "answer": "poor-metaboliser"},
        {"concept": "mgfa-class", "answer": "mgfa-3"},
        {"concept": "delivery-date-estimated", "date": "+30 days"},
        {"concept": "pain-score", "value": 5, "focus": "diabetic-polyneuropathy", "site": "foot"},
        {"concept": "fall-risk", "truth": True},
        {"concept": "HBsAg", "result": "negative"},
    ],
    "genes": ["DMD", {"gene": "SMN2", "copies": 3, "significance": "pathogenic"}],
    "procedures": ["thymectomy"],
    "imaging": ["chest-ct"],
    "reports": [{"concept": "echocardiography", "conclusion": "positive"}],
    "immunizations": ["live-vaccine-mmr"],
    "allergies": ["penicillamine"],
    "family": ["duchenne", {"concept": "als", "relationship": "aunt"}],
    "encounters": ["neurology", {"concept": "any", "class": "IMP"}, {"when": "-2 days"}],
    "orders": ["referral-neurology"],
    "appointments": ["referral-cardiology"],
    "plans": ["emergency"],
    "goals": [{"achievement": "not-achieved", "for": "generalised-myasthenia"}, "treatment-goal"],
    "devices": ["noninvasive-ventilation", {"concept": "wheelchair-device", "kind": "Device"}],
    "flags": ["palliative-care-status"],
    "answers": [
        "frail",
        {"concept": "progressive", "yes": False, "kind": "QuestionnaireResponse"},
        {"concept": "sensory-loss", "answer": "yes"},
    ],
    "communications": ["patient-education"],
    "consents": ["gastrostomy"],
}  # fmt: skip


def test_every_section_is_in_the_great_example() -> None:
    assert set(SECTIONS) <= set(EVERYTHING)


def test_every_built_resource_is_valid_fhir_r4(make: Make) -> None:
    scene = make("order-select", **EVERYTHING)
    for made in [*scene.resources, *scene.drafts, *scene.planned]:
        kind = str(made["resourceType"])
        model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        model.model_validate(json.loads(json.dumps(made)))


def test_every_built_resource_is_read_back(make: Make, terminology: Terminology) -> None:
    scene = make("order-select", **EVERYTHING)
    record = facts(scene, terminology)
    found = {fact.ref for group in (record.conditions, record.medications, record.observations, record.events) for fact in group}
    found |= {fact.ref for fact in record.allergies} | {fact.ref for fact in record.relatives}
    built = {f"{made['resourceType']}/{made['id']}" for made in [*scene.resources, *scene.drafts, *scene.planned]}
    assert built - found == {"Patient/patient-1"}
    assert record.unread == {"Goal": "the record could not be read"}


def test_building_twice_gives_the_same(make: Make) -> None:
    assert make(**EVERYTHING) == make(**EVERYTHING)


# -- the patient


@pytest.mark.parametrize(
    ("age", "birth"),
    [(45, "1981-08-17"), (0, "2026-08-17"), ("20 months", "2025-03-15"), ("28 days", "2026-10-28"), ("18 years", "2008-08-17")],
)
def test_an_age_lies_safely_past_its_birthday(make: Make, age: object, birth: str) -> None:
    assert make(age=age).resources == [{"resourceType": "Patient", "id": "patient-1", "birthDate": birth}]


def test_a_patient_may_be_unknown_partial_or_dead(make: Make) -> None:
    assert make().resources == [{"resourceType": "Patient", "id": "patient-1"}]
    (patient,) = make(birth="1980", gender="other", deceased=True).resources
    assert patient == {"resourceType": "Patient", "id": "patient-1", "gender": "other", "birthDate": "1980", "deceasedBoolean": True}


def test_a_diagnosis_begins_a_year_ago_or_at_birth(make: Make) -> None:
    assert make(age=45, diagnoses=["als"]).resources[1]["onsetDateTime"] == "2025-11-25"
    assert make(age="2 months", diagnoses=["als"]).resources[1]["onsetDateTime"] == "2026-09-15"
    assert make(diagnoses=["als"]).resources[1]["recordedDate"] == "2025-11-25"


# -- codes and times


def test_the_best_official_code_is_used(make: Make) -> None:
    coding = make(diagnoses=["als"]).resources[1]["code"]
    assert coding == {
        "coding": [{"system": SNOMED, "code": "86044005", "display": "Amyotrophic lateral sclerosis"}],
        "text": "Amyotrophic lateral sclerosis",
    }


@pytest.mark.parametrize("name", ["anti-musk", "mip", "sma", "VS-AB-LRP4"])
def test_a_name_without_a_public_code_has_our_own(make: Make, name: str) -> None:
    coding = make(labs=[{"concept": name, "value": 1}]).resources[1]["code"]
    assert isinstance(coding, dict)
    assert (coding["coding"][0]["system"], coding["coding"][0]["code"]) == (CONCEPT_SYSTEM, name)


def test_a_value_set_of_one_stands_for_its_member(make: Make, terminology: Terminology) -> None:
    record = facts(make(labs=[{"concept": "HBsAg", "result": "negative"}]), terminology)
    assert record.observations[0].concepts == frozenset({"hepatitis-b-surface-antigen"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-30 days", "2026-10-26"),
        ("+2 weeks", "2026-12-09"),
        ("-1 month", "2026-10-25"),
        ("-48 hours", "2026-11-23T12:00:00Z"),
        ("today", "2026-11-25"),
        ("-0 days", "2026-11-25"),
        ("2020-05", "2020-05"),
    ],
)
def test_times_are_relative_or_iso(make: Make, text: str, expected: str) -> None:
    assert make(labs=[{"concept": "crp", "value": 1, "unit": "mg/L", "when": text}]).resources[1]["effectiveDateTime"] == expected


def test_an_empty_text_leaves_the_element_out(make: Make) -> None:
    made = make(diagnoses=[{"concept": "als", "verification": "", "clinical": "", "onset": "", "recorded": ""}]).resources[1]
    assert set(made) == {"resourceType", "id", "subject", "code"}


# -- meaning


def test_statuses_doses_and_reasons_arrive_as_facts(make: Make, terminology: Terminology) -> None:
    record = facts(make("order-select", **EVERYTHING), terminology)
    conditions = {condition.ref: condition for condition in record.conditions}
    assert [
        (conditions[f"Condition/condition-{n}"].clinical, conditions[f"Condition/condition-{n}"].verification) for n in range(1, 6)
    ] == [
        ("active", "confirmed"),
        (None, "provisional"),
        ("resolved", "confirmed"),
        (None, "entered-in-error"),
        ("resolved", "confirmed"),
    ]
    drugs = {drug.ref: drug for drug in record.medications}
    prednisone = drugs["MedicationRequest/medicationrequest-1"]
    assert (prednisone.mg_per_day, prednisone.days, prednisone.route, prednisone.reasons, prednisone.prior) == (
        Decimal(20),
        Decimal(30),
        "oral",
        frozenset({"generalised-myasthenia"}),
        "MedicationRequest/old",
    )
    stopped = drugs["MedicationRequest/medicationrequest-2"]
    assert (stopped.status, str(stopped.end), stopped.status_reasons) == ("stopped", "2026-11-15", frozenset({"ineffective"}))
    given = drugs["MedicationAdministration/medicationadministration-1"]
    assert (given.status, given.route, given.mg_per_day, str(given.start)) == ("completed", "iv", Decimal(1000), "2026-09-25")
    needed = drugs["MedicationStatement/medicationstatement-1"]
    assert (needed.as_needed, needed.mg_per_day, needed.has_reason, needed.reasons) == (True, Decimal(400), True, frozenset())
    forbidden = drugs["MedicationRequest/medicationrequest-3"]
    assert (forbidden.do_not_perform, forbidden.mg_per_kg_day) == (True, Decimal("0.5"))
    named = drugs["MedicationRequest/medicationrequest-4"]
    assert (named.matched_by_name, named.single) == (True, True)


def test_drafts_and_planned_orders_stand_where_they_belong(make: Make, terminology: Terminology) -> None:
    record = facts(make("order-select", **EVERYTHING), terminology)
    drafted = {(drug.kind, *drug.concepts) for drug in record.medications if drug.origin is Origin.DRAFT}
    assert drafted == {
        ("MedicationRequest", "ciprofloxacin"),
        ("ImmunizationRecommendation", "live-vaccine-mmr"),
        ("ServiceRequest", "immunoglobulin-g"),
    }
    assert {drug.status for drug in record.medications if drug.origin is not Origin.RECORD} == {"draft"}
    assert {name for drug in record.medications if drug.origin is Origin.PLANNED for name in drug.concepts} == {
        "cyclosporine",
        "prednisone",
    }
    assert {(event.kind, event.status) for event in record.events if event.origin is Origin.DRAFT} == {
        ("order", "draft"),
        ("appointment", "proposed"),
    }


def test_results_answers_and_genes_arrive_as_facts(make: Make, terminology: Terminology) -> None:
    record = facts(make(**EVERYTHING), terminology)
    by_name = {name: found for found in record.observations for name in found.concepts}
    assert (by_name["creatinine"].interpretation, by_name["creatinine"].high and by_name["creatinine"].high.value) == (
        frozenset({"H"}),
        Decimal("1.1"),
    )
    assert by_name["crp"].value is not None
    assert by_name["crp"].value.comparator == "<"
    assert by_name["anti-achr"].answers == frozenset({"positive"})
    assert by_name["tpmt"].answers == frozenset({"poor-metaboliser"})
    assert by_name["mgfa-class"].answers == frozenset({"mgfa-3"})
    assert str(by_name["delivery-date-estimated"].date) == "2026-12-25"
    assert (by_name["pain-score"].focus, by_name["pain-score"].body_sites) == (frozenset({"diabetic-polyneuropathy"}), frozenset({"foot"}))
    assert by_name["fall-risk"].truth is True
    assert (by_name["ptosis"].truth, by_name["dysphagia"].truth) == (True, False)
    panel = next(found for found in record.observations if {"gene-studied", "gene-copies"} <= found.concepts)
    assert (panel.answers, panel.value and panel.value.value) == (frozenset({"SMN2", "pathogenic"}), Decimal(3))
    assert {name: event.tags for event in record.events if event.kind == "answer" for name in event.concepts} == {
        "progressive": frozenset({"no"})
    }
    assert [relative.first_degree for relative in record.relatives] == [True, False]


# -- the context of the hook


def test_each_hook_has_its_context(make: Make) -> None:
    base = {"userId": "Practitioner/practitioner-1", "patientId": "patient-1"}
    assert make("patient-view").context == base
    assert make("encounter-start").context == {**base, "encounterId": "encounter-1"}
    select = make("order-select", drafts=["massage"], planned=["prednisone"])
    assert select.context["selections"] == ["ServiceRequest/servicerequest-1"]
    assert select.context["draftOrders"] == {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": made} for made in [*select.drafts, *select.planned]],
    }
    sign = make("order-sign", drafts=["massage"])
    assert set(sign.context) == {"userId", "patientId", "draftOrders"}
    book = make("appointment-book", drafts=["massage"])
    assert [made["resourceType"] for made in book.drafts] == ["Appointment"]
    assert set(book.context) == {"userId", "patientId", "appointments"}
    problem = make("problem-list-item-create", diagnoses=["als", {"concept": "cidp", "new": True}])
    assert problem.context["conditions"] == {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": problem.resources[2]}]}


# -- mistakes


@pytest.mark.parametrize(
    ("patient", "message"),
    [
        ({"diagnosis": []}, r"patient\.diagnosis: unknown key, expected one of .* \(did you mean diagnoses\?\)"),
        ({"diagnoses": "als"}, r"patient\.diagnoses: found 'als', expected a list"),
        ({"diagnoses": [5]}, r"patient\.diagnoses\[0\]: found 5, expected a concept id or a table"),
        ({"diagnoses": ["al5-disease"]}, r"patient\.diagnoses\[0\]\.concept: found 'al5-disease', which is no concept"),
        ({"diagnoses": ["cidq"]}, r"which is no concept \(did you mean cidp"),
        ({"diagnoses": ["prednisone"]}, r"patient\.diagnoses\[0\]\.concept: found 'prednisone', which is a medication"),
        ({"medications": ["als"]}, r"patient\.medications\[0\]\.concept: found 'als', which is a condition"),
        ({"diagnoses": ["VS-MG"]}, r"'VS-MG' stands for several concepts, expected one of"),
        ({"diagnoses": [{}]}, r"patient\.diagnoses\[0\]: needs `concept`, or `code` with `system`"),
        ({"diagnoses": [{"code": "G71.01"}]}, r"patient\.diagnoses\[0\]\.system: missing, expected one of icd-10-cm"),
        ({"diagnoses": [{"code": "G71.01", "system": "icd10"}]}, r"system: found 'icd10', expected one of .*did you mean icd-10"),
        ({"diagnoses": [{"concept": "als", "verifcation": ""}]}, r"verifcation: unknown key, .*did you mean verification"),
        ({"diagnoses": [{"concept": 5}]}, r"patient\.diagnoses\[0\]\.concept: found 5, expected a text"),
        ({"diagnoses": [{"concept": "als", "new": "yes"}]}, r"new: found 'yes', expected true or false"),
        ({"diagnoses": [{"concept": "als", "onset": "yesterday"}]}, r"onset: found 'yesterday', expected an ISO time"),
        ({"diagnoses": [{"concept": "als", "onset": "-3 fortnights"}]}, r'onset: "3 fortnights" is not a duration'),
        ({"diagnoses": [{"concept": "als", "verification": "sure"}]}, r"verification: found 'sure', expected one of unconfirmed"),
        ({"diagnoses": [{"concept": "als", "clinical": "bad"}]}, r"clinical: found 'bad', expected one of active"),
        ({"labs": [{"concept": "crp", "value": "1"}]}, r"patient\.labs\[0\]\.value: found '1', expected a number"),
        ({"labs": [{"concept": "crp", "value": 1, "unit": "bananas"}]}, r"patient\.labs\[0\]\.unit: found 'bananas', expected a UCUM unit"),
        ({"labs": [{"concept": "crp", "result": "odd"}]}, r"result: found 'odd', expected one of positive"),
        ({"labs": [{"concept": "crp", "answer": "no-such"}]}, r"answer: found 'no-such', which is no concept"),
        ({"medications": [{"concept": "prednisone", "steps": 5}]}, r"steps: found 5, expected a list of numbers"),
        ({"medications": [{"concept": "prednisone", "steps": ["5"]}]}, r"steps: found \['5'\], expected a list of numbers"),
        ({"medications": [{"concept": "prednisone", "route": "by-drone"}]}, r"route: found 'by-drone', which has no code in routes.csv"),
        (
            {"medications": [{"concept": "prednisone", "kind": "Medication"}]},
            r"kind: found 'Medication', expected one of MedicationRequest",
        ),
        ({"goals": [{"for": "als"}]}, r"patient\.goals\[0\]\.for: found 'als', expected one of the patient's diagnoses"),
        ({"family": [{"concept": "als", "relationship": "mum"}]}, r"relationship: found 'mum', expected one of mother"),
        ({"genes": [{"gene": "DMD", "significance": "bad"}]}, r"significance: found 'bad', which is no concept"),
        ({"orders": [{"concept": "ecg", "status": "actve"}]}, r"patient: ServiceRequest\.status: found 'actve', expected one of active"),
        ({"goals": [{"status": "done"}]}, r"patient: Goal\.lifecycleStatus: found 'done', expected one of accepted"),
        ({"age": -1}, r"patient\.age: found -1, expected whole years"),
        ({"age": 4.5}, r"patient\.age: found 4\.5"),
        ({"age": True}, r"patient\.age: found True"),
        ({"age": "old"}, r'"old" is not a duration'),
        ({"birth": "1980-05-02T10:00:00Z"}, r"patient\.birth: found '1980-05-02T10:00:00Z', expected a date"),
        ({"birth": "May"}, r"patient\.birth: found 'May'"),
        ({"gender": "f"}, r"patient\.gender: found 'f', expected female"),
        ({"deceased": "no"}, r"patient\.deceased: found 'no'"),
        ({"unread": "Goal"}, r"patient\.unread: found 'Goal', expected a list"),
        ({"unread": ["Goals"]}, r"patient\.unread: found 'Goals', expected one of .*did you mean Goal"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(make: Make, patient: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**patient)
