"""What a hook asks about and cannot be understood is told: an order that no rule could look at is not an order without danger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service, running
from tests.support.spoken import on_both_engines

REQUESTS = Path(__file__).parents[2] / "fhir_fixtures" / "requests"
NOT_READ = "io.github.neuromuscular-cds.not-read"
CIPROFLOXACIN = {"coding": [{"system": "http://www.whocc.no/atc", "code": "J01MA02"}]}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("lost"), on_both_engines()) as found:  # type: ignore[arg-type]
        yield found


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REQUESTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def order(**changes: object) -> dict[str, object]:
    made = {
        "resourceType": "MedicationRequest",
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": CIPROFLOXACIN,
    }
    return {key: value for key, value in {**made, **changes}.items() if value is not None}


def asked(name: str, hook: str, *orders: dict[str, object], **bundle: object) -> dict[str, Any]:
    """The record of a fixture, about to sign these orders."""
    body = fixture(name)
    who = {"userId": "Practitioner/practitioner-1", "patientId": body["context"]["patientId"]}
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in orders], **bundle}
    field = "appointments" if hook == "appointment-book" else "draftOrders"
    return {**body, "hook": hook, "context": {**who, field: drafts}}


def lost(service: Service, body: dict[str, Any]) -> list[str]:
    """The summaries that say so."""
    cards = service.cards(body, body["hook"])
    return [card["summary"] for card in cards if card["summary"].startswith("What this call asks about was not checked")]


LOST: dict[str, dict[str, object]] = {
    "the element of R5": order(medicationCodeableConcept=None, medication={"concept": CIPROFLOXACIN}),
    "a medication that is not there": order(medicationCodeableConcept=None, medicationReference={"reference": "Medication/zzz"}),
    "one with a name that nobody knows": order(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/zzz", "display": "Something new"}
    ),
    "a contained one that is not there": order(medicationCodeableConcept=None, medicationReference={"reference": "#x"}),
    "a reference that is none": order(medicationCodeableConcept=None, medicationReference={"reference": 7}),
    "no medicine": order(medicationCodeableConcept=None),
    "a modifier extension": order(modifierExtension=[{"url": "https://ehr.example.org/not", "valueBoolean": True}]),
    "an unreadable doNotPerform": order(doNotPerform="true"),
    "an order of DSTU2": {"resourceType": "MedicationOrder", "id": "d1", "status": "draft", "medicationCodeableConcept": CIPROFLOXACIN},
    "an order of STU3": {"resourceType": "ProcedureRequest", "id": "d1", "status": "draft", "intent": "order"},
    "a service of R5": {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order", "code": {"concept": {}}},
    "a service without a code": {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order"},
}


NOW = dict.fromkeys(("an order of STU3", "a service of R5", "a service without a code"), "ServiceRequest")
"""What the type is called in R4, where it is not MedicationRequest."""


def test_an_order_that_can_be_read_is_checked_and_nothing_is_told(service: Service) -> None:
    body = asked("patient-view", "order-sign", order())
    assert any(card["indicator"] == "critical" for card in service.cards(body, "order-sign"))
    assert lost(service, body) == []


@pytest.mark.parametrize("name", LOST)
def test_an_order_that_cannot_be_understood_is_told(service: Service, name: str) -> None:
    body = asked("patient-view", "order-sign", LOST[name])
    assert lost(service, body) == ["What this call asks about was not checked: 1 order(s) could not be read"]
    cards = service.cards(body, "order-sign")
    assert [card["indicator"] for card in cards] == ["warning"], "nothing is asked about the record, which was read"


def test_each_of_them_counts_and_the_others_are_checked(service: Service) -> None:
    body = asked("patient-view", "order-sign", order(), LOST["no medicine"], {**LOST["no medicine"], "id": "d2"})
    assert lost(service, body) == ["What this call asks about was not checked: 2 order(s) could not be read"]
    assert any(card["indicator"] == "critical" for card in service.cards(body, "order-sign"))


def test_two_orders_of_one_id_are_two_orders(service: Service) -> None:
    paracetamol = order(medicationCodeableConcept={"coding": [{"system": "http://www.whocc.no/atc", "code": "N02BE01"}]})
    for orders in ((order(), paracetamol), (paracetamol, order())):
        cards = service.cards(asked("patient-view", "order-sign", *orders), "order-sign")
        assert [card["indicator"] for card in cards].count("critical") == 1


@pytest.mark.parametrize(
    "rest",
    [
        {"entry": [{"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}}]},
        {"entry": [], "total": 5},
        {"entry": [], "link": [{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}]},
    ],
)
def test_orders_of_which_not_all_came_are_told(service: Service, rest: dict[str, Any]) -> None:
    assert len(lost(service, asked("patient-view", "order-sign", **rest))) == 1


@pytest.mark.parametrize("wrong", [{"modifierExtension": [{"url": "x"}]}, {"serviceType": [{"concept": {}}]}, {"serviceType": {}}])
def test_an_appointment_that_cannot_be_understood_is_told(service: Service, wrong: dict[str, object]) -> None:
    booked: dict[str, object] = {"resourceType": "Appointment", "id": "a1", "status": "proposed", "start": "2026-12-01T09:00:00Z", **wrong}
    assert lost(service, asked("patient-view", "appointment-book", booked)) == [
        "What this call asks about was not checked: 1 appointment(s) could not be read"
    ]


@pytest.mark.parametrize("name", LOST)
def test_for_somebody_without_anything_neuromuscular_programs_alone_are_told(service: Service, name: str) -> None:
    body = asked("patient-view-healthy", "order-sign", LOST[name])
    answer = service.hook(body, "order-sign").json()
    assert answer["cards"] == []
    assert answer["extension"][NOT_READ]["types"] == [NOW.get(name, "MedicationRequest")]
