"""A branch with words of its own is read: no other branch of the same level gives the card its title first."""

from __future__ import annotations

import pytest

from rules.model import Rule
from tests.support.spoken import on_reference as knowledge
from tests.support.spoken import said

ONLY_AT_A_SITE = {"mon-review-overdue": {"Neuromuscular review will soon be due"}}
"""Titles of branches that only a site's setting opens; tests/unit/test_due_soon.py sees them."""


def own(rule: Rule) -> set[str]:
    """The titles that the branches of a rule bring themselves, as a card would show them."""
    words = rule.card.summary if rule.card else ""
    return {branch.summary[:139] for branch in rule.branches if not branch.silent and branch.summary != words}


@pytest.mark.parametrize("name", [rule.id for rule in knowledge().rules if rule.card and own(rule)])
def test_every_title_of_a_branch_is_seen_in_a_vignette(name: str) -> None:
    rule = knowledge().rule(name)
    assert rule is not None
    findings = (said(knowledge(), rule, vignette) for vignette in rule.vignettes)
    assert own(rule) - {finding.summary for finding in findings if finding} == ONLY_AT_A_SITE.get(name, set())
