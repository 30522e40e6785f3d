"""What took place inside its interval is not proposed again, over a real socket: order, appointment, visit, procedure."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection

import pytest
import uvicorn

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from fhir_fixtures import patient
from fhir_fixtures.requests_for import request_for
from rules.vignette import build
from tests.support.spoken import on_reference as knowledge

SERVICE = "/cds-services/neuromuscular-patient-view"
# Patient, rule, what took place, its concept, its status, an age inside the interval and one outside.
SAMPLE = (
    ("cmt_review_overdue", "mon-review-overdue", "encounters", "neurology", "finished", 100, 400),
    ("cmt_review_overdue", "mon-review-overdue", "appointments", "neurology", "fulfilled", 100, 400),
    ("myotonic_dystrophy_1", "ref-eye-dm-cataract", "orders", "referral-ophthalmology", "completed", 300, 370),
    ("myotonic_dystrophy_1", "ref-eye-dm-cataract", "encounters", "ophthalmology", "finished", 300, 370),
    ("myotonic_dystrophy_1", "ref-eye-dm-cataract", "appointments", "ophthalmology", "fulfilled", 300, 370),
    ("cmt_adult_falls", "ref-pt", "procedures", "physical-therapy", "completed", 80, 370),
    ("cmt_adult_falls", "ref-pt", "orders", "referral-physiotherapy", "completed", 80, 370),
    ("tingling_no_reflexes", "dx-sensory-symptoms", "appointments", "neurology", "fulfilled", 170, 190),
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    number = int(listening.getsockname()[1])
    settings = Settings(port=number, database_url=f"sqlite:///{tmp_path_factory.mktemp('storage')}/nmcds.sqlite3")
    app = create_app(settings, knowledge(), clock=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    try:
        yield number
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def rules_that_speak(port: int, name: str, section: str = "", concept: str = "", status: str = "", days: int = 0) -> set[str]:
    """The rules of the cards for an invented patient, with one more thing on file."""
    fixture, more = patient(name), []
    if section:
        entry = {"concept": concept, "status": status, "when": f"-{days} days"}
        scene = build({"age": 50, section: [entry]}, on=fixture.as_of.date(), hook="patient-view", terminology=knowledge().terminology)
        subject = {"reference": f"Patient/{fixture.patient_id}"}
        made = [one for one in scene.resources if one["resourceType"] != "Patient"]
        more = [{**one, "id": "more", **({"subject": subject} if "subject" in one else {})} for one in made]
        for one in more:
            if one["resourceType"] == "Appointment":
                one["participant"] = [{"actor": subject, "status": "accepted"}]
    body = json.dumps(request_for("patient-view", fixture.name, [*fixture.record, *more], ()))
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", SERVICE, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    return {rule["id"] for card in json.loads(text)["cards"] for rule in _rules(card)}


def _rules(card: dict[str, object]) -> list[dict[str, str]]:
    [explanation] = [value for name, value in card["extension"].items() if "explanation" in name]  # type: ignore[attr-defined]
    return explanation["rules"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "rule", "section", "concept", "status", "inside", "outside"), SAMPLE, ids=[f"{one[1]}-{one[2]}" for one in SAMPLE]
)
def test_it_is_not_proposed_again(
    port: int, name: str, rule: str, section: str, concept: str, status: str, inside: int, outside: int
) -> None:
    assert rule in rules_that_speak(port, name)
    assert rule not in rules_that_speak(port, name, section, concept, status, inside)
    assert rule in rules_that_speak(port, name, section, concept, status, outside)
