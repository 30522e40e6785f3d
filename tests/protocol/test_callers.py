"""Requests in the shapes in which EHRs and sandboxes send them or may send them, in our own words and data.

Epic, Oracle Health, the public CDS Hooks sandbox (its source) and the SMART launcher. What they share with the standard is tested
elsewhere in this folder.
"""

from __future__ import annotations

from typing import Any

import pytest

from rules.facts import Origin
from tests.support.doubles import AUTHORIZATION, COMPLETE, INSTANCE, bundle, condition, order, outcome, patient, request
from tests.support.service import Service

EPIC_ID = "eq081-VQEgP8drUUqCWzHfw3"
EPIC: dict[str, Any] = {"fhirServer": "https://ehr.example.org/interconnect-test/api/FHIR/R4", "fhirAuthorization": AUTHORIZATION}
MISSING = "not sent with the request, and no FHIR server could be asked"


def origins(service: Service) -> dict[str, Origin]:
    return {
        f"{one.resource['resourceType']}/{one.resource['id']}": one.origin
        for one in service.knowledge.seen
        if isinstance(one.resource, dict)
    }


def test_epic_selects_an_order_whose_drug_is_contained(service: Service) -> None:
    """The id of an unsigned order is no id of the server, and the drug comes only as a contained Medication."""
    drug = {"resourceType": "Medication", "id": "med-1", "code": {"text": "a drug"}}
    draft = order("unsigned.12", f"Patient/{EPIC_ID}", medicationReference={"reference": "#med-1", "display": "a drug"}, contained=[drug])
    body = request(
        "order-select",
        context={
            "userId": f"PractitionerRole/{EPIC_ID}-r",
            "patientId": EPIC_ID,
            "encounterId": "elMz2mwjsRvKnZiR.0ceTUg3",
            "selections": ["MedicationRequest/unsigned.12"],
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]},
        },
        prefetch={**COMPLETE, "patient": patient(EPIC_ID), "conditions": bundle(condition(of=f"Patient/{EPIC_ID}"))},
        **EPIC,
    )
    service.cards(body, "order-select")
    assert origins(service)["MedicationRequest/unsigned.12"] is Origin.DRAFT
    assert service.knowledge.unread == {}


def test_epic_names_its_own_server_in_absolute_references(service: Service) -> None:
    base = EPIC["fhirServer"]
    mine = condition("c1", f"{base}/Patient/p1")
    found = bundle(type="searchset", total=1, link=[{"relation": "self", "url": f"{base}/Condition?patient=p1"}])
    found["entry"] = [{"fullUrl": f"{base}/Condition/c1", "resource": mine, "search": {"mode": "match"}}]
    service.cards(request(prefetch={**COMPLETE, "conditions": found}, **EPIC))
    assert "Condition/c1" in service.knowledge.refs
    assert service.knowledge.unread == {}


def test_epic_puts_an_outcome_that_informs_beside_the_results(service: Service) -> None:
    found = bundle(condition())
    found["entry"].append({"search": {"mode": "outcome"}, "resource": outcome("information")})
    service.cards(request(prefetch={**COMPLETE, "conditions": found}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {}


def test_epic_puts_an_outcome_in_place_of_results_that_the_user_may_not_see(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "observations": outcome("error")}, **EPIC))
    assert list(service.knowledge.unread) == ["Observation"]
    assert service.fhir.asked == []


@pytest.mark.parametrize("instance", [INSTANCE.upper(), INSTANCE.title(), "00000000-0000-0000-0000-000000000000"])
def test_a_hook_instance_in_capitals_is_a_uuid(service: Service, instance: str) -> None:
    """RFC 9562, 4: read without regard to case."""
    assert service.hook(request(hookInstance=instance)).status == 200


@pytest.mark.parametrize("user", ["12724066", "Practitioner/12724066", "COREPRACTITIONER1"])
def test_oracle_names_the_user_and_the_encounter_by_number(service: Service, user: str) -> None:
    body = request("encounter-start", context={"userId": user, "patientId": "12724066", "encounterId": "97953477"}, prefetch=None)
    body["prefetch"] = {**COMPLETE, "patient": patient("12724066"), "conditions": bundle(condition(of="Patient/12724066"))}
    service.cards(body, "encounter-start")
    assert "Condition/c1" in service.knowledge.refs
    assert service.knowledge.unread == {}


def test_an_encounter_number_of_json_is_refused_with_its_place(service: Service) -> None:
    """A FHIR id is a text; a number could have lost digits on the way."""
    answer = service.hook(request("encounter-start", context={"encounterId": 97953477}), "encounter-start")
    assert (answer.status, answer.paths) == (400, ["context.encounterId"])


@pytest.mark.parametrize("kind", [None, "searchset", "collection", "batch"])
def test_orders_come_in_a_bundle_of_any_type_or_none(service: Service, kind: str | None) -> None:
    drafts = {"resourceType": "Bundle", "entry": [{"resource": order("m1")}], **({"type": kind} if kind else {})}
    service.cards(request("order-sign", context={"draftOrders": drafts}), "order-sign")
    assert origins(service)["MedicationRequest/m1"] is Origin.DRAFT
    assert service.knowledge.unread == {}


@pytest.mark.parametrize("drafts", [{"resourceType": "Bundle"}, {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": []}])
def test_an_order_dialogue_that_was_emptied_sends_a_bundle_without_orders(service: Service, drafts: dict[str, Any]) -> None:
    assert service.hook(request("order-sign", context={"draftOrders": drafts}), "order-sign").status == 200


def test_the_sandbox_sends_an_order_with_a_made_up_id_and_no_bundle_type(service: Service) -> None:
    draft = order("request-123", status="draft", medicationCodeableConcept={"text": "Aspirin 81 MG Oral Tablet", "coding": []})
    drafts = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
    body = request(
        "order-select",
        context={"userId": "Practitioner/COREPRACTITIONER1", "draftOrders": drafts, "selections": ["MedicationRequest/request-123"]},
        fhirServer="https://launch.example.org/v/r4/fhir",
    )
    service.cards(body, "order-select")
    assert origins(service)["MedicationRequest/request-123"] is Origin.DRAFT


def test_the_sandbox_leaves_out_a_key_that_it_could_not_fetch_and_the_server_is_asked(service: Service) -> None:
    service.fhir.answers["Observation?patient=p1"] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    prefetch = {key: value for key, value in COMPLETE.items() if key != "observations"}
    service.cards(request(prefetch=prefetch, fhirServer="https://launch.example.org/v/r4/fhir"))
    assert [one.removesuffix("&_count=200") for one in service.fhir.asked] == ["Observation?patient=p1"]
    assert service.knowledge.unread == {}


@pytest.mark.parametrize("prefetch", [{}, None])
def test_the_launcher_sends_no_prefetch_and_everything_is_fetched(service: Service, prefetch: dict[str, Any] | None) -> None:
    service.fhir.answers.update(
        {
            "Patient/p1": patient(),
            "Condition?patient=p1": bundle(condition(), total=1),
            "MedicationRequest?patient=p1": {"resourceType": "Bundle", "type": "searchset"},
            "Observation?patient=p1": {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": []},
        }
    )
    service.cards(request(prefetch=prefetch, fhirServer="https://launch.example.org/v/r4/sim/abc/fhir"))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {}


@pytest.mark.parametrize("prefetch", [{}, None])
def test_no_prefetch_and_no_server_is_412_and_names_both_keys(service: Service, prefetch: dict[str, Any] | None) -> None:
    answer = service.hook(request(prefetch=prefetch))
    assert answer.status == 412
    assert b"patient" in answer.body
    assert b"conditions" in answer.body


@pytest.mark.parametrize(
    "empty",
    [
        {"resourceType": "Bundle", "type": "searchset"},
        {"resourceType": "Bundle", "type": "searchset", "total": 0},
        {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": []},
        {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": None},
        {"resourceType": "Bundle", "type": "searchset", "total": 0, "link": [{"relation": "self", "url": "https://ehr.example.org/x"}]},
    ],
)
def test_a_search_that_found_nothing_is_none_however_it_is_written(service: Service, empty: dict[str, Any]) -> None:
    service.cards(request(prefetch={**COMPLETE, "observations": empty}))
    assert service.knowledge.unread == {}


def test_a_single_resource_for_a_search_is_what_was_found(service: Service) -> None:
    found = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}}
    service.cards(request(prefetch={**COMPLETE, "observations": found}))
    assert "Observation/o1" in service.knowledge.refs
    assert service.knowledge.unread == {}


def test_a_next_page_behind_an_epic_session_link_is_read_on_the_same_server(service: Service) -> None:
    base = EPIC["fhirServer"]
    url = f"{base}/Observation?patient=p1&sessionID=39-A1B2"
    first = bundle(type="searchset", link=[{"relation": "next", "url": url}])
    service.fhir.answers[url] = bundle({"resourceType": "Observation", "id": "o9", "subject": {"reference": "Patient/p1"}})
    service.cards(request(prefetch={**COMPLETE, "observations": first}, **EPIC))
    assert "Observation/o9" in service.knowledge.refs
    assert service.knowledge.unread == {}


def test_a_next_page_without_a_server_to_ask_leaves_the_type_unknown(service: Service) -> None:
    first = bundle(type="searchset", link=[{"relation": "next", "url": "https://ehr.example.org/fhir/Observation?page=2"}])
    service.cards(request(prefetch={**COMPLETE, "observations": first}))
    assert list(service.knowledge.unread) == ["Observation"]
