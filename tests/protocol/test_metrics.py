"""What an operator's Prometheus sees of a call."""

from __future__ import annotations

from pathlib import Path

from rules.findings import Evaluation, NotChecked
from tests.support.doubles import COMPLETE, FakeKnowledge, condition, finding, request
from tests.support.service import running


def test_a_call_its_cards_rules_and_gaps_are_counted(tmp_path: Path) -> None:
    gap = NotChecked("lab:TPMT", "not in the record", "Observation")
    knowledge = FakeKnowledge(Evaluation((finding("one-rule", not_checked=(gap,)),), (), relevant=True))
    foreign = condition(id="c9", subject={"reference": "Patient/somebody-else"})
    with running(tmp_path, knowledge) as service:
        body = request(
            prefetch={**COMPLETE, "conditions": {"resourceType": "Bundle", "entry": [{"resource": condition()}, {"resource": foreign}]}}
        )
        assert len(service.cards(body)) == 2
        told = service.get("/metrics").body.decode()
    for line in (
        'nmcds_calls_total{service="neuromuscular-patient-view",status="200"} 1.0',
        'nmcds_call_seconds_count{service="neuromuscular-patient-view"} 1.0',
        f'nmcds_rule_cards_total{{indicator="{finding().indicator}",rule="one-rule"}} 1.0',
        'nmcds_not_checked_total{type="Observation",why="not-in-record"} 1.0',
        'nmcds_unread_total{type="Condition"} 1.0',
        "nmcds_foreign_resources_total 1.0",
        'nmcds_engine_errors_total{kind="difference"} 0.0',
        'nmcds_fhir_faults_total{kind="timeout"} 0.0',
        "nmcds_suppressed_cards_total 0.0",
    ):
        assert line in told.splitlines()
