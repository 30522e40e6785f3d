"""Match a record: a verdict for every coded condition, and the propositions that are sure or possible before the engine chains."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from rules.engine.differing import Differing
from rules.engine.interface import ORDINARY, Budget
from rules.facts import Presence, Record
from rules.model import Leaf
from rules.patterns import Pattern, RecordIndex, Verdict
from rules.patterns.base import ABSENT, PRESENT
from rules.patterns.drugs import is_about_orders

__all__ = ["Matched", "Matcher"]

CHECKED_EVERY = 16  # conditions between two looks at the clock


@dataclass(frozen=True, slots=True)
class Matched:
    """Verdicts, and the propositions of those that are present (`sure`) or not absent (`possible`)."""

    verdicts: Mapping[Leaf, Verdict]
    sure: Set[str]
    possible: Set[str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One pattern and the conditions that read it, each with its proposition: several differ in `is` alone."""

    pattern: Pattern
    leaves: tuple[tuple[Leaf, str], ...]
    props: tuple[str, ...]


class Matcher:
    """Holds the conditions and, per condition, the verdict for a completely read record without any of its concepts."""

    def __init__(self, leaves: Mapping[Leaf, str], patterns: Mapping[Leaf, Pattern]) -> None:
        shared: dict[int, tuple[Pattern, list[tuple[Leaf, str]]]] = {}
        for leaf, prop in leaves.items():
            pattern = patterns[Leaf(leaf.table, leaf.lifelong)]
            shared.setdefault(id(pattern), (pattern, []))[1].append((leaf, prop))
        self.asked = [_Asked(pattern, tuple(found), tuple(prop for _, prop in found)) for pattern, found in shared.values()]
        self.always = [number for number, one in enumerate(self.asked) if one.pattern.triggers is None]
        self.by_concept: dict[str, list[int]] = {}
        self.by_order: dict[str, list[int]] = {}
        self.by_type: dict[str, list[int]] = {}
        for number, one in enumerate(self.asked):
            table = self.by_order if is_about_orders(one.pattern) else self.by_concept
            for concept in one.pattern.triggers or ():
                table.setdefault(concept, []).append(number)
            for name in one.pattern.reads:
                self.by_type.setdefault(name, []).append(number)
        self._quiet, self._quietly_sure, self._quietly_possible = self._nothing()

    def match(self, record: Record, budget: Budget = ORDINARY) -> Matched:
        """Judge the conditions that the record can touch; the others are as on a blank record. Raises EngineError("deadline")."""
        index = RecordIndex(record)
        reached = set(self.always)
        for concept in index.concepts:
            reached.update(self.by_concept.get(concept, ()))
        for concept in index.orders:
            reached.update(self.by_order.get(concept, ()))
        unread: set[int] = set()
        for name in record.unread:
            unread.update(self.by_type.get(name, ()))
        return self._judge(reached, unread - reached, index, budget)

    def _judge(self, reached: set[int], unread: set[int], index: RecordIndex, budget: Budget) -> Matched:
        """Match the conditions that were `reached`; of the `unread` ones the record has no concept, and not all of it could be read."""
        verdicts = _Verdicts(self._quiet)
        touched: set[str] = set()
        present: set[str] = set()
        unknown: set[str] = set()
        for count, number in enumerate((*reached, *unread)):
            one = self.asked[number]
            if not count % CHECKED_EVERY:
                budget.check()
            base = one.pattern.match(index) if count < len(reached) else one.pattern.quiet(index)
            touched.update(one.props)
            for leaf, prop in one.leaves:
                verdict = verdicts[leaf] = _answered(base, leaf.answers) if leaf.answers else base
                if verdict.presence is Presence.PRESENT:
                    present.add(prop)
                elif verdict.presence is Presence.UNKNOWN:
                    unknown.add(prop)
        sure, possible = Differing(self._quietly_sure), Differing(self._quietly_possible)
        sure.decide(touched, present)
        possible.decide(touched, present | unknown)
        return Matched(verdicts, sure, possible)

    def _nothing(self) -> tuple[dict[Leaf, Verdict], frozenset[str], frozenset[str]]:
        """Verdicts of all coded conditions on a completely read record without any of their concepts; what is sure then, and possible."""
        index = RecordIndex(Record(as_of=datetime(2000, 1, 1, tzinfo=UTC), hook=""))
        verdicts: dict[Leaf, Verdict] = {}
        held: list[tuple[str, Presence]] = []
        for one in self.asked:
            if one.pattern.triggers is not None:
                quiet = one.pattern.quiet(index)
                for leaf, prop in one.leaves:
                    verdicts[leaf] = _answered(quiet, leaf.answers)
                    held.append((prop, verdicts[leaf].presence))
        sure = frozenset(prop for prop, presence in held if presence is Presence.PRESENT)
        return verdicts, sure, sure | {prop for prop, presence in held if presence is Presence.UNKNOWN}


class _Verdicts(dict[Leaf, Verdict]):
    """The verdicts of one record; a condition that it does not touch has the one of the blank record, which is not copied."""

    __slots__ = ("_blank",)

    def __init__(self, blank: Mapping[Leaf, Verdict]) -> None:
        super().__init__()
        self._blank = blank

    def __missing__(self, leaf: Leaf) -> Verdict:
        return self._blank[leaf]


def _answered(verdict: Verdict, answers: frozenset[str]) -> Verdict:
    """Apply `is`: the answer becomes two-valued."""
    if not answers:
        return verdict
    holds = verdict.presence in answers
    if not verdict.support and not (holds and verdict.missing):
        return PRESENT if holds else ABSENT
    return Verdict(Presence.PRESENT if holds else Presence.ABSENT, verdict.support, verdict.missing if holds else ())
