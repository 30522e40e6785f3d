from __future__ import annotations

from typing import Any

import pytest

from cds_hooks.envelope import A_FHIR_ID, A_UUID
from rules.facts import Origin
from tests.support.doubles import AUTHORIZATION, COMPLETE, bundle, condition, order, patient, request
from tests.support.service import Service

ENCOUNTER = {"encounterId": "e1"}
ORDERS = {"draftOrders": bundle(order("m1"), order("m2"))}


def origins(service: Service) -> dict[str, Origin]:
    return {
        f"{one.resource['resourceType']}/{one.resource['id']}": one.origin
        for one in service.knowledge.seen
        if isinstance(one.resource, dict)
    }


@pytest.mark.parametrize(
    ("hook", "context"),
    [
        ("patient-view", {}),
        ("patient-view", ENCOUNTER),
        ("order-select", {**ORDERS, "selections": ["MedicationRequest/m1"]}),
        ("order-sign", ORDERS),
        ("encounter-start", ENCOUNTER),
        ("encounter-discharge", ENCOUNTER),
        ("problem-list-item-create", {"conditions": bundle(condition("c9"))}),
        ("appointment-book", {"appointments": bundle()}),
    ],
)
def test_every_hook_is_answered_with_an_object_that_has_an_array_of_cards(service: Service, hook: str, context: dict[str, Any]) -> None:
    answer = service.hook(request(hook, context=context), hook)
    assert (answer.status, answer.body) == (200, b'{"cards":[]}')
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("hook", "context", "path"),
    [
        ("patient-view", {"userId": None}, "context.userId"),
        ("patient-view", {"patientId": None}, "context.patientId"),
        ("order-select", {"draftOrders": bundle()}, "context.selections"),
        ("order-select", {"draftOrders": bundle(), "selections": []}, "context.selections"),
        ("order-select", {"selections": ["MedicationRequest/m1"]}, "context.draftOrders"),
        ("order-sign", {}, "context.draftOrders"),
        ("encounter-start", {}, "context.encounterId"),
        ("encounter-discharge", {"encounterId": None}, "context.encounterId"),
        ("problem-list-item-create", {}, "context.conditions"),
        ("appointment-book", {}, "context.appointments"),
    ],
)
def test_a_required_context_member_that_is_missing_is_named(service: Service, hook: str, context: dict[str, Any], path: str) -> None:
    answer = service.hook(request(hook, context=context), hook)
    assert (answer.status, answer.number, answer.paths) == (400, "NMCDS-104", [path])


@pytest.mark.parametrize(
    "user", ["Practitioner/abc", "PractitionerRole/A2340113", "Patient/p1", "RelatedPerson/r1", "Practitioner/e-Q.k_~", "bare-id"]
)
def test_users_of_every_kind_are_accepted(service: Service, user: str) -> None:
    assert service.hook(request(context={"userId": user})).status == 200


@pytest.mark.parametrize("spelling", ["p1", "Patient/p1"])
def test_the_patient_id_is_accepted_with_and_without_its_type(service: Service, spelling: str) -> None:
    service.cards(request(context={"patientId": spelling}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]


def test_an_encounter_id_is_accepted_with_its_type(service: Service) -> None:
    assert service.hook(request("encounter-start", context={"encounterId": "Encounter/e1"}), "encounter-start").status == 200


def test_a_long_id_such_as_ehrs_send_is_accepted(service: Service) -> None:
    name = "eXoGxqgBaJuNkuahMYmiDhg3" * 5
    body = request(
        context={"patientId": name}, prefetch={**COMPLETE, "patient": patient(name), "conditions": bundle(condition(of=f"Patient/{name}"))}
    )
    assert service.hook(body).status == 200


def test_unknown_members_are_ignored_everywhere(service: Service) -> None:
    body = request(context={"later": 1}, somethingNew=[1], prefetch={**COMPLETE, "notOurs": {"resourceType": "Basic"}})
    assert service.hook(body).status == 200


def test_extension_objects_are_accepted(service: Service) -> None:
    body = request(extension={"com.example.timestamp": "2017-11-27T22:13:25Z"}, context={"extension": {"com.example.a": 1}})
    assert service.hook(body).status == 200


def test_optional_members_may_be_null(service: Service) -> None:
    body = {**request(context={"encounterId": None}), "fhirServer": None, "fhirAuthorization": None, "extension": None}
    assert service.hook(body).status == 200


def test_the_hook_must_be_the_hook_of_the_service(service: Service) -> None:
    answer = service.hook(request("patient-view"), "order-sign")
    assert (answer.status, answer.number, answer.paths) == (400, "NMCDS-105", ["hook"])


def test_an_unknown_service_is_404(service: Service) -> None:
    answer = service.post("/cds-services/no-such-service", request())
    assert (answer.status, answer.number) == (404, "NMCDS-106")


@pytest.mark.parametrize("instance", ["", "1", "not-a-uuid-but-of-some-length-00000000", "d1577c69dfbe44adba6d3e05e953b2ea", 7])
def test_hook_instance_must_be_a_uuid(service: Service, instance: object) -> None:
    answer = service.hook(request(hookInstance=instance))
    assert (answer.status, answer.paths) == (400, ["hookInstance"])


def test_a_refused_member_is_told_what_it_should_look_like(service: Service) -> None:
    answer = service.hook(request(hookInstance="7", context={"patientId": "a b", "userId": ""}))
    assert [issue["diagnostics"] for issue in answer.json()["issue"]] == ["hookInstance: " + A_UUID]
    answer = service.hook(request(context={"patientId": "a b", "userId": ""}))
    assert [issue["diagnostics"] for issue in answer.json()["issue"]] == [
        "context.userId: expected a reference without spaces, such as Practitioner/123",
        "context.patientId: " + A_FHIR_ID,
    ]


def test_fhir_authorization_requires_fhir_server(service: Service) -> None:
    answer = service.hook(request(fhirAuthorization=AUTHORIZATION))
    assert (answer.status, answer.paths) == (400, ["fhirServer"])


def test_fhir_authorization_for_another_patient_is_refused(service: Service) -> None:
    answer = service.hook(request(fhirServer="https://ehr.example.org/fhir", fhirAuthorization={**AUTHORIZATION, "patient": "p2"}))
    assert (answer.status, answer.paths) == (400, ["fhirAuthorization.patient"])


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("access_token", None), ("access_token", ""), ("access_token", "a b"), ("access_token", "a\r\nX-Evil: 1"), ("access_token", 7),
        ("token_type", "MAC"), ("expires_in", "300"), ("expires_in", True), ("scope", []), ("subject", {}), ("patient", 1),
    ],
)  # fmt: skip
def test_wrong_members_of_fhir_authorization_are_named(service: Service, member: str, value: object) -> None:
    body = request(fhirServer="https://ehr.example.org/fhir", fhirAuthorization={**AUTHORIZATION, member: value})
    answer = service.hook(body)
    assert (answer.status, answer.paths) == (400, [f"fhirAuthorization.{member}"])


def test_only_the_token_of_fhir_authorization_is_needed(service: Service) -> None:
    assert service.hook(request(fhirServer="https://ehr.example.org/fhir", fhirAuthorization={"access_token": "t"})).status == 200


@pytest.mark.parametrize("selection", ["MedicationRequest/m1", "m1", "https://ehr.example.org/fhir/MedicationRequest/m1"])
def test_order_select_asks_about_the_selected_order_and_plans_the_others(service: Service, selection: str) -> None:
    service.cards(request("order-select", context={**ORDERS, "selections": [selection]}), "order-select")
    assert origins(service)["MedicationRequest/m1"] is Origin.DRAFT
    assert origins(service)["MedicationRequest/m2"] is Origin.PLANNED


def test_a_selection_by_full_url_is_found(service: Service) -> None:
    drafts = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": order("m1")}, {"resource": order("m2")}]}
    service.cards(request("order-select", context={"draftOrders": drafts, "selections": ["urn:uuid:1"]}), "order-select")
    assert [origin for origin in origins(service).values() if origin is not Origin.RECORD] == [Origin.DRAFT, Origin.PLANNED]


def test_when_a_selection_names_no_order_every_order_is_asked_about(service: Service) -> None:
    service.cards(request("order-select", context={**ORDERS, "selections": ["m1", "m77"]}), "order-select")
    assert {origins(service)[f"MedicationRequest/{name}"] for name in ("m1", "m2")} == {Origin.DRAFT}


def test_order_sign_asks_about_every_order(service: Service) -> None:
    service.cards(request("order-sign", context=ORDERS), "order-sign")
    assert {origins(service)[f"MedicationRequest/{name}"] for name in ("m1", "m2")} == {Origin.DRAFT}


def test_new_problems_are_what_the_hook_asks_about(service: Service) -> None:
    result = {"resourceType": "Observation", "id": "o9", "subject": {"reference": "Patient/p1"}}
    service.cards(request("problem-list-item-create", context={"conditions": bundle(condition("c9"), result)}), "problem-list-item-create")
    assert origins(service)["Condition/c9"] is Origin.DRAFT
    assert origins(service)["Observation/o9"] is Origin.RECORD


def test_booked_appointments_are_what_the_hook_asks_about(service: Service) -> None:
    appointment = {"resourceType": "Appointment", "id": "a1", "status": "proposed", "participant": [{"actor": {"reference": "Patient/p1"}}]}
    service.cards(request("appointment-book", context={"appointments": bundle(appointment)}), "appointment-book")
    assert origins(service)["Appointment/a1"] is Origin.DRAFT


def test_an_order_that_names_no_patient_is_taken_for_the_patient_in_context(service: Service) -> None:
    service.cards(request("order-sign", context={"draftOrders": bundle(order("m1", of=None))}), "order-sign")
    assert "MedicationRequest/m1" in service.knowledge.refs


def test_medications_in_the_bundle_of_orders_come_along(service: Service) -> None:
    named = order("m1", medicationReference={"reference": "urn:uuid:1"})
    drafts = {
        "resourceType": "Bundle",
        "entry": [{"resource": named}, {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Medication", "id": "d"}}],
    }
    service.cards(request("order-sign", context={"draftOrders": drafts}), "order-sign")
    assert [(one.origin, one.url) for one in service.knowledge.seen[-2:]] == [(Origin.DRAFT, ""), (Origin.RECORD, "urn:uuid:1")]
    assert service.knowledge.unread == {}


@pytest.mark.parametrize("reference", ["Medication/d", "https://ehr.example.org/fhir/Medication/d/_history/3", "#d"])
def test_an_order_whose_medication_is_there_is_complete(service: Service, reference: str) -> None:
    named = order("m1", medicationReference={"reference": reference}, contained=[{"resourceType": "Medication", "id": "d"}])
    drafts = {"draftOrders": bundle(named, {"resourceType": "Medication", "id": "d"})}
    service.cards(request("order-sign", context=drafts), "order-sign")
    assert service.knowledge.unread == {}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], "context.draftOrders"),
        ({}, "context.draftOrders.resourceType"),
        (order(), "context.draftOrders.resourceType"),
        ({"resourceType": "Bundle", "entry": {}}, "context.draftOrders.entry"),
        ({"resourceType": "Bundle", "entry": [1]}, "context.draftOrders.entry[0]"),
        ({"resourceType": "Bundle", "entry": [{}]}, "context.draftOrders.entry"),
        ({"resourceType": "Bundle", "entry": [{"resource": []}]}, "context.draftOrders.entry[0].resource"),
        ({"resourceType": "Bundle", "entry": [{"resource": {"id": "x"}}]}, "context.draftOrders.entry[0].resource.resourceType"),
        ({"resourceType": "Bundle", "link": 1}, "context.draftOrders.link"),
    ],
)
def test_orders_that_are_not_a_bundle_of_resources_are_refused_with_their_place(service: Service, value: object, path: str) -> None:
    answer = service.hook(request("order-sign", context={"draftOrders": value}), "order-sign")
    assert (answer.status, answer.paths) == (400, [path])
