"""Why a card came: the same request evaluated once more, and the chain from facts through rules to the card as a tree."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cds_hooks.commands.case import NoServer
from cds_hooks.discovery import Service
from cds_hooks.envelope import read_request
from cds_hooks.errors import UnknownService
from cds_hooks.gathering import gather
from cds_hooks.pages.fhir_words import reference_of, value_of
from rules.engine.interface import Budget
from rules.extract import extract
from rules.extract.reading import elements
from rules.findings import Because, Evaluation, Finding, NotChecked
from rules.knowledge import Knowledge
from rules.trace import Step, trace
from rules.words import date_in_words

__all__ = ["Why", "WhyNode", "explain"]


@dataclass(frozen=True, slots=True)
class WhyNode:
    """One thing in the chain: `kind` fact or rule, what it says, where it comes from, and what led to it."""

    kind: str
    text: str
    note: str
    link: str = ""
    after: tuple[WhyNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """By rule id, the tree that ends in it; and what no rule could check."""

    trees: Mapping[str, WhyNode]
    not_checked: tuple[NotChecked, ...]

    def of(self, rules: Sequence[str]) -> tuple[WhyNode, ...]:
        """The trees of one card."""
        return tuple(self.trees[rule] for rule in rules if rule in self.trees)


async def explain(knowledge: Knowledge, services: Mapping[str, Service], request: Mapping[str, object], as_of: datetime) -> Why:
    """Evaluate a request that the service has just answered; raises ServiceError when it is none."""
    service = services.get(f"neuromuscular-{request.get('hook')}")
    if service is None:
        raise UnknownService
    call = read_request(dict(request), service.hook)
    gathered = await gather(call, service, NoServer(), until=time.monotonic())
    try:
        record = extract(gathered.resources, terminology=knowledge.terminology, as_of=as_of, hook=call.hook, unread=gathered.unread)
        world = knowledge.evaluator.solve(record, Budget())
        evaluation: Evaluation = knowledge.evaluator.speaker.evaluation(world)
    except Exception:  # noqa: BLE001 - the cards are shown all the same; the service has told about it when it was asked
        return Why({}, ())
    values = {reference_of(one): value_of(one) for one in elements([one.resource for one in gathered.resources])}
    teller = _Teller(knowledge, values)
    return Why(
        {one.rule.id: teller.finding(one, trace(knowledge.evaluator, world, one)) for one in evaluation.findings}, evaluation.not_checked
    )


@dataclass(frozen=True, slots=True)
class _Teller:
    """Says steps and facts in words; `values` are those of the results in the record, by reference."""

    knowledge: Knowledge
    values: Mapping[str, str]

    def finding(self, finding: Finding, step: Step) -> WhyNode:
        said = "asks" if finding.asks else "fires"
        return WhyNode("rule", finding.title, f"{said}: {finding.rule.id}", f"/rules/{finding.rule.id}", self.before(step))

    def before(self, step: Step) -> tuple[WhyNode, ...]:
        return (*map(self.fact, step.facts), *map(self.step, step.after))

    def step(self, step: Step) -> WhyNode:
        rule = self.knowledge.rule(step.rule)
        concluded = f"concludes {step.concluded.partition(':')[2].replace('-', ' ')}"
        return WhyNode("rule", rule.title if rule else step.rule, concluded, f"/rules/{step.rule}", self.before(step))

    def fact(self, fact: Because) -> WhyNode:
        measured = self.values.get(fact.resource or "", "") if fact.fact.startswith("lab:") else ""
        said = f"{self.knowledge.in_words(fact.fact)} {measured}".strip()
        where = (
            date_in_words(fact.fact, fact.date),
            fact.resource,
            "by its name only" if fact.by_name else "",
            f"{fact.more} more" if fact.more else "",
        )
        return WhyNode("fact", said, ", ".join(part for part in where if part))
