"""The page of one rule, `/rules/{id}`: what a card's source link opens. All of it comes from the rule file and the loaded codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches

from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.cards import PATHWAYS
from cds_hooks.pages.page import Pages
from cds_hooks.pages.rule_chain import neighbours
from cds_hooks.pages.rule_codes import codes_of
from cds_hooks.pages.source_attributes import attributes
from rules.about import EvidenceAbout, about
from rules.check import run_vignettes
from rules.history import Past
from rules.knowledge import Knowledge
from rules.model import Rule

__all__ = ["RulePage"]


@dataclass(frozen=True, slots=True)
class RulePage:
    """Vignettes are run when a page is first asked for, and their results kept: knowledge does not change while the service runs."""

    knowledge: Knowledge
    pages: Pages
    clock: Callable[[], datetime]
    history: Mapping[str, tuple[Past, ...]]
    results: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def show(self, request: Request) -> Response:
        """GET /rules/{rule_id}; a function that waits for no network, so the server runs it in a thread."""
        identifier = str(request.path_params["rule_id"])[:200]
        rule = self.knowledge.rule(identifier)
        if rule is None:
            return self._unknown(identifier)
        told = about(self.knowledge, rule)
        return self.pages.html(
            "rule.html",
            rule=told,
            evidence=_together(told.evidence),
            pathway=PATHWAYS.get(told.pathway, told.pathway),
            speaks=rule in self.knowledge.rules,
            overdue=rule.review.next < self.clock().date(),
            attributes=attributes(self.knowledge, rule, told),
            chain=neighbours(self.knowledge, rule),
            codes=codes_of(rule, self.knowledge.terminology),
            results=self._results(rule),
            history=self.history.get(rule.id, ()),
        )

    def _results(self, rule: Rule) -> Mapping[str, str]:
        """By vignette, what went wrong, empty when it did what was expected; nothing for a rule that does not speak here."""
        if rule not in self.knowledge.rules:
            return {}
        if rule.id not in self.results:
            self.results[rule.id] = {one.vignette: one.problem for one in run_vignettes(self.knowledge, (rule,))}
        return self.results[rule.id]

    def _unknown(self, identifier: str) -> Response:
        near = get_close_matches(identifier, [rule.id for rule in self.knowledge.every], n=5, cutoff=0.5)
        found = [rule for name in near if (rule := self.knowledge.rule(name)) is not None]
        return self.pages.html("rule_unknown.html", 404, identifier=identifier, near=found)


def _together(evidence: Iterable[EvidenceAbout]) -> list[list[EvidenceAbout]]:
    """Sources of which the rule says the same, told once."""
    found: dict[tuple[str, str, str], list[EvidenceAbout]] = {}
    for one in evidence:
        found.setdefault((one.says, one.strength, one.verified), []).append(one)
    return list(found.values())
