"""What is published under /fhir, and that recording with it makes a silent rule speak."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from fhir_fixtures.requests_for import request_for
from rules.coverage import coverage
from rules.knowledge import Knowledge
from tests.pages.conftest import Site
from tests.support.asgi import Client

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "how-to"
SUBJECT = {"reference": "Patient/p"}


def diagnosis(code: str) -> dict[str, object]:
    """An active Condition with a SNOMED CT code."""
    return {
        "resourceType": "Condition",
        "id": f"c{code}",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "subject": SUBJECT,
        "recordedDate": "2026-01-05",
    }


SPASTIC: list[dict[str, object]] = [
    {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1965-01-01"},
    diagnosis("86044005"),
    diagnosis("221360009"),
]


def rules_of(client: Client, resources: list[dict[str, object]]) -> set[str]:
    """The rules behind the cards of a patient-view call."""
    answer = client.post("/cds-services/neuromuscular-patient-view", request_for("patient-view", "p", resources, ()))
    assert answer.status == 200, answer.body
    key = "io.github.neuromuscular-cds.explanation"
    return {rule["id"] for card in answer.json()["cards"] for rule in card["extension"][key]["rules"]}


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/fhir/CodeSystem/concept", "CodeSystem"), ("/fhir/Questionnaire", "Bundle"), ("/fhir/Questionnaire/respiratory", "Questionnaire")],
)
def test_each_is_served_as_fhir(site: Site, path: str, kind: str) -> None:
    answer = site.get(path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/fhir+json")
    assert answer.json()["resourceType"] == kind
    assert site.get(path).body == answer.body


def test_the_listing_holds_each_questionnaire_under_its_own_address(site: Site) -> None:
    listing = site.get("/fhir/Questionnaire").json()
    assert (listing["type"], listing["total"]) == ("searchset", len(listing["entry"]))
    for entry in listing["entry"]:
        assert site.get(f"/fhir/Questionnaire/{entry['resource']['id']}").json() == entry["resource"]


@pytest.mark.parametrize("path", ["/fhir/Questionnaire/none", "/fhir/Questionnaire/..", "/fhir/CodeSystem/other", "/fhir/Patient"])
def test_anything_else_is_not_found(site: Site, path: str) -> None:
    assert site.get(path).status == 404


def test_a_silent_rule_speaks_after_an_answer_to_our_questionnaire(site: Site) -> None:
    """From the published form to the card, over HTTP."""
    silent = next(row for row in coverage(site.knowledge) if row.id == "analg-als-spasticity")
    assert (silent.effect, silent.cure) == ("silent", "yes")
    form = site.get("/fhir/Questionnaire/questions").json()
    item = next(item for item in form["item"] if item["code"][0]["code"] == "spasticity-limiting")
    response: dict[str, object] = {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "questionnaire": form["url"],
        "status": "completed",
        "subject": SUBJECT,
        "authored": datetime.now(UTC).date().isoformat(),
        "item": [{"linkId": item["linkId"], "answer": [{"valueBoolean": True}]}],
    }
    assert "analg-als-spasticity" not in rules_of(site, SPASTIC)
    assert "analg-als-spasticity" in rules_of(site, [*SPASTIC, response])


def test_the_example_of_a_site_map_makes_a_call_speak(tmp_path: Path, knowledge: Knowledge) -> None:
    bundle: dict[str, Any] = json.loads((EXAMPLE / "site-codes-example.json").read_text(encoding="utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    mapped = Knowledge.load(engine="reference", site_codes=EXAMPLE / "site-codes-example.csv")
    for name, known, speaks in (("with", mapped, True), ("without", knowledge, False)):
        settings = Settings(database_url=f"sqlite:///{tmp_path}/{name}.sqlite3")
        app = create_app(settings, known, clock=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))
        assert ("em-mg-crisis" in rules_of(Client(app), resources)) is speaks
        app.state.parts.writer.close()
        app.state.parts.database.close()
