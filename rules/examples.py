"""One example for every active rule: a vignette on which it must speak, or, for a rule without a card, conclude.

A rule with a card has its own first vignette that fires. A rule without a card has no vignettes; it is seen at work in those of others,
first of the rules that build on it. The live canary of the service runs these (`cds_hooks.canary`).
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.check import record_of
from rules.engine.interface import Budget
from rules.findings import Evaluation
from rules.knowledge import Knowledge
from rules.model import Rule, Vignette
from rules.rule_file import KnowledgeError

__all__ = ["Examples"]


class Examples:
    """The vignettes of loaded rules and how to run one."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._watched = [rule for rule in knowledge.rules if rule.id not in knowledge.site.unwatched]
        self._above: dict[str, list[Rule]] = {rule.id: [] for rule in self._watched if rule.card is None}
        for rule in knowledge.rules:
            for name in knowledge.compiled.below(rule) & self._above.keys():
                self._above[name].append(rule)
        self._facts = {
            rule.id: {f"fact:{name}" for branch in rule.branches for name in branch.concludes}
            | {f"blocked:{name}" for branch in rule.branches for name in branch.blocks}
            for rule in self._watched
            if rule.card is None
        }

    @property
    def speaking(self) -> Iterator[tuple[str, Vignette | None]]:
        """Rules with a card, each with the vignette on which it speaks, None when its file has none that can be read."""
        return ((rule.id, next(_firing(rule), None)) for rule in self._watched if rule.card is not None)

    @property
    def concluding(self) -> Iterator[tuple[str, Iterator[Vignette]]]:
        """Rules without a card, each with vignettes of other rules of which some must show it at work."""
        return ((name, (vignette for rule in rules for vignette in _firing(rule))) for name, rules in self._above.items())

    def run(self, vignette: Vignette) -> tuple[Evaluation, frozenset[str]]:
        """The findings, and the rules without a card that concluded something. Raises EngineError as any evaluation does."""
        evaluator = self._knowledge.evaluator
        world = evaluator.solve(record_of(self._knowledge, vignette), Budget())
        concluded = frozenset(name for name, facts in self._facts.items() if not facts.isdisjoint(world.sure))
        return evaluator.speaker.evaluation(world), concluded


def _firing(rule: Rule) -> Iterator[Vignette]:
    try:
        yield from (vignette for vignette in rule.vignettes if vignette.expect == "fires")
    except KnowledgeError:  # a file that was changed after its tests: the rule counts as silent
        return
