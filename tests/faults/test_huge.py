"""However much comes, from an EHR or a FHIR server: an answer within 2.1 s that says what was not read or not worked out. Real rules."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from rules.knowledge import Knowledge
from tests.support.asgi import JSON, Answer, Client
from tests.support.doubles import AUTHORIZATION, bundle, patient, request
from tests.support.fault_server import fault_server
from tests.support.patience import in_time

PROMISE_S = 2.1
PATH = "/cds-services/neuromuscular-patient-view"
EXPLANATION = "io.github.neuromuscular-cds.explanation"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def knowledge() -> Iterator[Knowledge]:
    yield Knowledge.load()
    gc.unfreeze()


def serving(knowledge: Knowledge, folder: Path, **settings: Any) -> Callable[[], Any]:  # noqa: ANN401 - any setting
    @contextmanager
    def fresh() -> Iterator[Client]:
        app = create_app(Settings(database_url=f"sqlite:///{folder}/nmcds.sqlite3", **settings), knowledge)
        gc.freeze()  # as a worker does: the rules are not looked through for garbage
        yield Client(app)
        app.state.parts.writer.close()
        app.state.parts.database.close()

    return fresh


def myasthenia(number: int) -> Json:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G70.00"}
    return {"resourceType": "Condition", "id": f"c{number}", "subject": {"reference": "Patient/p1"}, "code": {"coding": [coding]}}


def order(number: int) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": f"2026-0{1 + number % 9}-11",
        "medicationCodeableConcept": {"text": f"azathioprine {number} mg, prednisone, tacrolimus"},
    }


def filtration(number: int) -> Json:
    coding = {"system": "http://loinc.org", "code": "33914-3"}
    value = {"value": 20 + number % 60, "system": "http://unitsofmeasure.org", "code": "mL/min/{1.73_m2}"}
    return {
        "resourceType": "Observation", "id": f"o{number}", "status": "final", "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": f"2026-0{1 + number % 9}-11", "code": {"coding": [coding]}, "valueQuantity": value,
    }  # fmt: skip


def panel(components: int) -> Json:
    one = filtration(1)
    return {**one, "component": [{"code": one["code"], "valueQuantity": {"value": number}} for number in range(components)]}


HUGE: dict[str, Callable[[], Json]] = {
    "conditions": lambda: {"conditions": bundle(*map(myasthenia, range(28_000)))},
    "orders by name": lambda: {"medicationRequests": bundle(*map(order, range(24_000)))},
    "results": lambda: {"observations": bundle(*map(filtration, range(22_000)))},
    "a panel": lambda: {"observations": bundle(panel(60_000))},
}


@pytest.mark.parametrize("kind", sorted(HUGE))
def test_a_prefetch_of_nearly_8_mb_is_answered_in_time(knowledge: Knowledge, tmp_path: Path, kind: str) -> None:
    prefetch = {"patient": patient("p1"), "conditions": bundle(myasthenia(0)), **HUGE[kind]()}
    body = json.dumps(request(context={"patientId": "p1", "userId": "Practitioner/1"}, prefetch=prefetch)).encode()
    del prefetch
    answer: Answer = in_time(serving(knowledge, tmp_path), lambda client: client.send("POST", PATH, body, JSON), PROMISE_S)
    assert answer.status == 200
    told = str(answer.json()["cards"])
    assert re.search("more (data|parts) than this service reads|could not check this patient", told)
    assert len(answer.body) < 1_000_000


def test_a_fhir_server_with_as_much_as_is_read_is_answered_in_time(knowledge: Knowledge, tmp_path: Path) -> None:
    kinds = {"Condition": myasthenia, "MedicationRequest": order, "MedicationStatement": order, "Observation": filtration}
    with fault_server() as server:
        for kind, make in kinds.items():
            found = bundle(*({**make(number), "resourceType": kind} for number in range(4900)))
            server.holds[kind] = {**found, "type": "searchset"}
        body = request(
            context={"patientId": "p1", "userId": "Practitioner/1"}, fhirServer=server.url("holds"), fhirAuthorization=AUTHORIZATION,
            prefetch={"patient": patient("p1"), "conditions": bundle(myasthenia(0))},
        )  # fmt: skip
        answer: Answer = in_time(serving(knowledge, tmp_path), lambda client: client.post(PATH, body), PROMISE_S)
    assert answer.status == 200
    cards = answer.json()["cards"]
    assert cards
    assert "there are more data than can be checked in time" in str(cards) or "the FHIR server did not answer in time" in str(cards)


def test_an_evaluation_that_takes_too_long_is_said(knowledge: Knowledge, tmp_path: Path) -> None:
    prefetch = {"patient": patient("p1"), "conditions": bundle(*map(myasthenia, range(2_000)))}
    body = request(context={"patientId": "p1", "userId": "Practitioner/1"}, prefetch=prefetch)
    with serving(knowledge, tmp_path, deadline_s=0.05)() as client:
        answer = client.post(PATH, body)
        assert answer.status == 200
        (card,) = answer.json()["cards"]
        assert card["summary"] == "Neuromuscular decision support could not check this patient"
        assert 'nmcds_engine_errors_total{kind="deadline"} 1.0' in client.get("/metrics").body.decode()
