"""What a FHIR server did not give stands on the card with its reason: the real rules, from the socket to the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.app import create_app
from cds_hooks.faults import NOT_SENT, Fault
from cds_hooks.settings import Settings
from fhir_fixtures import patient
from rules.knowledge import Knowledge
from tests.support.asgi import Client
from tests.support.doubles import AUTHORIZATION
from tests.support.fault_server import fault_server

EXPLANATION = "io.github.neuromuscular-cds.explanation"
FAULTS = {
    "500": Fault.SERVER_ERROR,
    "403": Fault.DENIED,
    "reset": Fault.CONNECTION,
    "silent": Fault.TIMEOUT,
}


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return Knowledge.load()


@pytest.fixture
def service(knowledge: Knowledge, tmp_path: Path) -> Iterator[Client]:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/nmcds.sqlite3"), knowledge)
    yield Client(app)
    app.state.parts.writer.close()
    app.state.parts.database.close()


def not_checked(cards: list[dict[str, Any]]) -> set[str]:
    return {gap["why"] for card in cards for gap in card["extension"][EXPLANATION].get("notChecked", [])}


@pytest.mark.parametrize("behaviour", sorted(FAULTS))
def test_what_could_not_be_read_is_named_on_a_card_with_the_reason(service: Client, behaviour: str) -> None:
    with fault_server() as server:
        body = {**patient("mg_generalised_new").request("patient-view"), "fhirServer": server.url(behaviour)}
        prefetch = body["prefetch"]
        assert isinstance(prefetch, dict)
        kept = {key: prefetch[key] for key in ("patient", "conditions")}
        answer = service.post("/cds-services/neuromuscular-patient-view", {**body, "fhirAuthorization": AUTHORIZATION, "prefetch": kept})
    assert answer.status == 200
    cards = answer.json()["cards"]
    assert cards
    assert FAULTS[behaviour].value in " ".join(not_checked(cards))
    assert FAULTS[behaviour].value in json.dumps([card["detail"] for card in cards])
    metrics = service.get("/metrics").body.decode()
    assert 'nmcds_unread_total{type="Observation"} 1.0' in metrics
    counted = dict(re.findall(r'^nmcds_fhir_faults_total\{kind="([a-z-]+)"\} (.*)$', metrics, re.MULTILINE))
    assert set(counted) == {fault.kind for fault in Fault}
    assert float(counted[FAULTS[behaviour].kind]) >= 1


def test_an_evaluation_that_does_not_end_in_time_still_names_what_was_not_read(knowledge: Knowledge, tmp_path: Path) -> None:
    """Two troubles at once: the clinician learns of both."""
    settings = Settings(database_url=f"sqlite:///{tmp_path}/nmcds.sqlite3", deadline_s=0.001)
    app = create_app(settings, knowledge)
    example = patient("mg_generalised_new").request("patient-view")
    prefetch = example["prefetch"]
    assert isinstance(prefetch, dict)
    kept = {key: prefetch[key] for key in ("patient", "conditions")}
    answer = Client(app).post("/cds-services/neuromuscular-patient-view", {**example, "prefetch": kept})
    app.state.parts.writer.close()
    app.state.parts.database.close()
    (card,) = answer.json()["cards"]
    assert card["summary"] == "Neuromuscular decision support could not check this patient"
    gaps = {gap["what"]: gap["why"] for gap in card["extension"][EXPLANATION]["notChecked"]}
    assert gaps["Observation"] == NOT_SENT
    assert f"Observation: {NOT_SENT}" in card["detail"]
