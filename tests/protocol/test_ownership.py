from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.ownership import Owner, Patient
from tests.support.doubles import COMPLETE, bundle, condition, order, patient, request
from tests.support.service import Service

ME = Patient("p1")


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1", "p1", "Patient/p1/_history/4", "https://ehr.example.org/fhir/Patient/p1", "http://localhost/Patient/p1/_history/1",
        "urn:uuid:p1",
    ],
)  # fmt: skip
def test_every_way_to_name_the_patient_is_understood(reference: str) -> None:
    assert ME.owner(condition(of=reference)) is Owner.THIS


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p2", "p2", "Patient/p11", "Patient/P1", "Group/p1", "Practitioner/p1",
        "https://ehr.example.org/fhir/Patient/p2", "urn:uuid:p2",
        "Patient/p1/x", "Patient/p1?x=1", "https://evil.example/?x=Patient/p1", "ftp://ehr.example.org/Patient/p1", "#p1", "", "Patient/",
    ],
)  # fmt: skip
def test_anything_else_is_another_patient(reference: str) -> None:
    assert ME.owner(condition(of=reference)) is Owner.OTHER


@pytest.mark.parametrize(
    "subject", [None, {}, {"display": "p1"}, {"identifier": {"value": "p1"}}, {"reference": 1}, "Patient/p1", ["Patient/p1"]]
)
def test_a_resource_that_does_not_say_whose_it_is_is_nobodys(subject: object) -> None:
    assert ME.owner({"resourceType": "Observation", "subject": subject}) is Owner.UNSAID


def test_an_absolute_reference_must_be_to_the_callers_server_when_that_is_known() -> None:
    known = Patient("p1", frozenset({"https://ehr.example.org/fhir"}))
    assert known.owner(condition(of="https://ehr.example.org/fhir/Patient/p1")) is Owner.THIS
    assert known.owner(condition(of="https://other.example.org/fhir/Patient/p1")) is Owner.OTHER


@pytest.mark.parametrize(
    ("kind", "element"),
    [
        ("AllergyIntolerance", "patient"), ("Immunization", "patient"), ("FamilyMemberHistory", "patient"), ("Device", "patient"),
        ("Consent", "patient"), ("Task", "for"), ("Coverage", "beneficiary"), ("Procedure", "subject"), ("Encounter", "subject"),
    ],
)  # fmt: skip
def test_each_type_names_its_patient_in_its_own_element(kind: str, element: str) -> None:
    assert ME.owner({"resourceType": kind, element: {"reference": "Patient/p1"}}) is Owner.THIS
    assert ME.owner({"resourceType": kind, element: {"reference": "Patient/p2"}}) is Owner.OTHER


def appointment(*actors: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Appointment", "participant": [{"actor": actor} for actor in actors]}


def test_an_appointment_is_the_patients_when_one_participant_is() -> None:
    doctor, me, other = ({"reference": name} for name in ("Practitioner/d", "Patient/p1", "Patient/p2"))
    assert ME.owner(appointment(doctor, me)) is Owner.THIS
    assert ME.owner(appointment(doctor, other)) is Owner.OTHER
    assert ME.owner(appointment(doctor)) is Owner.UNSAID
    assert ME.owner({"resourceType": "Appointment", "participant": "x"}) is Owner.UNSAID


def test_a_urn_is_the_patient_when_the_patients_own_entry_stood_under_it(service: Service) -> None:
    urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    own = {"resourceType": "Bundle", "entry": [{"fullUrl": urn, "resource": patient()}]}
    service.cards(request(prefetch={**COMPLETE, "patient": own, "conditions": bundle(condition(of=urn))}))
    assert "Condition/c1" in service.knowledge.refs


def test_a_urn_under_which_another_patient_stood_is_another_patient(service: Service) -> None:
    urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    people = {"resourceType": "Bundle", "entry": [{"resource": patient()}, {"fullUrl": urn, "resource": patient("p2")}]}
    service.cards(request(prefetch={**COMPLETE, "patient": people, "conditions": bundle(condition(), condition("c2", of=urn))}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]


def test_the_patients_own_entry_says_under_which_other_address_the_server_is_known(service: Service) -> None:
    """An EHR may give the address of its proxy and send resources that carry the one behind it."""
    inner, other = "https://inner.example.org/fhir", "https://other.example.org/fhir"
    own = {"resourceType": "Bundle", "entry": [{"fullUrl": f"{inner}/Patient/p1", "resource": patient()}]}
    people = ["https://ehr.example.org/fhir/Patient/p1", f"{inner}/Patient/p1", f"{other}/Patient/p1"]
    found = bundle(*(condition(f"c{number}", of=name) for number, name in enumerate(people)))
    at = {"fhirServer": "https://ehr.example.org/fhir/"}
    service.cards(request(prefetch={**COMPLETE, "patient": own, "conditions": found}, **at))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c0", "Condition/c1"]
    service.cards(request(prefetch={**COMPLETE, "conditions": found}, **at))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c0"]
    service.cards(request(prefetch={**COMPLETE, "patient": own, "conditions": found}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c0", "Condition/c1", "Condition/c2"]


def test_data_of_another_patient_are_never_used_and_a_card_says_so(service: Service) -> None:
    cards = service.cards(request(prefetch={**COMPLETE, "medicationRequests": bundle(order("m1"), order("m2", of="Patient/p2"))}))
    assert "MedicationRequest/m1" in service.knowledge.refs
    assert "MedicationRequest/m2" not in service.knowledge.refs
    assert service.knowledge.unread == {"MedicationRequest": "data of another patient came and were not used"}
    assert [(card["indicator"], card["summary"]) for card in cards] == [
        ("warning", "Data of another patient came with this request and were not used")
    ]


OF_ANOTHER, OF_NOBODY = order("m2", of="Patient/p2"), order("m3", of=None)


@pytest.mark.parametrize(
    ("orders", "why", "told"),
    [
        ((OF_NOBODY,), "data that do not say whose they are came and were not used", False),
        ((OF_ANOTHER, OF_NOBODY), "data of another patient came and were not used", True),
        ((OF_NOBODY, OF_ANOTHER), "data of another patient came and were not used", True),
    ],
)
def test_data_of_nobody_are_not_used_and_hide_no_other_patient(
    service: Service, orders: tuple[dict[str, Any]], why: str, told: bool
) -> None:
    cards = service.cards(request(prefetch={**COMPLETE, "medicationRequests": bundle(*orders)}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {"MedicationRequest": why}
    assert any("another patient" in card["summary"] for card in cards) == told


def test_an_order_of_another_patient_is_not_checked_and_a_card_says_so(service: Service) -> None:
    drafts = {"draftOrders": bundle(order("m1", of="Patient/p2"))}
    cards = service.cards(request("order-sign", context=drafts), "order-sign")
    assert "MedicationRequest/m1" not in service.knowledge.refs
    assert service.knowledge.unread == {"MedicationRequest": "data of another patient came and were not used"}
    assert "orders of this session" in cards[0]["detail"]
