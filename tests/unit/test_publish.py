"""Our own CodeSystem and Questionnaires: valid FHIR R4, only what has no official code, and every answer is read as a fact."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.codesystem import CodeSystem
from fhir.resources.R4B.questionnaire import Questionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

from rules.extract import Input, extract
from rules.facts import Record
from rules.own_codes import GIVEN, inputs
from rules.publish.code_system import code_system
from rules.publish.questionnaires import questionnaires, searchset
from rules.tables import rows
from rules.terminology import CONCEPT_SYSTEM
from tests.support.spoken import on_reference as knowledge

Json = dict[str, Any]


@cache
def forms() -> dict[str, Json]:
    return questionnaires(knowledge())


ITEMS = [(name, item) for name, form in forms().items() for item in form["item"]]


def every_answer(item: Json) -> list[Json]:
    """Each answer that the item allows, or one of an open kind."""
    match item["type"]:
        case "boolean":
            return [{"valueBoolean": True}, {"valueBoolean": False}]
        case "decimal":
            return [{"valueDecimal": 2.5}, {"valueInteger": 3}]
        case "quantity":
            units = [one["valueCoding"] for one in item["extension"] if one["url"].endswith("questionnaire-unitOption")]
            return [{"valueQuantity": {"value": 42, "unit": u["code"], "system": u["system"], "code": u["code"]}} for u in units]
        case "choice":
            return [{"valueCoding": option["valueCoding"]} for option in item["answerOption"]]
    raise AssertionError(item["type"])


def filled(form: str, item: Json, answer: Json) -> Json:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "questionnaire": forms()[form]["url"],
        "status": "completed",
        "authored": "2026-11-20",
        "item": [{"linkId": item["linkId"], "answer": [answer]}],
    }


def read(resource: Json) -> Record:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    return extract([Input(resource)], terminology=knowledge().terminology, as_of=now, hook="patient-view", unread={})


def test_the_resources_are_valid_fhir_r4() -> None:
    for form in forms().values():
        Questionnaire.model_validate(form)
    Bundle.model_validate(searchset(forms().values()))
    for every in (False, True):
        CodeSystem.model_validate(code_system(knowledge(), every=every))


def test_every_answer_of_every_item_is_read_as_a_fact() -> None:
    for form, item in ITEMS:
        name = item["code"][0]["code"]
        answers = every_answer(item)
        assert answers, item
        for answer in answers:
            response = filled(form, item, answer)
            record = read(response)
            assert [event.concepts for event in record.events] == [{name}]
            if item["type"] == "boolean":
                assert record.events[0].tags == {"yes" if answer["valueBoolean"] else "no"}
                assert record.observations == ()
            else:
                (fact,) = record.observations
                assert fact.concepts == {name}
                assert (fact.status, str(fact.when)) == ("final", "2026-11-20")
                assert fact.value is not None or fact.answers, item
    QuestionnaireResponse.model_validate(filled(*ITEMS[0], every_answer(ITEMS[0][1])[0]))


def test_answers_of_a_choice_are_told_apart() -> None:
    for form, item in ITEMS:
        if item["type"] == "choice":
            said = [read(filled(form, item, answer)).observations[0].answers for answer in every_answer(item)]
            assert len(set(said)) == len(said), item["linkId"]


def test_definition_works_as_well_as_link_id() -> None:
    form, item = next((form, item) for form, item in ITEMS if item["type"] == "boolean")
    response = filled(form, item, {"valueBoolean": True})
    response["item"][0] |= {"linkId": "1.2", "definition": item["definition"]}
    assert read(response).events[0].tags == {"yes"}


def test_each_item_names_a_name_without_official_code_once() -> None:
    names = [item["code"][0]["code"] for _, item in ITEMS]
    assert len(set(names)) == len(names)
    assert set(names) <= set(knowledge().terminology.unresolved())
    assert {"mip", "mep", "snip", "pcf", "single-breath-count", "alsfrs-r", "mg-adl", "mgfa-class", "incat-score"} <= set(names)
    assert all(item["linkId"] == f"{CONCEPT_SYSTEM}#{item['code'][0]['code']}" for _, item in ITEMS)


def test_every_input_without_code_can_be_recorded() -> None:
    """By an item of a questionnaire, or in an element of a resource: nothing is left out."""
    items = {item["code"][0]["code"] for _, item in ITEMS}
    for one in inputs(knowledge()):
        assert (one.name in items) == (one.item_type is not None)
        assert one.elements
        assert one.rules
    specialties = {one.name for one in inputs(knowledge()) if "Encounter.serviceType" in one.elements}
    plans = {one.name for one in inputs(knowledge()) if any("CarePlan" in element for element in one.elements)}
    assert {"podiatry", "orthotics", "dietitian"} <= specialties
    assert {"stress-dose-plan", "taper", "ceiling-of-care"} <= plans


def test_the_lists_of_questionnaires_name_what_has_an_item() -> None:
    listed = {(row["questionnaire"], row["name"]) for row in rows("questionnaires.csv")}
    assert listed <= {(form, item["code"][0]["code"]) for form, item in ITEMS}


def test_the_fragment_holds_what_has_no_official_code_and_the_whole_every_name() -> None:
    terminology = knowledge().terminology
    part, whole = (code_system(knowledge(), every=every) for every in (False, True))
    codes = {str(one["code"]) for one in part["concept"]}  # type: ignore[attr-defined]
    assert (part["content"], whole["content"]) == ("fragment", "complete")
    assert codes <= set(terminology.unresolved()) - GIVEN
    assert {one.name for one in inputs(knowledge())} <= codes
    assert not codes & {"als", "creatinine", "DMD", "any", "goal"}
    assert [one["code"] for one in whole["concept"]] == list(terminology.names())  # type: ignore[attr-defined]
    assert all(terminology.concepts(CONCEPT_SYSTEM, code) for code in codes)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mgfa-class", ["mgfa-1", "mgfa-2", "mgfa-3", "mgfa-4", "mgfa-5"]),
        ("child-pugh", ["child-pugh-a", "child-pugh-b", "child-pugh-c"]),
        ("fracture-risk-category", ["fracture-risk-high", "fracture-risk-low", "fracture-risk-moderate", "fracture-risk-very-high"]),
        ("VS-AB-MUSK", ["positive", "negative", "indeterminate"]),
        ("paraprotein-light-chain", ["light-chain-kappa", "light-chain-lambda"]),
    ],
)
def test_the_options_are_the_answers_that_rules_tell_apart_and_their_family(name: str, options: list[str]) -> None:
    assert [list(one.options) for one in inputs(knowledge()) if one.name == name] == [options]
