"""Match a record: a verdict for every coded condition, and the propositions that are sure or possible before the engine chains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rules.facts import Presence, Record
from rules.model import Leaf
from rules.patterns import Pattern, RecordIndex, Verdict

__all__ = ["Matched", "Matcher"]


@dataclass(frozen=True, slots=True)
class Matched:
    """Verdicts, and the propositions of those that are present (`sure`) or not absent (`possible`)."""

    verdicts: Mapping[Leaf, Verdict]
    sure: frozenset[str]
    possible: frozenset[str]


class Matcher:
    """Holds the conditions and, per condition, the verdict for a completely read record without any of its concepts."""

    def __init__(self, leaves: Mapping[Leaf, str], patterns: Mapping[Leaf, Pattern]) -> None:
        self.entries = [(leaf, prop, patterns[Leaf(leaf.table, leaf.lifelong)]) for leaf, prop in leaves.items()]
        self.always = [number for number, (_, _, pattern) in enumerate(self.entries) if pattern.triggers is None]
        self.by_concept: dict[str, list[int]] = {}
        self.by_type: dict[str, list[int]] = {}
        for number, (_, _, pattern) in enumerate(self.entries):
            for concept in pattern.triggers or ():
                self.by_concept.setdefault(concept, []).append(number)
            for name in pattern.reads:
                self.by_type.setdefault(name, []).append(number)
        self._blank = self._nothing()

    def match(self, record: Record) -> Matched:
        """Judge the conditions that the record can touch; the others are as on a blank record."""
        index = RecordIndex(record)
        touched = set(self.always)
        for concept in index.concepts:
            touched.update(self.by_concept.get(concept, ()))
        for name in record.unread:
            touched.update(self.by_type.get(name, ()))
        return self._judge(touched, index)

    def _judge(self, touched: set[int], index: RecordIndex) -> Matched:
        verdicts = dict(self._blank.verdicts)
        sure, possible = set(self._blank.sure), set(self._blank.possible)
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
        return Matched(verdicts, frozenset(sure), frozenset(possible))

    def _nothing(self) -> Matched:
        """Verdicts of all coded conditions on a completely read record that holds none of their concepts."""
        index = RecordIndex(Record(as_of=datetime(2000, 1, 1, tzinfo=UTC), hook=""))
        verdicts: dict[Leaf, Verdict] = {}
        sure: set[str] = set()
        possible: set[str] = set()
        for leaf, prop, pattern in self.entries:
            if pattern.triggers is not None:
                verdicts[leaf] = _answered(pattern.quiet(index), leaf.answers)
                _note(verdicts[leaf], prop, sure, possible)
        return Matched(verdicts, frozenset(sure), frozenset(possible))


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
