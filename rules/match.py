"""Match a record: a verdict for every coded condition, and the propositions that are sure or possible before the engine chains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from rules.compile import Producer
from rules.engine.differing import Differing
from rules.engine.interface import ORDINARY, Budget
from rules.facts import Presence, Record
from rules.model import Leaf, Rule
from rules.patterns import Pattern, RecordIndex, Verdict
from rules.patterns.base import ABSENT, PRESENT
from rules.patterns.drugs import is_about_orders
from rules.reach import Reach

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
    """Holds the conditions and, per condition, the verdict for a completely read record without any of its concepts.

    With `rules`, and by conclusion the branches that draw it, only what the rules ask that a record can reach is judged at once.
    """

    def __init__(
        self,
        leaves: Mapping[Leaf, str],
        patterns: Mapping[Leaf, Pattern],
        rules: Iterable[Rule] | None = None,
        producers: Mapping[str, tuple[Producer, ...]] | None = None,
    ) -> None:
        shared: dict[int, tuple[Pattern, list[tuple[Leaf, str]]]] = {}
        for leaf, prop in leaves.items():
            pattern = patterns[Leaf(leaf.table, leaf.lifelong)]
            shared.setdefault(id(pattern), (pattern, []))[1].append((leaf, prop))
        self.asked = [_Asked(pattern, tuple(found), tuple(prop for _, prop in found)) for pattern, found in shared.values()]
        self.numbers = {leaf: number for number, one in enumerate(self.asked) for leaf, _ in one.leaves}
        self.always = frozenset(number for number, one in enumerate(self.asked) if one.pattern.triggers is None)
        self.by_concept: dict[str, list[int]] = {}
        self.by_order: dict[str, list[int]] = {}
        self.by_type: dict[str, list[int]] = {}
        for number, one in enumerate(self.asked):
            table = self.by_order if is_about_orders(one.pattern) else self.by_concept
            for concept in one.pattern.triggers or ():
                table.setdefault(concept, []).append(number)
            for name in one.pattern.reads:
                self.by_type.setdefault(name, []).append(number)
        self.blank, self._quietly_sure, self._quietly_possible = self._nothing()
        gates = {leaf: self._often(leaf) for leaf, verdict in self.blank.items() if verdict.presence is Presence.ABSENT}
        self.reach = None if rules is None else Reach(rules, producers or {}, self.numbers, gates)

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
        unread -= reached
        verdicts = _Verdicts(self, index, reached, unread)
        wanted = verdicts.touched if self.reach is None else verdicts.touched & self.reach.needed(verdicts.touched)
        return self._judge(wanted, verdicts, budget)

    def _judge(self, wanted: Set[int], verdicts: _Verdicts, budget: Budget) -> Matched:
        """Judge these conditions, each with all that ask for it."""
        touched: set[str] = set()
        present: set[str] = set()
        unknown: set[str] = set()
        for count, number in enumerate(wanted):
            one = self.asked[number]
            if not count % CHECKED_EVERY:
                budget.check()
            base = verdicts.of(number)
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

    def _often(self, leaf: Leaf) -> float:
        """How often records touch a condition: the more concepts do, the oftener; few calls have orders, and all patients vital signs."""
        pattern = self.asked[self.numbers[leaf]].pattern
        return len(pattern.triggers or ()) * (0.1 if is_about_orders(pattern) else 10 if "Observation" in pattern.reads else 1)

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
    """The verdicts of one record. Those of conditions that it does not touch are those of the blank record and are not copied; a
    condition that it touches and that no rule within reach asks is judged when somebody asks all the same."""

    __slots__ = ("_index", "_matcher", "_reached", "touched")

    def __init__(self, matcher: Matcher, index: RecordIndex, reached: Set[int], unread: Set[int]) -> None:
        """`reached`: conditions with a concept on record, or without any; `unread`: others of which not all could be read."""
        super().__init__()
        self._matcher = matcher
        self._index = index
        self._reached = reached
        self.touched = reached | unread

    def of(self, number: int) -> Verdict:
        """The verdict of a condition that is touched, before `is`."""
        pattern = self._matcher.asked[number].pattern
        return pattern.match(self._index) if number in self._reached else pattern.quiet(self._index)

    def __missing__(self, leaf: Leaf) -> Verdict:
        number = self._matcher.numbers[leaf]
        if number not in self.touched:
            return self._matcher.blank[leaf]
        verdict = self[leaf] = _answered(self.of(number), leaf.answers)
        return verdict


def _answered(verdict: Verdict, answers: frozenset[str]) -> Verdict:
    """Apply `is`: the answer becomes two-valued."""
    if not answers:
        return verdict
    holds = verdict.presence in answers
    if not verdict.support and not (holds and verdict.missing):
        return PRESENT if holds else ABSENT
    return Verdict(Presence.PRESENT if holds else Presence.ABSENT, verdict.support, verdict.missing if holds else ())
