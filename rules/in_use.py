"""Drugs that a patient takes although a rule blocks them for this patient, for counting."""

from __future__ import annotations

from rules.engine.interface import Budget
from rules.facts import Presence, Record
from rules.knowledge import Knowledge
from rules.patterns import RecordIndex
from rules.patterns.base import Context, Pattern
from rules.patterns.drugs import build_drug

__all__ = ["BlockedInUse"]

FACT = "med:"


class BlockedInUse:
    """The block of every rule (`blocks`) against the condition `med` of the same drugs: active now, as rules mean it."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        context = Context(knowledge.terminology, knowledge.site.thresholds, lifelong=False)
        self._patterns: dict[str, Pattern] = {
            block: build_drug(context, {"med": block.removeprefix("blocked:")}, mode="med") for block in knowledge.compiled.blocks
        }

    def of(self, record: Record, budget: Budget) -> tuple[str, ...]:
        """Concept ids, sorted; only what is surely blocked and surely taken. Raises EngineError."""
        if not record.medications:
            return ()
        index = RecordIndex(record)
        world = None
        found: set[str] = set()
        for block, pattern in self._patterns.items():
            verdict = pattern.match(index)
            if verdict.presence is not Presence.PRESENT:
                continue
            world = world or self._knowledge.evaluator.solve(record, budget)
            if world.truth(block):
                found |= {one.fact.removeprefix(FACT) for one in verdict.support if one.fact.startswith(FACT)}
        return tuple(sorted(found))
