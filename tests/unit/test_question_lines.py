"""A question says of no branch that may or may not hold what only a patient of that branch should be told."""

from __future__ import annotations

from dataclasses import replace

from tests.support.spoken import on_reference as knowledge
from tests.support.spoken import said

MAYBE = "Not known whether this applies: "
DAPSONE = {
    "age": 40,
    "gender": "male",
    "drafts": ["dapsone"],
    "labs": [{"concept": "g6pd", "result": "normal", "when": "-20 days"}],
}


def details(**patient: object) -> tuple[str, ...]:
    rule = next(one for one in knowledge().rules if one.id == "dapsone-g6pd")
    vignette = replace(rule.vignettes[0], hook="order-select", patient=patient)
    finding = said(knowledge(), rule, vignette)
    return finding.detail if finding is not None else ()


def test_what_may_not_hold_is_told_as_not_known() -> None:
    asked = details(**DAPSONE, unread=["Condition"])
    assert f"{MAYBE}G6PD deficiency is on record." in asked
    assert "G6PD deficiency is on record." not in asked


def test_what_holds_is_told_as_it_is() -> None:
    fired = details(**DAPSONE, diagnoses=["g6pd-deficiency"])
    assert "G6PD deficiency is on record." in fired
    assert not any(line.startswith(MAYBE) for line in fired)
