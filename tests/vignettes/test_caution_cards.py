"""The cards of the caution table and of a block: one card for each grade, worst first; what a block removes is named with its reason."""

from __future__ import annotations

import pytest

from cds_hooks.cards import Renderer
from rules.check import evaluate_vignette
from rules.findings import Evaluation
from rules.model import Vignette
from tests.support.spoken import DAY
from tests.support.spoken import on_both_engines as knowledge

GRADES = {
    "dd-mg-contraindicated": ["telithromycin", "quinine"],
    "dd-mg-avoid": ["erythromycin", "azithromycin"],
    "dd-mg-caution": ["metoprolol", "verapamil"],
}


def evaluation(hook: str, **patient: object) -> Evaluation:
    """The findings for a short patient."""
    return evaluate_vignette(knowledge(), Vignette("", DAY, hook, {"age": 50, "gender": "male", **patient}, "fires"))


def test_several_drugs_of_the_caution_table_make_one_card_for_each_grade_worst_first() -> None:
    drafts = [drug for drugs in GRADES.values() for drug in drugs]
    told = evaluation("order-sign", diagnoses=["myasthenia-gravis"], drafts=drafts)
    cards = [
        (rule.id, card) for card in Renderer("https://cds.example.org", "1").render(told, "p") for rule in card.rules if rule.id in GRADES
    ]
    assert [(rule, card.indicator) for rule, card in cards] == list(zip(GRADES, ("critical", "warning", "info"), strict=True))
    for rule, card in cards:
        assert all(drug in str(card.body["detail"]) for drug in GRADES[rule])


def test_a_blocked_drug_is_in_no_suggestion_and_the_card_says_which_rule_removed_it_and_why() -> None:
    told = evaluation(
        "patient-view",
        diagnoses=["generalised-myasthenia"],
        medications=[{"concept": "prednisone", "mg_per_day": 15, "since": "-120 days"}, "allopurinol"],
        labs=[{"concept": name, "answer": "normal-metaboliser", "when": "-60 days"} for name in ("tpmt", "nudt15")],
    )
    [finding] = [one for one in told.findings if one.rule.id == "mg-nonsteroidal-is"]
    assert "azathioprine" not in {one.concept for one in finding.suggestions}
    [removed] = [one for one in finding.withheld if one.rule == "ddi-aza-xanthine-oxidase"]
    detail = "\n".join(str(card.body["detail"]) for card in Renderer("https://cds.example.org", "1").render(told, "p"))
    assert "Not proposed" in detail
    assert removed.reason in detail


def test_a_contraindicated_drug_is_called_so_in_the_title_and_a_caution_is_not() -> None:
    titles = [
        {one.rule.id: one.summary for one in evaluation("order-sign", diagnoses=[disease], drafts=[drug]).findings}["dd-table-generic"]
        for disease, drug in (("emery-dreifuss", "succinylcholine"), ("melas", "linezolid"))
    ]
    assert ["contraindication" in title for title in titles] == [True, False]


def test_no_card_of_the_caution_table_prints_a_word_for_writers_of_rules() -> None:
    told = evaluation(
        "order-sign", diagnoses=["myasthenia-gravis", "melas"], drafts=["ciprofloxacin", "gentamicin", "linezolid", "phenytoin"]
    )
    lines = " ".join(line for one in told.findings if one.rule.id.startswith("dd-") for line in one.detail)
    assert "ciprofloxacin" in lines
    assert not [word for word in (": silent", ": info", "does not fire", "aggregate into", "CSV note", "Grades come from") if word in lines]


@pytest.mark.parametrize(
    ("rule", "disease", "drugs", "rests_on"),
    [
        ("dd-table-generic", "melas", ["linezolid"], {("S-MITO-DELPHI2020", "not yet")}),
        ("dd-mg-caution", "myasthenia-gravis", ["phenytoin"], {("S-MGFA-PASCUZZI2012", "not yet")}),
        (
            "dd-mg-caution",
            "myasthenia-gravis",
            ["phenytoin", "deferoxamine"],
            {("S-MGFA-PASCUZZI2012", "not yet"), ("S-MGFA-DRUGS", "source seen")},
        ),
        ("dd-mg-avoid", "lambert-eaton", ["penicillamine"], {("S-MGFA-DRUGS", "source seen")}),
        (
            "dd-mg-contraindicated",
            "congenital-myasthenic-syndrome",
            ["quinidine"],
            {("S-GENEREVIEWS-CMS", "source seen (treatment table)")},
        ),
    ],
)
def test_a_card_of_the_caution_table_rests_on_the_rows_that_speak_each_as_far_as_it_was_verified(
    rule: str, disease: str, drugs: list[str], rests_on: set[tuple[str, str]]
) -> None:
    told = evaluation("order-sign", diagnoses=[disease], drafts=drugs)
    [finding] = [one for one in told.findings if one.rule.id == rule]
    assert {(one.source, one.verified) for one in finding.evidence} == rests_on
