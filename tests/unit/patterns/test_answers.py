"""What an answered questionnaire and a denied finding say to symptoms, results, answers and things done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Presence
from rules.patterns import Context, RecordIndex, build
from rules.terminology import CONCEPT_SYSTEM, Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
CONTEXT = Context(CODES, {}, lifelong=True)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def filled(name: str, answer: Mapping[str, object], status: str = "completed") -> dict[str, object]:
    item = {"linkId": f"{CONCEPT_SYSTEM}#{name}", "answer": [answer]}
    return {"resourceType": "QuestionnaireResponse", "id": "q", "status": status, "authored": "2026-11-20", "item": [item]}


def observed(name: str, **value: object) -> dict[str, object]:
    code = {"coding": [{"system": CONCEPT_SYSTEM, "code": name}]}
    return {"resourceType": "Observation", "id": "o", "status": "final", "code": code, "effectiveDateTime": "2026-11-20", **value}


def verdict(table: dict[str, object], *resources: Any, codes: Terminology = CODES) -> Presence:  # noqa: ANN401 - FHIR JSON
    inputs = [Input(one) for one in resources]
    record = extract(inputs, terminology=codes, as_of=NOW, hook="patient-view", unread={})
    return build(Context(codes, {}, lifelong=True), table).match(RecordIndex(record)).presence


YES, NO = {"valueBoolean": True}, {"valueBoolean": False}


@pytest.mark.parametrize(
    ("table", "resource", "expected"),
    [
        ({"symptom": "calf-hypertrophy"}, filled("calf-hypertrophy", YES), "present"),
        ({"no_symptom": "calf-hypertrophy"}, filled("calf-hypertrophy", NO), "present"),
        ({"symptom": "calf-hypertrophy"}, filled("calf-hypertrophy", NO), "absent"),
        ({"symptom": "calf-hypertrophy"}, filled("calf-hypertrophy", YES, "entered-in-error"), "unknown"),
        ({"symptom": "calf-hypertrophy"}, filled("calf-hypertrophy", YES, "in-progress"), "unknown"),
        ({"symptom": "calf-hypertrophy", "within": "1 day"}, filled("calf-hypertrophy", YES), "unknown"),
        ({"answer": "progressive"}, filled("progressive", YES), "present"),
        ({"answer": "progressive"}, filled("progressive", NO), "absent"),
        ({"answer": "progressive"}, filled("progressive", YES, "entered-in-error"), "unknown"),
        ({"answer": "progressive"}, filled("progressive", NO, "entered-in-error"), "unknown"),
        ({"answer": "progressive"}, filled("progressive", YES, "in-progress"), "unknown"),
    ],
)
def test_a_yes_or_no_counts_when_the_questionnaire_is_complete(
    table: dict[str, object], resource: dict[str, object], expected: str
) -> None:
    assert verdict(table, resource) == expected


def on(day: str, resource: dict[str, object]) -> dict[str, object]:
    return {
        **resource,
        "id": f"{len(str(resource))}-{day}",
        **({"authored": day} if "authored" in resource else {"effectiveDateTime": day}),
    }


@pytest.mark.parametrize("last", [observed("non-ambulant", **NO), filled("non-ambulant", NO)])
@pytest.mark.parametrize("first", [observed("non-ambulant", **YES), filled("non-ambulant", YES)])
def test_what_was_found_and_later_denied_is_over(first: dict[str, object], last: dict[str, object]) -> None:
    table: dict[str, object] = {"symptom": ["non-ambulant", "dysphagia"]}
    assert verdict(table, on("2024-03-01", first), on("2026-03-01", last)) == "absent"
    assert verdict(table, on("2026-03-01", first), on("2024-03-01", last)) == "present"
    assert verdict(table, on("2026-03-01", first), on("2026-03-01", last)) == "present"
    assert verdict({**table, "within": "5 years"}, on("2024-03-01", first), on("2026-03-01", last)) == "present"
    other = observed("dysphagia", **NO)
    assert verdict(table, on("2024-03-01", first), on("2026-03-01", other)) == "present"
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "code": first.get("code") or observed("non-ambulant")["code"],
        "recordedDate": "2024-01-01",
    }
    assert verdict(table, condition, on("2026-03-01", last)) == "present"


@pytest.mark.parametrize(("answer", "expected"), [("mgfa-3", "present"), ("mgfa-1", "absent")])
def test_a_coded_answer_is_a_result(answer: str, expected: str) -> None:
    table: dict[str, object] = {"lab": "mgfa-class", "answer": ["mgfa-3", "mgfa-4", "mgfa-5"]}
    coding = {"valueCoding": {"system": CONCEPT_SYSTEM, "code": answer}}
    assert verdict(table, filled("mgfa-class", coding)) == expected
    assert verdict(table, filled("mgfa-class", coding, "entered-in-error")) == "unknown"


def test_a_denied_procedure_is_not_done() -> None:
    """Seen: an Observation `hysterectomy` with the value false counted as a hysterectomy, and the drug's pregnancy checks fell away."""
    table: dict[str, object] = {"done": "hysterectomy"}
    no = {"coding": [{"system": "http://loinc.org", "code": "LA32-8"}]}
    assert verdict(table, observed("hysterectomy", valueBoolean=False)) != "present"
    assert verdict(table, observed("hysterectomy", valueCodeableConcept=no)) != "present"
    assert verdict(table, observed("hysterectomy", valueBoolean=True)) == "present"


def test_a_negative_test_was_done_but_a_test_that_was_denied_was_not() -> None:
    table: dict[str, object] = {"done": "overnight-oximetry"}
    assert verdict(table, observed("overnight-oximetry", valueBoolean=False)) == "present"
    assert verdict(table, filled("overnight-oximetry", NO)) != "present"
    assert verdict(table, filled("overnight-oximetry", {"valueCoding": {"system": "http://loinc.org", "code": "LA32-8"}})) != "present"


@pytest.mark.parametrize("said", [observed, filled])
@pytest.mark.parametrize("later", [observed, filled])
def test_the_latest_answer_to_a_question_counts(said: Any, later: Any) -> None:  # noqa: ANN401 - either of the two
    """Seen: "no clot" of two months ago let massage be proposed beside "clot: yes" of this week."""

    def answer(form: Any, value: dict[str, bool], day: str) -> dict[str, object]:  # noqa: ANN401 - either of the two
        return on(day, form("progressive", value) if form is filled else form("progressive", **value))

    denied_then_said = answer(said, NO, "2026-10-01"), answer(later, YES, "2026-11-01")
    assert verdict({"answer": "progressive"}, *denied_then_said) == "present"
    assert verdict({"answer": "progressive", "yes": False}, *denied_then_said) == "absent"
    said_then_denied = answer(said, YES, "2026-10-01"), answer(later, NO, "2026-11-01")
    assert verdict({"answer": "progressive"}, *said_then_denied) == "absent"
    assert verdict({"answer": "progressive", "yes": False}, *said_then_denied) == "present"


def test_answers_of_one_day_that_disagree_are_unknown_and_another_question_or_a_day_to_come_changes_nothing() -> None:
    yes = on("2026-11-01", observed("progressive", **YES))
    tables: list[dict[str, object]] = [{"answer": "progressive"}, {"answer": "progressive", "yes": False}]
    for table in tables:
        assert verdict(table, yes, on("2026-11-01", observed("progressive", **NO))) == "unknown"
    questions: dict[str, object] = {"answer": ["progressive", "sensory-loss"]}
    assert verdict(questions, yes, on("2026-11-20", observed("sensory-loss", **NO))) == "present"
    assert verdict({"answer": "progressive"}, yes, on("2027-01-20", observed("progressive", **NO))) == "present"
    assert (
        verdict({"answer": "progressive"}, yes, {**on("2026-11-20", observed("progressive", **NO)), "status": "entered-in-error"})
        == "present"
    )
