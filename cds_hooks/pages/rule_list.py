"""The list at `/rules`: every rule that was read, found by words and narrowed by pathway, stage, status and indicator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.joint import PATHWAYS
from cds_hooks.pages.page import Pages
from rules.about import DOES
from rules.knowledge import Knowledge
from rules.model import STAGES, Rule
from rules.publish.value_set import names_of

__all__ = ["Facet", "RuleList"]

INDICATORS = ("critical", "warning", "info", "none")
STATUSES = ("active", "draft", "retired")
HEADINGS = {"stage": "What it does"}


@dataclass(frozen=True, slots=True)
class Facet:
    """One filter: its query parameter, its label, and each choice with the number of rules that have it."""

    name: str
    label: str
    choices: tuple[tuple[str, str, int], ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class RuleList:
    """Search works on id, title, card text and population, and on the names, labels and codes that the rule reads, without regard to case.

    `texts` keeps what is searched of a rule, from the first search on.
    """

    knowledge: Knowledge
    pages: Pages
    texts: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    def show(self, request: Request) -> Response:
        """GET /rules."""
        asked = request.query_params
        words = asked.get("q", "")[:200]
        chosen = {name: asked.get(name, "")[:40] for name in ("pathway", "stage", "status", "indicator")}
        rules = sorted(self.knowledge.every, key=lambda rule: rule.id)
        wanted = words.lower().split()
        found = [rule for rule in rules if _chosen(rule, chosen) and all(self._has(rule, word) for word in wanted)]
        unreviewed = sum(not rule.review.checked_by for rule in rules)
        return self.pages.html(
            "rules.html",
            words=words,
            facets=[_facet(name, chosen[name], rules) for name in chosen],
            rules=found,
            total=len(rules),
            unreviewed=unreviewed,
            pathways=PATHWAYS,
            stages=DOES,
            filtered=bool(words or any(chosen.values())),
        )

    def _has(self, rule: Rule, word: str) -> bool:
        """A word is part of a text, or the whole of a code: the figures of a code stand in many others."""
        if rule.id not in self.texts:
            terminology = self.knowledge.terminology
            names = [name for name in names_of(rule) if terminology.knows(name)]
            inside = sorted({concept for name in names for concept in terminology.expand(name)})
            card = (rule.card.summary, *rule.card.detail) if rule.card else ()
            told = (rule.id, rule.id.replace("-", " "), rule.title, rule.population, *card, *names, *map(terminology.label, inside))
            codes = frozenset(row.code.lower() for concept in inside for row in terminology.rows_of(concept))
            self.texts[rule.id] = ("\n".join(told).lower(), codes)
        text, codes = self.texts[rule.id]
        return word in text or word in codes


def value_of(rule: Rule, facet: str) -> str:
    """What a rule has for a filter; a rule without a card has the indicator none."""
    if facet == "indicator":
        return rule.card.indicator if rule.card else "none"
    return {"pathway": rule.pathway, "stage": rule.stage, "status": rule.status}[facet]


def _chosen(rule: Rule, chosen: Mapping[str, str]) -> bool:
    return all(not value or value_of(rule, name) == value for name, value in chosen.items())


def _facet(name: str, chosen: str, rules: Iterable[Rule]) -> Facet:
    order: Mapping[str, Iterable[str]] = {"pathway": PATHWAYS, "stage": STAGES, "status": STATUSES, "indicator": INDICATORS}
    counts: dict[str, int] = dict.fromkeys(order[name], 0)
    for rule in rules:
        value = value_of(rule, name)
        counts[value] = counts.get(value, 0) + 1
    labels = {"pathway": PATHWAYS, "stage": DOES, "indicator": {"none": "no card"}}.get(name, {})
    choices = tuple((value, labels.get(value, value), count) for value, count in counts.items())
    return Facet(name, HEADINGS.get(name, name.capitalize()), choices, chosen)
