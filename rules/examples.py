"""One example for every active rule: a vignette on which it must speak, or, for a rule without a card, conclude.

A rule with a card has its own first vignette that fires. A rule without a card has no vignettes; it is seen at work in those of others,
first of the rules that build on it. The live canary of the service runs these (`cds_hooks.canary`).
"""

from __future__ import annotations

from rules.check import record_of
from rules.engine.interface import Budget
from rules.findings import Evaluation
from rules.knowledge import Knowledge
from rules.model import Rule, Vignette

__all__ = ["Examples"]


class Examples:
    """The vignettes of loaded rules and how to run one. Nothing is copied: they are those that the rules hold."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        watched = [rule for rule in knowledge.rules if rule.id not in knowledge.site.unwatched]
        self.speaking: tuple[tuple[str, Vignette | None], ...] = tuple(
            (rule.id, next(iter(_firing(rule)), None)) for rule in watched if rule.card is not None
        )
        """Rules with a card, each with the vignette on which it speaks, None when its file has none."""
        above: dict[str, list[Rule]] = {rule.id: [] for rule in watched if rule.card is None}
        for rule in knowledge.rules:
            for name in knowledge.compiled.below(rule) & above.keys():
                above[name].append(rule)
        self.concluding: tuple[tuple[str, tuple[Vignette, ...]], ...] = tuple(
            (name, tuple(vignette for rule in rules for vignette in _firing(rule))) for name, rules in above.items()
        )
        """Rules without a card, each with vignettes of other rules of which some must show it at work."""
        self._facts = {
            rule.id: {f"fact:{name}" for branch in rule.branches for name in branch.concludes}
            | {f"blocked:{name}" for branch in rule.branches for name in branch.blocks}
            for rule in watched
            if rule.card is None
        }

    def run(self, vignette: Vignette) -> tuple[Evaluation, frozenset[str]]:
        """The findings, and the rules without a card that concluded something. Raises EngineError as any evaluation does."""
        evaluator = self._knowledge.evaluator
        world = evaluator.solve(record_of(self._knowledge, vignette), Budget())
        concluded = frozenset(name for name, facts in self._facts.items() if not facts.isdisjoint(world.sure))
        return evaluator.speaker.evaluation(world), concluded


def _firing(rule: Rule) -> tuple[Vignette, ...]:
    return tuple(vignette for vignette in rule.vignettes if vignette.expect == "fires")
