"""Why a rule spoke or stayed silent about one patient, condition by condition, in the words of `nmcds explain`."""

from __future__ import annotations

from collections.abc import Iterator

from rules.explain import Explainer, Reasons
from rules.findings import Finding
from rules.knowledge import Knowledge
from rules.model import All, Any_, AtLeast, Branch, Derived, Leaf, Node, Not, Rule
from rules.words import Words
from rules.world import World

__all__ = ["decision"]


def decision(knowledge: Knowledge, rule: Rule, world: World, finding: Finding | None) -> tuple[str, ...]:
    """Lines for a reviewer: of each branch that did not fire what stood against it, of each that did what it rests on.

    `rule` must be one that speaks in `knowledge`; `finding` is what it said, None when it was silent.
    """
    return tuple(_lines(_Judge(knowledge, world), rule, finding))


def _lines(judge: _Judge, rule: Rule, finding: Finding | None) -> Iterator[str]:
    world = judge.world
    person = world.record.person
    if person is not None and person.deceased:
        yield "the patient has died: no rule speaks"
    hook = world.record.hook
    if hook not in rule.hooks and hook != "problem-list-item-create":
        yield f"the rule does not speak at {hook}; its hooks: {', '.join(sorted(rule.hooks)) or 'none'}"
    for branch in rule.branches:
        yield from judge.branch("" if len(rule.branches) == 1 else f"branch {branch.id}: ", branch)
    if finding is None:
        return
    shown = {one.label for one in finding.suggestions}
    for held in finding.withheld:
        yield f"withheld: {held.what}, by rule {held.rule}: {held.reason}"
    for proposal in rule.card.proposals if rule.card else ():
        if proposal.label in shown:
            continue
        if proposal.branches and not proposal.branches & set(finding.branches):
            yield f"not proposed: {proposal.label}: belongs to branch {' or '.join(sorted(proposal.branches))}"
        elif proposal.when is not None:
            for line in judge.against(proposal.when):
                yield f"not proposed: {proposal.label}: {line}"


class _Judge:
    """One world, in words."""

    def __init__(self, knowledge: Knowledge, world: World) -> None:
        self.knowledge = knowledge
        self.explainer: Explainer = knowledge.evaluator.explainer
        self.world = world

    def branch(self, name: str, branch: Branch) -> Iterator[str]:
        """What stood against the branch; when nothing did, the facts that made it hold."""
        barriers = [line for part in branch.include.parts for line in self.against(part)]
        barriers += [f"stopped by: {self.say(node)}" for node in branch.unless if self.explainer.truth(node, self.world)]
        for line in barriers:
            yield name + line
        open_ones = [node for node in branch.unless if self.explainer.truth(node, self.world) is None]
        for node in open_ones:
            yield f"{name}could not be ruled out: {self.say(node)}{self.missing(node)}"
        if not barriers:
            reasons = Reasons()
            self.explainer.why(branch.include, self.world, reasons)
            facts = [self.knowledge.in_words(one.fact) + (f" ({one.resource})" if one.resource else "") for one in reasons.because]
            yield f"{name}{'asks' if branch.ask else 'holds'}, because of {'; '.join(facts) or 'nothing that is recorded'}"

    def against(self, node: Node) -> Iterator[str]:
        """The conditions that keep `node` from holding, the single ones where they alone do."""
        truth = self.explainer.truth(node, self.world)
        if truth:
            return
        if isinstance(node, All):
            for part in node.parts:
                yield from self.against(part)
            return
        yield f"{'no' if truth is False else 'unknown'}: {self.say(node)}{self.missing(node) if truth is None else self.concluded_by(node)}"

    def say(self, node: Node) -> str:
        """A condition on one line."""
        said = Words(self.knowledge.terminology, self.knowledge.site.thresholds).say(node)
        inner = "; ".join(one.text for one in said.parts)
        return f"{said.text} {inner}" if inner else said.text

    def missing(self, node: Node) -> str:
        """What is missing where `node` is only possible."""
        reasons = Reasons()
        self.explainer.gaps(node, self.world, reasons)
        gaps = dict.fromkeys(f"{self.knowledge.in_words(gap.what)}: {gap.why}" for gap in reasons.missing)
        return f" [missing: {'; '.join(gaps)}]" if gaps else ""

    def concluded_by(self, node: Node) -> str:
        """The rules that conclude what a condition reads."""
        found: dict[str, None] = {}
        waiting = [node]
        while waiting:
            match waiting.pop():
                case Derived("fact" | "blocked" as kind, name):
                    found.update(dict.fromkeys(one.rule.id for one in self.explainer.makers(f"{kind}:{name}")))
                case Not(part):
                    waiting.append(part)
                case All(parts) | Any_(parts) | AtLeast(_, parts):
                    waiting += parts
                case Leaf() | Derived():
                    pass
        return f" [concluded by: {', '.join(list(found)[:5])}]" if found else ""
