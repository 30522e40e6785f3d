"""A question says of no branch that may or may not hold what only a patient of that branch should be told."""

from __future__ import annotations

from tests.support.spoken import about
from tests.support.spoken import on_reference as knowledge

MAYBE = "Not known whether this applies: "
DAPSONE = {
    "age": 40,
    "gender": "male",
    "drafts": ["dapsone"],
    "labs": [{"concept": "g6pd", "result": "normal", "when": "-20 days"}],
}


def details(**patient: object) -> tuple[str, ...]:
    return about(knowledge(), "order-select", patient)["dapsone-g6pd"].detail


def test_what_may_not_hold_is_told_as_not_known() -> None:
    asked = details(**DAPSONE, unread=["Condition"])
    assert f"{MAYBE}G6PD deficiency is on record." in asked
    assert "G6PD deficiency is on record." not in asked


def test_what_holds_is_told_as_it_is() -> None:
    fired = details(**DAPSONE, diagnoses=["g6pd-deficiency"])
    assert "G6PD deficiency is on record." in fired
    assert not any(line.startswith(MAYBE) for line in fired)


def title(rule: str, hook: str, **patient: object) -> str:
    return about(knowledge(), hook, {"age": 30, "gender": "male", **patient})[rule].summary


def test_a_family_history_that_was_not_read_is_not_stated_in_the_title() -> None:
    asked = title("dd-mh-susceptible", "order-sign", drafts=["succinylcholine"], unread=["FamilyMemberHistory"])
    assert asked.endswith("The record could not be read")
    told = title("dd-mh-susceptible", "order-sign", drafts=["succinylcholine"], family=["malignant-hyperthermia"])
    assert told.startswith("Malignant hyperthermia in the family")


def test_what_only_may_hold_is_not_the_title_of_a_question() -> None:
    assert (
        title("dapsone-g6pd", "order-select", **{**DAPSONE, "unread": ["Condition"]})
        == "Dapsone: G6PD deficiency cannot be judged from the record"
    )
    asked = title("ivig-iga-anaphylaxis", "order-sign", drafts=["immunoglobulin-g"], unread=["AllergyIntolerance"])
    assert "?" in asked
