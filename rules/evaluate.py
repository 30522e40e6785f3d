"""One record in, findings out: match patterns, chain in the engine, then say what fired, why, and what could not be checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from rules.compile import Compiled
from rules.engine.interface import Budget, Engine
from rules.explain import Explainer
from rules.facts import Presence, Record
from rules.findings import Evaluation
from rules.model import Leaf, Rule
from rules.patterns import Pattern, RecordIndex, Verdict
from rules.speak import Speaker
from rules.terminology import Terminology
from rules.world import World

__all__ = ["Evaluator"]


class Evaluator:
    """Holds the compiled rules and, per pattern, the verdict for a record without any of its concepts."""

    def __init__(
        self, rules: tuple[Rule, ...], compiled: Compiled, patterns: Mapping[Leaf, Pattern], terminology: Terminology, engine: Engine
    ) -> None:
        self.rules = rules
        self.compiled = compiled
        self.engine = engine
        self.explainer = Explainer(compiled)
        self.speaker = Speaker(rules, compiled, self.explainer, terminology)
        self.entries = [(leaf, prop, patterns[Leaf(leaf.table, leaf.lifelong)]) for leaf, prop in compiled.leaves.items()]
        self.always = [number for number, (_, _, pattern) in enumerate(self.entries) if pattern.triggers is None]
        self.by_concept: dict[str, list[int]] = {}
        for number, (_, _, pattern) in enumerate(self.entries):
            for concept in pattern.triggers or ():
                self.by_concept.setdefault(concept, []).append(number)
        self.blank_verdicts, self.blank_sure, self.blank_possible = self.blank()

    def evaluate(self, record: Record, budget: Budget) -> Evaluation:
        """Findings for one record; raises EngineError."""
        if record.person is not None and record.person.deceased:
            return Evaluation((), (), False)
        world = self.solve(record, budget)
        return self.speaker.evaluation(world)

    def solve(self, record: Record, budget: Budget) -> World:
        """Match, then chain."""
        index = RecordIndex(record)
        touched = set(self.always)
        for concept in index.concepts:
            touched.update(self.by_concept.get(concept, ()))
        if record.unread:
            gaps = record.unread.keys()
            touched.update(number for number, (_, _, pattern) in enumerate(self.entries) if not gaps.isdisjoint(pattern.reads))
        verdicts = dict(self.blank_verdicts)
        sure, possible = set(self.blank_sure), set(self.blank_possible)
        done: dict[int, Verdict] = {}
        for number in touched:
            leaf, prop, pattern = self.entries[number]
            base = done.get(id(pattern))
            if base is None:
                reached = pattern.triggers is None or not pattern.triggers.isdisjoint(index.concepts)
                base = done[id(pattern)] = pattern.match(index) if reached else pattern.quiet(index)
            verdict = _answered(base, leaf.answers)
            verdicts[leaf] = verdict
            _note(verdict, prop, sure, possible)
        outcome = self.engine.run(frozenset(sure), frozenset(possible), budget)
        return World(record, verdicts, outcome.sure, outcome.possible)

    def blank(self) -> tuple[dict[Leaf, Verdict], frozenset[str], frozenset[str]]:
        """Verdicts of all coded conditions on a completely read record that holds none of their concepts."""
        index = RecordIndex(Record(as_of=datetime(2000, 1, 1, tzinfo=UTC), hook=""))
        verdicts: dict[Leaf, Verdict] = {}
        sure: set[str] = set()
        possible: set[str] = set()
        for leaf, prop, pattern in self.entries:
            if pattern.triggers is not None:
                verdicts[leaf] = _answered(pattern.quiet(index), leaf.answers)
                _note(verdicts[leaf], prop, sure, possible)
        return verdicts, frozenset(sure), frozenset(possible)


def _answered(verdict: Verdict, answers: frozenset[str]) -> Verdict:
    """Apply `is`: the answer becomes two-valued."""
    if not answers:
        return verdict
    holds = verdict.presence.value in answers
    return Verdict(Presence.PRESENT if holds else Presence.ABSENT, verdict.support, verdict.missing if holds else ())


def _note(verdict: Verdict, prop: str, sure: set[str], possible: set[str]) -> None:
    sure.discard(prop)
    possible.discard(prop)
    if verdict.presence is Presence.PRESENT:
        sure.add(prop)
        possible.add(prop)
    elif verdict.presence is Presence.UNKNOWN:
        possible.add(prop)
