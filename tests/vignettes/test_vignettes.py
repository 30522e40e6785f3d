"""Every vignette of every rule file does what it says."""

from __future__ import annotations

import pytest

from rules.check import run_vignettes
from rules.engine.interface import Budget
from rules.evaluate import Evaluator
from rules.facts import Record
from rules.load import KnowledgeError
from rules.world import World
from tests.support.spoken import on_both_engines as knowledge


def rule_ids() -> list[str]:
    """Ids of rules with vignettes; a broken knowledge fails in the test, not while collecting."""
    try:
        return [rule.id for rule in knowledge().rules if rule.vignettes]
    except KnowledgeError:
        return ["knowledge"]


@pytest.mark.parametrize("rule_id", rule_ids())
def test_each_vignette_of_a_rule_gets_what_it_expects(rule_id: str) -> None:
    rule = knowledge().rule(rule_id)
    assert rule is not None
    problems = [f"{result.vignette}: {result.problem}" for result in run_vignettes(knowledge(), (rule,)) if result.problem]
    assert problems == []


def test_each_active_rule_with_a_card_has_vignettes_that_fire_and_stay_silent() -> None:
    for rule in knowledge().rules:
        if rule.card is not None:
            expected = {vignette.expect for vignette in rule.vignettes}
            assert {"fires", "silent"} <= expected, rule.id


def test_a_vignette_does_not_fail_because_the_machine_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call has one second for its rules; a vignette that a busy machine stops after one second would be called a wrong rule."""
    seen: list[Budget] = []
    solve = Evaluator.solve

    def noted(self: Evaluator, record: Record, budget: Budget) -> World:
        seen.append(budget)
        return solve(self, record, budget)

    monkeypatch.setattr(Evaluator, "solve", noted)
    rule = next(rule for rule in knowledge().rules if rule.vignettes)
    assert all(not result.problem for result in run_vignettes(knowledge(), (rule,)))
    assert seen
    assert {(one.seconds, one.facts, one.firings) for one in seen} == {(60.0, Budget().facts, Budget().firings)}
