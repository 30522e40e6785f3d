"""The page of one rule, `/rules/{id}`: what a card's source link opens. All of it comes from the rule file and the loaded codes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches

from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.joint import PATHWAYS
from cds_hooks.pages.page import Pages
from cds_hooks.pages.rule_chain import neighbours
from cds_hooks.pages.rule_codes import codes_of
from cds_hooks.pages.source_attributes import attributes
from rules.about import DOES, EvidenceAbout, about
from rules.check import run_vignettes
from rules.history import Past
from rules.knowledge import Knowledge
from rules.model import Rule

__all__ = ["RulePage"]

SLICE_S = 0.1


@dataclass(frozen=True, slots=True)
class RulePage:
    """Vignettes are run apart from the page, when first asked for, a few at a time, and kept: knowledge does not change while the service
    runs."""

    knowledge: Knowledge
    pages: Pages
    clock: Callable[[], datetime]
    history: Mapping[str, tuple[Past, ...]]
    results: dict[str, dict[str, str]] = field(default_factory=dict)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def show(self, request: Request) -> Response:
        """GET /rules/{rule_id}; a function that waits for no network, so the server runs it in a thread."""
        rule = self._rule(request)
        if isinstance(rule, Response):
            return rule
        told = about(self.knowledge, rule)
        return self.pages.html(
            "rule.html",
            rule=told,
            evidence=_together(told.evidence),
            pathway=PATHWAYS.get(told.pathway, told.pathway),
            stage=DOES[told.stage],
            titles={one.id: one.title for one in self.knowledge.every if one.id != rule.id},
            speaks=rule in self.knowledge.rules,
            overdue=rule.review.next < self.clock().date(),
            attributes=attributes(self.knowledge, rule, told),
            chain=neighbours(self.knowledge, rule),
            codes=codes_of(rule, self.knowledge.terminology),
            results=self.results.get(rule.id, {}),
            history=self.history.get(rule.id, ()),
        )

    async def vignettes(self, request: Request) -> Response:
        """GET /rules/{rule_id}/vignettes: what each vignette does on this service. They run for a tenth of a second; who asks again gets
        the next ones. One rule runs at a time, so that many readers do not take the threads and the processor from calls."""
        rule = self._rule(request)
        if isinstance(rule, Response):
            return rule
        speaks = rule in self.knowledge.rules
        done = self.results.setdefault(rule.id, {})
        if speaks and len(done) < len(rule.vignettes):
            async with self.one_at_a_time:
                await asyncio.to_thread(self._run, rule, done)
        return self.pages.html("vignettes.html", rule=about(self.knowledge, rule), results=done, speaks=speaks)

    def _run(self, rule: Rule, done: dict[str, str]) -> None:
        """Run some of those that were not run yet and add, by vignette, what went wrong, empty when it did what was expected."""
        until = time.monotonic() + SLICE_S
        waiting = tuple(one for one in rule.vignettes if one.name not in done)
        for one in run_vignettes(self.knowledge, (replace(rule, vignettes=waiting),)) if waiting else ():
            done[one.vignette] = one.problem
            if time.monotonic() >= until:
                return

    def _rule(self, request: Request) -> Rule | Response:
        """The rule of the path, or the page that says there is none."""
        identifier = str(request.path_params["rule_id"])[:200]
        return self.knowledge.rule(identifier) or self._unknown(identifier)

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
