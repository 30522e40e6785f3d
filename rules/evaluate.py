"""One record in, findings out: match patterns, chain in the engine, then say what fired, why, and what could not be checked."""

from __future__ import annotations

from collections.abc import Mapping

from rules.compile import Compiled
from rules.engine.differing import Differing
from rules.engine.interface import ORDINARY, Budget, Engine
from rules.explain import Explainer
from rules.facts import Record
from rules.findings import Evaluation
from rules.match import Matcher
from rules.model import Rule
from rules.speak import Speaker
from rules.terminology import Terminology
from rules.world import World

__all__ = ["Evaluator"]


class Evaluator:
    """Holds the compiled rules, their conditions and the engine; never a patient."""

    def __init__(
        self,
        rules: tuple[Rule, ...],
        compiled: Compiled,
        matcher: Matcher,
        terminology: Terminology,
        engine: Engine,
        budgets: Mapping[str, int],
        unasked: Mapping[str, str],
    ) -> None:
        self.matcher = matcher
        self.engine = engine
        self.explainer = Explainer(compiled)
        self.speaker = Speaker(rules, compiled, self.explainer, terminology, budgets, unasked)

    def evaluate(self, record: Record, budget: Budget) -> Evaluation:
        """Findings for one record; raises EngineError."""
        return self.told(self.solve(record, budget), budget)

    def told(self, world: World, budget: Budget = ORDINARY) -> Evaluation:
        """Findings for a solved record; none for a person who died."""
        if world.record.person is not None and world.record.person.deceased:
            return Evaluation((), (), False)
        return self.speaker.evaluation(world, budget)

    def solve(self, record: Record, budget: Budget) -> World:
        """Match, then chain."""
        matched = self.matcher.match(record, budget)
        outcome = self.engine.run(matched.sure, matched.possible, budget)
        return World(record, matched.verdicts, Differing.of(outcome.sure), Differing.of(outcome.possible))
