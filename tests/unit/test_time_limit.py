"""Reading, matching, chaining and telling end when the time of an evaluation is up; what is told names few of very many resources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rules.check import record_of
from rules.engine.interface import Budget, EngineError
from rules.extract import Input, extract
from rules.facts import Record
from tests.support.spoken import on_both_engines as knowledge

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PAST = Budget(until=0.0)
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01"}


def record() -> Record:
    rule = knowledge().rule("mg-gen-first-line")
    assert rule is not None
    return record_of(knowledge(), rule.vignettes[0])


def myasthenia(number: int) -> dict[str, Any]:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G70.00"}
    return {
        "resourceType": "Condition",
        "id": f"c{number:03}",
        "code": {"coding": [coding]},
        "recordedDate": f"2026-01-{1 + number % 28:02}",
    }


def test_each_resource_is_read_only_while_there_is_time() -> None:
    read = []

    def check() -> None:
        read.append(1)
        if len(read) > 5:
            raise EngineError("deadline", "late")

    inputs = [Input(PATIENT), *(Input(myasthenia(number)) for number in range(20))]
    with pytest.raises(EngineError, match="late"):
        extract(inputs, terminology=knowledge().terminology, as_of=NOW, hook="patient-view", unread={}, check=check)
    assert len(read) == 6


def test_no_condition_is_matched_no_run_begun_and_no_finding_told_when_time_is_up() -> None:
    evaluator = knowledge().evaluator
    world = evaluator.solve(record(), Budget())
    for step in (
        lambda: evaluator.matcher.match(record(), PAST),
        lambda: evaluator.engine.run(world.sure, world.possible, PAST),
        lambda: evaluator.speaker.evaluation(world, PAST),
        lambda: knowledge().evaluate([Input(PATIENT)], as_of=NOW, hook="patient-view", unread={}, budget=PAST),
    ):
        with pytest.raises(EngineError) as caught:
            step()
        assert caught.value.kind == "deadline"
    assert evaluator.evaluate(record(), Budget()).findings


def test_of_very_many_resources_that_say_the_same_the_latest_are_named_and_the_others_counted() -> None:
    inputs = [Input(PATIENT), *(Input(myasthenia(number)) for number in range(84))]
    found = knowledge().evaluate(inputs, as_of=NOW, hook="patient-view", unread={}).findings
    facts = [fact for fact in found[0].because if fact.fact == "diagnosis:myasthenia-gravis"]
    assert [fact.more for fact in facts if fact.more] == [34]
    named = [fact for fact in facts if fact.resource]
    assert len(named) == 50
    assert min(fact.date or "" for fact in named) >= "2026-01-12"


def test_of_a_resource_with_very_many_parts_the_first_are_read_and_the_type_is_unknown() -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "33914-3"}]}
    parts = [{"code": code, "valueQuantity": {"value": number, "unit": "mL/min"}} for number in range(2_000)]
    panel = {"resourceType": "Observation", "id": "o1", "status": "final", "code": code, "component": parts}
    found = extract([Input(PATIENT), Input(panel)], terminology=knowledge().terminology, as_of=NOW, hook="patient-view", unread={})
    assert len(found.observations) == 500
    assert found.unread == {"Observation": "one resource has more parts than this service reads"}
