"""Every disease of the taxonomy by each of its codes, from infancy to old age: understood, with the leaflet of its one group."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cds_hooks.cards import Renderer
from rules.extract import Input
from rules.findings import Evaluation
from tests.support.spoken import on_reference as knowledge

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BORN = {"infant": "2026-05-22", "child": "2018-05-22", "adult": "1981-05-22", "old person": "1944-05-22"}
STATUS = "http://terminology.hl7.org/CodeSystem/condition-"


def diseases() -> dict[str, list[dict[str, str]]]:
    """Concepts of vs-nmd and the codings that say no less: G60.8 also holds idiopathic neuropathy and alone is none."""
    terminology = knowledge().terminology
    members = terminology.expand("vs-nmd")
    found = {
        name: [dict(one) for one in terminology.codings(name) if terminology.coding_concepts({"coding": [one]}) & members]
        for name in sorted(members)
    }
    return {name: codings for name, codings in found.items() if codings}


def evaluate(coding: dict[str, str], born: str) -> Evaluation:
    """A patient whose whole record is this disease, recorded last month."""
    patient = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": born}
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "clinicalStatus": {"coding": [{"system": STATUS + "clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": STATUS + "ver-status", "code": "confirmed"}]},
        "code": {"coding": [coding]},
        "recordedDate": "2026-10-23",
    }
    return knowledge().evaluate([Input(patient), Input(condition)], as_of=NOW, hook="patient-view", unread={})


def test_most_of_the_taxonomy_is_walked() -> None:
    assert len(diseases()) >= 60


@pytest.mark.parametrize("age", BORN)
@pytest.mark.parametrize("name", diseases())
def test_each_disease_is_taught_about_with_one_leaflet_on_at_most_five_cards(name: str, age: str) -> None:
    for coding in diseases()[name]:
        evaluation = evaluate(coding, BORN[age])
        taught = [finding for finding in evaluation.findings if finding.rule.id == "edu-education"]
        assert [len(finding.leaflets) for finding in taught] == [1], coding
        assert {"ref-nmd-specialist", "ref-pt"} & {finding.rule.id for finding in evaluation.findings}, coding
        cards = Renderer("https://cds.example.org", "1").render(evaluation, "p")
        assert len(cards) <= 5, coding
