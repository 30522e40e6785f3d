"""The knowledge as FHIR R4 resources: all validate, all can be read and searched."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any

import pytest

from cds_hooks.pages.artefacts import artefacts, capability
from rules.knowledge import Knowledge
from rules.patterns.person import HOOKS
from rules.publish.plan_definition import Json
from rules.publish.value_set import names_read
from tests.pages.conftest import Site

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@pytest.fixture(scope="module")
def made(knowledge: Knowledge) -> dict[str, dict[str, Json]]:
    return artefacts(knowledge, "https://cds.example.org")


@pytest.mark.parametrize("kind", ["CodeSystem", "Library", "PlanDefinition", "Questionnaire", "ValueSet"])
def test_each_resource_is_valid_r4b_under_an_id_of_its_own(made: dict[str, dict[str, Json]], kind: str) -> None:
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    for name, resource in made[kind].items():
        assert ID.fullmatch(name)
        model.model_validate(resource)


def test_every_rule_and_every_name_that_is_read_is_there(made: dict[str, dict[str, Json]], knowledge: Knowledge) -> None:
    assert list(made["PlanDefinition"]) == [rule.id for rule in knowledge.every]
    assert len(made["ValueSet"]) == len(names_read(knowledge))


def test_a_rule_keeps_its_hooks_evidence_proposals_and_review_state(made: dict[str, dict[str, Json]], knowledge: Knowledge) -> None:
    rule = knowledge.rule("mg-gen-first-line")
    assert rule is not None
    assert rule.card is not None
    plan: Json = made["PlanDefinition"][rule.id]
    text = json.dumps(plan)
    assert plan["experimental"] is True
    assert all(f'"name": "{hook}"' in text for hook in rule.hooks)
    assert all(f'"label": "{one.source}"' in text for one in rule.evidence)
    assert all(json.dumps(one.label) in text for one in rule.card.proposals)


def test_a_rule_without_a_card_is_asked_in_every_call_and_says_what_it_concludes(made: dict[str, dict[str, Json]]) -> None:
    plan = json.dumps(made["PlanDefinition"]["mg-generalized"])
    assert all(f'"name": "{hook}"' in plan for hook in HOOKS)
    assert "concludes mg-generalized" in plan
    assert "shows no card" in plan.lower()


def test_a_way_that_only_asks_is_a_question_and_proposes_nothing(made: dict[str, dict[str, Json]]) -> None:
    actions: Any = made["PlanDefinition"]["mg-gen-first-line"]["action"]
    assert [(one["code"][0]["text"], "action" in one) for one in actions] == [("question", False), ("info card", True), ("info card", True)]


def test_a_value_set_says_how_its_codes_match(made: dict[str, dict[str, Json]]) -> None:
    text = json.dumps(made["ValueSet"]["myasthenia-gravis"])
    assert '"op": "is-a"' in text
    assert '"code": "myasthenia-gravis"' in text


def test_the_capability_statement_is_valid(site: Site) -> None:
    answer = site.get("/fhir/metadata")
    assert answer.headers["content-type"] == "application/fhir+json"
    found = json.loads(answer.body)
    import_module("fhir.resources.R4B.capabilitystatement").CapabilityStatement.model_validate(found)
    assert found["fhirVersion"] == "4.0.1"
    assert capability(("ValueSet",), "1", "https://x.example.org")["kind"] == "instance"


def test_one_resource_is_read_and_an_unknown_one_is_not_found(site: Site) -> None:
    assert json.loads(site.get("/fhir/PlanDefinition/mg-gen-first-line").body)["id"] == "mg-gen-first-line"
    for path in ("/fhir/PlanDefinition/nothing", "/fhir/Patient", "/fhir/Patient/1"):
        answer = site.get(path)
        assert answer.status == 404
        assert json.loads(answer.body)["resourceType"] == "OperationOutcome"


def test_a_search_filters_and_pages(site: Site) -> None:
    found = json.loads(site.get("/fhir/PlanDefinition?_count=100").body)
    import_module("fhir.resources.R4B.bundle").Bundle.model_validate(found)
    assert found["total"] == 321
    assert len(found["entry"]) == 100
    following = next(link["url"] for link in found["link"] if link["relation"] == "next")
    second = json.loads(site.get(following.removeprefix("http://127.0.0.1:8000")).body)
    assert second["entry"][0]["resource"]["id"] not in {entry["resource"]["id"] for entry in found["entry"]}
    only = json.loads(site.get("/fhir/PlanDefinition?_id=mg-gen-first-line").body)
    assert only["total"] == 1
    assert "entry" not in json.loads(site.get("/fhir/ValueSet?url=https://nobody.example.org/x").body)
    assert json.loads(site.get("/fhir/ValueSet?name=MYASTHENIA%20GRAVIS").body)["total"] >= 1


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("_id=mg-gen-first-line,analg-maoi", ["analg-maoi", "mg-gen-first-line"]),
        ("status=retired,active&_id=analg-maoi", ["analg-maoi"]),
        ("_id=analg-maoi&_id=mg-gen-first-line", []),
    ],
)
def test_a_comma_means_or_and_a_repeated_parameter_and(site: Site, query: str, ids: list[str]) -> None:
    found = json.loads(site.get(f"/fhir/PlanDefinition?{query}").body)
    assert sorted(entry["resource"]["id"] for entry in found.get("entry", [])) == ids


def test_a_modifier_is_refused_and_not_left_out_of_account(site: Site) -> None:
    answer = site.get("/fhir/PlanDefinition?name:exact=AnalgMaoi")
    assert answer.status == 400
    assert "name: found the modifier 'exact'" in answer.body.decode()
