"""What a drug recognised by its name may do: warn and ask, never be the ground of a proposed treatment."""

from __future__ import annotations

import datetime as dt

import pytest

from rules.check import evaluate_vignette
from rules.findings import Finding
from rules.model import Vignette
from rules.offers import BY_NAME_ONLY
from tests.support.spoken import on_both_engines as knowledge


def finding(rule: str, hook: str, patient: dict[str, object]) -> Finding | None:
    vignette = Vignette("by name", dt.date(2026, 11, 22), hook, patient, "fires")
    return next((one for one in evaluate_vignette(knowledge(), vignette).findings if one.rule.id == rule), None)


def steroid(**drug: object) -> dict[str, object]:
    return {"age": 50, "gender": "male", "medications": [{**drug, "mg_per_day": 40, "days": 60, "route": "oral", "since": "-60 days"}]}


@pytest.mark.parametrize("drug", [{"concept": "prednisone"}, {"name": "Deltasone 20 mg tab"}])
def test_a_safety_rule_fires_for_a_code_and_for_a_name(drug: dict[str, object]) -> None:
    found = finding("pjp-prophylaxis", "patient-view", steroid(**drug))
    assert found is not None
    assert not found.asks
    assert found.indicator == "warning"
    assert {one.by_name for one in found.because if one.fact == "med:prednisone"} == {"name" in drug}


def test_a_treatment_is_not_proposed_on_a_name_alone() -> None:
    coded = finding("pjp-prophylaxis", "patient-view", steroid(concept="prednisone"))
    named = finding("pjp-prophylaxis", "patient-view", steroid(name="Deltasone 20 mg tab"))
    assert coded is not None
    assert named is not None
    drugs = {one.concept for one in coded.suggestions if one.resource and one.resource["resourceType"] == "MedicationRequest"}
    assert drugs
    assert not {one.concept for one in named.suggestions} & drugs
    assert BY_NAME_ONLY in {one.reason for one in named.withheld}


def test_a_treatment_is_proposed_when_a_code_alone_would_do() -> None:
    patient = steroid(concept="prednisone")
    patient["medications"] = [*patient["medications"], {"name": "Deltasone 20 mg tab"}]  # type: ignore[misc]
    found = finding("pjp-prophylaxis", "patient-view", patient)
    assert found is not None
    assert "sulfamethoxazole-trimethoprim" in {one.concept for one in found.suggestions}


def test_a_drafted_drug_with_only_a_name_is_warned_of() -> None:
    patient = {"age": 50, "gender": "male", "diagnoses": ["generalised-myasthenia"], "drafts": [{"name": "Ketek 400 mg tablets"}]}
    found = finding("dd-mg-contraindicated", "order-select", patient)
    assert found is not None
    assert found.indicator == "critical"
    assert any(one.by_name for one in found.because)
