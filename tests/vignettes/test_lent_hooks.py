"""Where an encounter begins or ends, and where a problem is added, the rules of patient-view speak as they do there.

knowledge/README.md: "encounter-discharge and encounter-start run their own rules and the critical and warning safety rules of
patient-view".
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.model import BORROWING, lent
from tests.support.spoken import on_reference as knowledge
from tests.support.spoken import said


def rule_ids() -> list[str]:
    """Safety rules that an encounter borrows."""
    return [rule.id for rule in knowledge().rules if rule.card is not None and lent(rule.hooks, rule.stage) & BORROWING]


@pytest.mark.parametrize("rule_id", rule_ids())
def test_what_is_critical_or_warns_at_patient_view_does_so_at_an_encounter(rule_id: str) -> None:
    rule = knowledge().rule(rule_id)
    assert rule is not None
    for vignette in (one for one in rule.vignettes if one.hook == "patient-view"):
        there = said(knowledge(), rule, vignette)
        for hook in sorted(lent(rule.hooks, rule.stage) & BORROWING):
            here = said(knowledge(), rule, replace(vignette, hook=hook))
            if there is None or (there.indicator == "info" and not there.asks):
                assert here is None, (vignette.name, hook)
            else:
                assert here is not None, (vignette.name, hook)
                assert (here.indicator, here.asks, here.branches) == (there.indicator, there.asks, there.branches), (vignette.name, hook)


def test_a_branch_of_patient_view_speaks_where_its_problem_is_added() -> None:
    rule = knowledge().rule("analg-nsaid-heart")
    assert rule is not None
    assert {"problem-list-item-create"} <= lent(rule.hooks, rule.stage)
    known, new = "painful-diabetic-neuropathy", {"concept": "heart-failure", "new": True}
    patient = {"age": 60, "diagnoses": [known, new], "medications": ["ibuprofen"]}
    vignette = replace(rule.vignettes[0], hook="problem-list-item-create", patient=patient)
    found = said(knowledge(), rule, vignette)
    assert found is not None
    assert found.branches == ("current",)


def test_a_rule_with_hooks_of_its_own_is_lent_to_no_other() -> None:
    assert lent(frozenset({"order-sign"}), "safety") == frozenset()
    assert lent(frozenset({"patient-view", "encounter-start"}), "safety") == {"encounter-discharge", "problem-list-item-create"}
    assert lent(frozenset({"patient-view"}), "pathway") == {"problem-list-item-create"}
