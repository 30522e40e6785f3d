"""The overlap table of the referral specification: each row is one card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from cds_hooks.cards import Renderer
from cds_hooks.joint import group
from rules.check import evaluate_vignette
from rules.model import Vignette
from tests.support.spoken import on_reference as knowledge

OVERLAPS = {
    "ref-thymectomy-achr": ("mg-thymectomy-achr",),
    "ref-thymoma": ("mg-thymoma-refer",),
    "em-mg-crisis": ("mg-crisis-urgent",),
    "em-adrenal": ("gc-adrenal-crisis-risk",),
    "mon-bone": ("gc-bone-protection", "dmd-gc-monitoring"),
    "ref-eye-steroid": ("gc-metabolic-eye-check", "dmd-gc-monitoring"),
    "mon-vaccine-live": ("live-vaccine-on-immunosuppression", "pre-is-vaccine-vzv"),
    "mon-lems-cancer": ("lems-tumour-first",),
    "mon-iim-cancer": ("iim-cancer-screen",),
    "dmt-dmd-givinostat": ("dmd-givinostat",),
    "dmt-dmd-gene": ("dmd-gene-therapy-steroids",),
    "mon-cmt-neurotoxic": ("dd-cmt-vincristine", "dd-cmt-neurotoxic-caution"),
    "analg-mg-drug-caution": ("dd-mg-contraindicated", "dd-mg-avoid", "dd-mg-caution"),
    "analg-quinine": ("dd-mg-contraindicated", "dd-mg-avoid", "dd-mg-caution"),
    "ref-preop": ("dd-dystrophinopathy-sux-volatile", "dd-mh-susceptible", "dd-denervation-succinylcholine", "dd-mg-anaesthesia"),
    "analg-preg-valproate-topiramate": ("dd-polg-valproate",),
    "sys-refuted-or-family-only": ("dq-diagnosis-not-confirmed",),
}
# Two rules that say the same about one order: a history of seizures; the chest imaging that thymectomy waits for.
BESIDE_THE_TABLE = {"dmt-lems-amifampridine", "mon-mg-thymus"}
GRADE_OF_THE_TABLE_WINS = {"analg-mg-drug-caution", "analg-quinine"}


@pytest.mark.parametrize(("name", "others"), OVERLAPS.items(), ids=OVERLAPS)
def test_each_row_is_one_card(name: str, others: tuple[str, ...]) -> None:
    rule = knowledge().rule(name)
    assert rule is not None
    assert rule.card is not None
    assert rule.card.joins == others
    assert rule.card.yields is (name in GRADE_OF_THE_TABLE_WINS)


def test_only_rules_with_a_card_are_joined() -> None:
    joined = {name for rule in knowledge().rules if rule.card for name in rule.card.joins}
    assert {rule.id for rule in knowledge().rules if rule.card} >= joined
    assert {rule.id for rule in knowledge().rules if rule.card and rule.card.joins} == set(OVERLAPS) | BESIDE_THE_TABLE


MG = {"age": 35, "gender": "female", "diagnoses": ["generalised-myasthenia"]}
TOGETHER: tuple[tuple[frozenset[str], str, Mapping[str, object]], ...] = (
    (
        frozenset({"ref-thymectomy-achr", "mg-thymectomy-achr"}),
        "patient-view",
        {**MG, "labs": [{"concept": "anti-achr", "result": "positive"}], "imaging": [{"concept": "chest-ct", "when": "-100 days"}]},
    ),
    (frozenset({"mon-mg-thymus", "mg-thymectomy-achr"}), "patient-view", {**MG, "labs": [{"concept": "anti-achr", "result": "positive"}]}),
    (frozenset({"analg-mg-drug-caution", "analg-quinine", "dd-mg-contraindicated"}), "order-select", {**MG, "drafts": ["quinine"]}),
    (
        frozenset({"ref-preop", "dd-denervation-succinylcholine"}),
        "order-select",
        {"age": 60, "gender": "male", "diagnoses": ["als"], "drafts": ["succinylcholine", "general-anaesthesia"]},
    ),
    (
        frozenset({"analg-preg-valproate-topiramate", "dd-polg-valproate"}),
        "order-select",
        {
            "age": 30,
            "gender": "female",
            "diagnoses": ["mitochondrial-myopathy", "neuropathic-pain"],
            "drafts": [{"concept": "valproate", "reason": "neuropathic-pain"}],
        },
    ),
    (
        frozenset({"sys-refuted-or-family-only", "dq-diagnosis-not-confirmed"}),
        "patient-view",
        {
            "age": 50,
            "gender": "female",
            "diagnoses": [
                {"concept": "cidp", "verification": "refuted"},
                {"concept": "generalised-myasthenia", "verification": "provisional"},
            ],
        },
    ),
)


@pytest.mark.parametrize(("rules", "hook", "who"), TOGETHER, ids=["+".join(sorted(rules)) for rules, _, _ in TOGETHER])
def test_rules_of_a_row_that_no_invented_patient_meets_share_one_card(rules: frozenset[str], hook: str, who: Mapping[str, object]) -> None:
    """The other rows: the invented patients, tests/fixtures/test_promises.py. Givinostat's two rules exclude each other."""
    evaluation = evaluate_vignette(knowledge(), Vignette("together", date(2026, 11, 22), hook, who, "fires"))
    assert rules <= {finding.rule.id for finding in evaluation.findings if not finding.asks}
    cards = Renderer("https://cds.example.org", "1").render(evaluation, "p")
    assert any(rules <= {rule.id for rule in card.rules} for card in cards)


PLAN = "edu-emergency-plan"
ADULT_MG = {"age": 70, "gender": "male", "diagnoses": ["generalised-myasthenia"]}
HOME: tuple[tuple[str, Mapping[str, object], bool], ...] = (
    ("no steroid", ADULT_MG, False),
    ("a steroid for 20 days", {**ADULT_MG, "medications": [{"concept": "prednisolone", "since": "-20 days"}]}, False),
    ("a steroid for 21 days", {**ADULT_MG, "medications": [{"concept": "prednisolone", "since": "-21 days"}]}, True),
    ("a mask ventilator", {**ADULT_MG, "devices": ["noninvasive-ventilation"]}, True),
    ("a metabolic myopathy", {**ADULT_MG, "diagnoses": ["mcardle"]}, True),
)


@pytest.mark.parametrize(("who", "alone"), [one[1:] for one in HOME], ids=[one[0] for one in HOME])
def test_the_emergency_plan_is_a_line_of_the_care_gap_card_or_a_card_of_its_own(who: Mapping[str, object], alone: bool) -> None:
    evaluation = evaluate_vignette(knowledge(), Vignette("home", date(2026, 11, 22), "patient-view", who, "fires"))
    assert "mon-vaccine" in {finding.rule.id for finding in evaluation.findings}
    [rules] = [names for one in group(evaluation.findings) if PLAN in (names := {rule.id for rule in one.rules})]
    assert (rules == {PLAN}) is alone
    assert ("mon-vaccine" in rules) is not alone
