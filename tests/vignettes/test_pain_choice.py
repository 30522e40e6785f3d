"""The card for the choice of a nerve-pain drug: no drug twice, none of a class that is being ordered, and one line for one referral."""

from __future__ import annotations

import pytest

from rules.findings import Finding
from tests.support.spoken import about
from tests.support.spoken import on_both_engines as knowledge

MEASURED = [
    {"concept": "egfr", "value": 90, "unit": "mL/min/{1.73_m2}", "when": "-20 days"},
    {"concept": "creatinine", "value": 0.9, "unit": "mg/dL", "when": "-20 days"},
    {"concept": "weight", "value": 80, "unit": "kg", "when": "-20 days"},
    {"concept": "qrs-duration", "value": 90, "unit": "ms", "when": "-60 days"},
    {"concept": "alt", "value": 20, "unit": "U/L", "when": "-20 days", "high": 40},
]
CLASSES = {"duloxetine", "nortriptyline", "vs-gabapentinoid", "gabapentin", "pregabalin"}
REFERRAL = "Severe or resistant pain: refer to a pain service or the condition-specific team."


def findings(hook: str = "patient-view", *, score: int = 6, **patient: object) -> dict[str, Finding]:
    """What is said about a man of 50 with nerve pain and every test on file."""
    scores = [{"concept": "pain-score", "value": score, "unit": "{score}", "when": when} for when in ("-40 days", "-10 days")]
    one = {"age": 50, "gender": "male", "diagnoses": ["neuropathic-pain"], "labs": [*MEASURED, *scores], **patient}
    return about(knowledge(), hook, one)


def proposed(told: dict[str, Finding]) -> list[str]:
    """The drugs that the nerve-pain card proposes, once for each rule that does."""
    family = [one for one in told.values() if one.family == "nerve-pain-choice"]
    return sorted(one.concept for finding in family for one in finding.suggestions if one.concept in CLASSES)


def test_each_class_is_proposed_when_nothing_speaks_against_it() -> None:
    assert proposed(findings()) == ["duloxetine", "nortriptyline", "vs-gabapentinoid"]


def test_the_class_is_not_proposed_beside_gabapentin_and_pregabalin() -> None:
    told = findings(diagnoses=["neuropathic-pain", "epilepsy", "small-fibre"])
    assert "analg-gabapentinoid-candidate" in told
    assert [one for one in proposed(told) if one not in {"duloxetine", "nortriptyline"}] == ["gabapentin", "pregabalin"]


@pytest.mark.parametrize(
    ("drafted", "left"),
    [
        ("pregabalin", {"duloxetine", "nortriptyline"}),
        ("duloxetine", {"nortriptyline", "gabapentin", "pregabalin"}),
        ("amitriptyline", {"duloxetine", "gabapentin", "pregabalin"}),
    ],
)
def test_a_class_that_is_being_ordered_is_not_proposed(drafted: str, left: set[str]) -> None:
    told = findings("order-select", diagnoses=["neuropathic-pain", "epilepsy", "small-fibre"], drafts=[drafted], findings=["poor-sleep"])
    assert set(proposed(told)) == left


@pytest.mark.parametrize(("hook", "score", "said"), [("patient-view", 8, False), ("order-select", 8, True), ("patient-view", 6, True)])
def test_from_a_score_of_seven_the_referral_stands_on_the_card_of_the_pain_service(hook: str, score: int, *, said: bool) -> None:
    told = findings(hook, score=score, answers=["pain-limits-sleep-work"], drafts=["acetaminophen"] if hook == "order-select" else [])
    assert (REFERRAL in told["analg-neuro-first-line"].detail) is said
    assert ("analg-pain-service" in told) is (hook == "patient-view" and score == 8)


def test_drugs_held_back_beside_duloxetine_are_not_held_back_because_of_tramadol() -> None:
    scores = [{"concept": "pain-score", "value": 7, "unit": "{score}", "when": when} for when in ("-95 days", "-5 days")]
    taken = [{"concept": "duloxetine", "since": "-100 days", "mg_per_day": 60}]
    told = findings(labs=[*MEASURED, *scores], medications=taken, answers=["medicine-adherence"])
    [reason] = [one.reason for one in told["analg-switch-class"].withheld if one.rule == "analg-serotonin-tramadol"]
    assert "tramadol" not in reason


@pytest.mark.parametrize(
    ("rule", "disease", "drug"),
    [
        ("analg-trigeminal-carbamazepine", "trigeminal-neuralgia", "carbamazepine"),
        ("analg-cipn-duloxetine", "chemotherapy-induced", "duloxetine"),
        ("analg-topical-lidocaine-capsaicin", "neuropathic-pain", "capsaicin"),
    ],
)
def test_a_drug_that_is_being_ordered_is_not_proposed_once_more(rule: str, disease: str, drug: str) -> None:
    chemotherapy = [{"concept": "paclitaxel", "kind": "MedicationAdministration", "since": "-200 days"}]
    for draft, offered in (("acetaminophen", True), (drug, False)):
        told = findings("order-select", diagnoses=[disease], drafts=[draft], medications=chemotherapy, answers=["pain-localised"])
        assert (drug in {one.concept for one in told[rule].suggestions}) is offered
