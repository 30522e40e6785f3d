"""What the workers do, without Spark: lines become rows, rows of a patient become the findings of the call over HTTP."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.population import work
from cds_hooks.population.patients import Screened, Screener, fingerprint
from cds_hooks.population.plan import Plan, Setup
from cds_hooks.population.reading import Row, read_text
from cds_hooks.population.storage import File
from cds_hooks.population.work import BLOCKS, MEDICATIONS, OTHERS, PROBLEMS, OtherKnowledgeError, read_documents, read_lines, screen_rows
from fhir_fixtures import Resource, patients
from rules.engine.interface import EngineError
from rules.extract import TYPES
from rules.findings import Evaluation
from rules.knowledge import Knowledge
from tests.population.support import KEYS, over_http
from tests.support.doubles import bundle, condition, order, patient

AS_OF = datetime(2026, 11, 22, 12, tzinfo=UTC)
KNOWLEDGE = Knowledge.load(engine="reference")
MG = {"coding": [{"system": "http://snomed.info/sct", "code": "230686005"}]}
SOME = patients()[::10]


def asking(exported: Iterable[str] = TYPES, load: Callable[[], Knowledge] = lambda: KNOWLEDGE) -> closing[Screener]:
    return closing(Screener(load, hook="patient-view", as_of=AS_OF, exported=exported))


def screened(resources: Iterable[Any], exported: Iterable[str] = TYPES, extra: Iterable[Row] = ()) -> Screened:
    """One patient p1."""
    with asking(exported) as screener:
        return screener.screen("p1", [*(row for one in resources for row in read_text(json.dumps(one).encode())), *extra])


@contextmanager
def closing_workers() -> Iterator[None]:
    """What a worker process keeps, closed at the end of a test."""
    kept: list[Screener] = []

    def keep(*rest: Any, **named: Any) -> Screener:  # noqa: ANN401 - as the real one
        kept.append(Screener(*rest, **named))
        return kept[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "Screener", keep)
        work._ready.cache_clear()  # noqa: SLF001 - as a new process
        try:
            yield
        finally:
            work._ready.cache_clear()  # noqa: SLF001
            gc.unfreeze()
            for one in kept:
                one.close()


def setup(exported: Iterable[str] = TYPES, knowledge: str = "") -> Setup:
    return Setup("patient-view", AS_OF, tuple(exported), knowledge or fingerprint(KNOWLEDGE), "reference", None, None, "http://x", 5, KEYS)


def test_the_findings_are_those_of_the_call_over_http(tmp_path: Path) -> None:
    people: dict[str, tuple[Resource, ...]] = {one.patient_id: one.record for one in SOME}
    rows = []
    for name, record in people.items():
        found = [row for one in record for row in read_text(json.dumps(one).encode())]
        rows += sorted((name, row.kind, row.url, row.body, row.problem) for row in found)
    expected = over_http(tmp_path, people, AS_OF, KNOWLEDGE)
    assert sum(map(len, expected.values())) > 20
    with closing_workers():
        found_rows: list[Any] = list(screen_rows(rows, setup=setup()))
    for cells in found_rows:
        rules = [(one[0], one[5], one[6], one[7]) for one in cells[8]]
        assert rules == [(one["rule"], one["indicator"], one["asks"], one["card"]) for one in expected[cells[0]]]


def test_a_worker_with_other_rules_does_not_begin() -> None:
    with closing_workers(), pytest.raises(OtherKnowledgeError):
        next(screen_rows([("p1", "Patient", "", b"{}", "")], setup=setup(knowledge="other")))


def test_a_type_without_a_file_is_unknown_and_an_empty_one_is_not() -> None:
    found = screened([patient(), condition(code=MG)], exported=set(TYPES) - {"Observation"})
    assert found.unread == {"Observation": "the export has no file of this type"}
    assert screened([patient(), condition(code=MG)]).unread == {}


def test_a_damaged_line_makes_its_type_unknown_for_its_patient() -> None:
    found = screened([patient(), condition(code=MG)], extra=[Row("Observation", "p1", problem="cut off")])
    assert found.unread == {"Observation": "a line of the export could not be read"}
    assert found.evaluation is not None


def test_a_damaged_line_of_an_unknown_type_may_have_been_anything() -> None:
    found = screened([patient(), condition(code=MG)], extra=[Row("", "p1", problem="cut off")])
    assert set(found.unread.values()) == {"a line of the export could not be read"}
    assert {"Observation", "MedicationRequest", "Procedure"} <= set(found.unread)


def test_a_patient_whose_conditions_cannot_be_known_is_not_screened_but_told() -> None:
    found = screened([patient()], extra=[Row("Condition", "p1", problem="cut off")])
    assert found.evaluation is None
    assert found.problem.startswith("prefetch key conditions")


def test_data_of_somebody_else_are_never_used() -> None:
    rows = read_text(json.dumps(condition("c9", "Patient/p2", code=MG)).encode())
    found = screened([patient()], extra=rows)
    assert found.evaluation is None or not found.evaluation.findings
    assert found.problem or "Condition" in found.unread


def test_an_engine_that_stops_costs_one_patient_and_is_loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Knowledge] = []

    def load() -> Knowledge:
        loads.append(KNOWLEDGE)
        return KNOWLEDGE

    def crash(*_: object, **__: object) -> Evaluation:
        raise EngineError("crash", "secret text")

    rows = [row for one in (patient(), condition(code=MG)) for row in read_text(json.dumps(one).encode())]
    with asking(load=load) as screener:
        with monkeypatch.context() as patch:
            patch.setattr(Knowledge, "evaluate", crash)
            assert screener.screen("p1", rows).problem == "the rule engine stopped: crash"
        assert len(loads) == 2
        assert screener.screen("p1", rows).evaluation is not None


def test_a_defect_costs_one_patient_and_is_told_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Evaluation:
        raise KeyError("secret text")

    monkeypatch.setattr(Knowledge, "evaluate", fail)
    assert screened([patient(), condition(code=MG)]).problem == "a defect of nmcds itself: KeyError"


def test_diseases_are_counted_once_and_by_the_most_specific() -> None:
    ocular = {"coding": [{"system": "http://snomed.info/sct", "code": "230684008"}]}
    general = {"coding": [{"system": "http://snomed.info/sct", "code": "91637004"}]}
    found = screened([patient(), condition(code=ocular), condition("c2", code=general)])
    assert found.diseases == ("ocular-myasthenia",)
    refuted = condition(code=ocular, verificationStatus={"coding": [{"code": "refuted"}]})
    assert screened([patient(), refuted]).diseases == ()


def test_a_drug_in_use_that_a_rule_blocks_is_counted() -> None:
    record = next(one for one in patients() if one.name == "imnm_on_statin")
    rows = [row for one in record.record for row in read_text(json.dumps(one).encode())]
    with asking() as screener:
        assert screener.screen(record.patient_id, rows).in_use == ("atorvastatin",)


def test_lines_are_counted_by_block_and_problems_have_their_place() -> None:
    text = [b"\xef\xbb\xbf" + json.dumps(patient()).encode(), b"", b"7", json.dumps(condition()).encode()]
    rows = [(one, "file:/x/a%20b.ndjson", 0) for one in text] + [(b"{", "file:/x/a%20b.ndjson", 99)]
    cells: list[Any] = list(read_lines(rows, parts=4, kinds=frozenset(("Patient", "Condition"))))
    assert [(one[1], one[2]) for one in cells if one[0] >= 0] == [("Patient", "p1"), ("Condition", "p1")]
    assert len({one[0] for one in cells if one[0] >= 0}) == 1
    assert [one[7:] for one in cells if one[0] == PROBLEMS] == [("file:/x/a b.ndjson", 0, 3), ("file:/x/a b.ndjson", 99, 1)]
    assert [one[7:] for one in cells if one[0] == BLOCKS] == [("file:/x/a b.ndjson", 0, 4), ("file:/x/a b.ndjson", 99, 1)]


def test_what_no_rule_reads_and_what_is_of_nobody_is_counted() -> None:
    inner = bundle(
        condition(of=None), {"resourceType": "Claim", "patient": {"reference": "Patient/p1"}}, {"resourceType": "Medication", "id": "m"}
    )
    cells: list[Any] = list(read_documents([(json.dumps(inner).encode(), "x.json")], parts=4, kinds=frozenset(("Condition",))))
    assert [(one[0], one[1]) for one in cells if one[0] != OTHERS] == [(MEDICATIONS, "Medication")]
    assert {(one[1], one[6], one[9]) for one in cells if one[0] == OTHERS} == {("Condition", "nobody", 1), ("Claim", "", 1)}


def test_a_plan_says_what_is_different() -> None:
    plan = Plan((File("file:/x", "x", 1, 1),), "patient-view", "2026-11-22", (), 4, "k", "1", "s")
    assert plan.differences(plan.as_json()) == []
    assert plan.differences({**plan.as_json(), "parts": 5, "key": "t"}) == ["number of parts", "secret"]


def test_a_nameless_order_makes_orders_unknown() -> None:
    found = screened([patient(), condition(code=MG), order(status="active", medicationReference={"reference": "Medication/none"})])
    assert found.unread == {"MedicationRequest": "a medication is named only by a reference that could not be read"}
