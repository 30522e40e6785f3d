"""Results: the latest value of a laboratory test, score or measurement, and computed values (a change: rules/patterns/change.py).

None on file is unknown, never normal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from rules.calculators import CALCULATORS
from rules.facts import UNREADABLE, Event, Observation, Presence
from rules.fhir_date import Duration, FhirDate
from rules.findings import NotChecked
from rules.patterns.base import ABSENT, Context, Names, PatternError, Support, Truth, Verdict, any_of, both, from_bool, gaps
from rules.patterns.diagnosis import YES
from rules.patterns.index import FINAL, MAYBE_FINAL, NO, RecordIndex
from rules.patterns.orders import completed
from rules.patterns.when import COMPARATORS, Comparison, Window, duration
from rules.quantity import Quantity

__all__ = ["CALC_QUALIFIERS", "DISAGREE", "LAB_QUALIFIERS", "calc", "lab", "newest", "series"]

LAB_QUALIFIERS = {
    "is",
    "within",
    "result",
    "answer",
    "unit",
    "same_limit",
    "upper_limits_above",
    "absolute",
    "future",
    "ahead",
    "about",
    "older_by",
    "before_first",
    "since_first",
    "later_than",
    "earlier_than",
    "earlier_by",
    "after_procedure",
    "after_procedure_within",
    "missing",
    *COMPARATORS,
}
CALC_QUALIFIERS = {"is", "within", "unit", *COMPARATORS}
NOT_ON_FILE = "not in the record"
DISAGREE = "results of one time disagree"


class Dated(Protocol):
    """What has a time, or none."""

    @property
    def when(self) -> FhirDate | None:
        """When it was measured."""


D = TypeVar("D", bound=Dated)


def series(index: RecordIndex, names: Names) -> tuple[Observation, ...]:
    """Final, amended or corrected results with a value, latest first; undated ones last; ties by reference. Future ones do not count.

    One whose status cannot be read may be final and the latest: it stands there without its value."""
    found = index.ordered.get(names)
    if found is None:
        now = index.record.as_of
        usable = [_understood(fact) for fact in index.pick(index.observations, names) if fact.status in MAYBE_FINAL and fact.valued]
        usable = [fact for fact in usable if fact.when is None or not fact.when.is_future(now)]
        dated = sorted((fact for fact in usable if fact.when), key=lambda fact: fact.ref)
        dated.sort(key=lambda fact: fact.when.end if fact.when else now, reverse=True)
        found = index.ordered[names] = (*dated, *sorted((fact for fact in usable if fact.when is None), key=lambda fact: fact.ref))
    return found


def _understood(fact: Observation) -> Observation:
    """The result; one whose status cannot be read as a result that says nothing."""
    if fact.status in FINAL:
        return fact
    nothing = frozenset[str]()
    return replace(fact, value=None, truth=None, date=None, answers=nothing, interpretation=nothing)


def newest(facts: Iterable[D]) -> list[D]:
    """The first of `facts`, which come latest first, and those that may be as new: of one instant, or of a day or month in which it was
    taken; without a date only beside others without one."""
    found: list[D] = []
    begins: datetime | None = None  # what ends before it is surely older
    for fact in facts:
        if begins is not None and (fact.when is None or fact.when.end < begins):
            break
        found.append(fact)
        if fact.when is not None:
            begins = max(fact.when.start, begins or fact.when.start)
    return found


@dataclass(frozen=True, slots=True)
class Lab:
    """LAB(x, window) / obs(x, window) with one test on the latest result."""

    label: str
    names: Names
    window: Window
    result: str | None = None
    answers: frozenset[str] = frozenset()
    comparison: Comparison | None = None
    upper_limits: Decimal | None = None
    future: bool = False
    ahead: Duration | None = None
    about: Names = frozenset()
    older_by: Duration | None = None
    before_first: Names = frozenset()
    since_first: Names = frozenset()
    later_than: Names = frozenset()
    earlier_than: Names = frozenset()
    earlier_by: Duration | None = None
    after_procedure: Names = frozenset()
    after_procedure_within: Duration | None = None
    nothing_is_absent: bool = False
    reads: tuple[str, ...] = ("Observation",)

    @property
    def triggers(self) -> Names:
        """The tests asked for."""
        return self.names

    def quiet(self, index: RecordIndex) -> Verdict:
        """Nothing on file is unknown, unless the rule says `missing = "absent"` and Observations were read."""
        unread = gaps(index, self.reads)
        if self.nothing_is_absent and not unread:
            return ABSENT
        missing = unread or (NotChecked(f"lab:{self.label}", NOT_ON_FILE, "Observation"),)
        return Verdict(Presence.UNKNOWN, missing=missing)

    def usable(self, index: RecordIndex) -> Iterator[Observation]:
        """The results inside the window, latest first; only those so much before the newest, or before the first of some findings."""
        limit = None
        latest = None
        if self.before_first:
            first = index.first_dose(self.before_first)
            limit = first.start if first else None
        for fact in series(index, self.names):
            if limit is not None and (fact.when is None or fact.when.start >= limit):
                continue
            if self.about and not self.about & (fact.focus | fact.body_sites):
                continue
            if self.older_by is not None:
                latest = latest or fact.when
                if latest is None or fact.when is None or fact.when.end > self.older_by.before(latest.end):
                    continue
            if self.earlier_by is not None and not index.earlier_than(fact.when, self.earlier_than, self.earlier_by):
                continue
            if self.window.holds(fact.when, index.record):
                yield fact

    def judge(self, fact: Observation, index: RecordIndex) -> Truth:
        """The test on one result; None when the result does not say."""
        if fact.status == UNREADABLE:
            return None
        tests: list[Truth] = []
        if self.result:
            tests.append(outcome(fact, self.result))
        if self.answers:
            tests.append(bool(fact.answers & self.answers) if fact.answers else None)
        if self.comparison:
            tests.append(self.comparison.of_quantity(fact.value))
        if self.upper_limits is not None:
            high = fact.high.convert(fact.value.unit) if fact.high and fact.value else None
            tests.append(None if high is None or fact.value is None else fact.value.value > high.value * self.upper_limits)
        if self.future:
            tests.append(None if fact.date is None else not fact.date.end < index.record.as_of)
        if self.ahead is not None:
            tests.append(None if fact.date is None else fact.date.start <= self.ahead.after(index.record.as_of))
        if self.since_first:
            tests.append(index.since_first_dose(fact.when, self.since_first))
        if self.later_than:
            tests.append(index.later_than(fact.when, self.later_than))
        if self.after_procedure_within is not None:
            tests.append(self.soon_after(fact.when, self.after_procedure_within, index))
        return both(tests)

    def soon_after(self, when: FhirDate | None, limit: Duration, index: RecordIndex) -> Truth:
        """Was it taken on the day of a completed procedure or at most `limit` later? None: a date is missing or too vague, or procedures
        could not be read."""
        truth = any_of(follows(when, event.when or event.end, limit) for event in self.procedures(index))
        return None if truth is False and index.unread(("Procedure",)) else truth

    def procedures(self, index: RecordIndex) -> tuple[Event, ...]:
        """The completed procedures of `after_procedure`."""
        found = index.pick(index.events, self.after_procedure)
        return tuple(event for event in found if event.kind == "procedure" and completed(event))

    def match(self, index: RecordIndex) -> Verdict:
        """Judge the latest result in the window."""
        facts = newest(self.usable(index))
        if not facts:
            return self.quiet(index)
        if self.window.within is not None and index.unread(self.reads):
            # An older result might not be the latest one; what we see may still be wrong.
            return self.quiet(index)
        judged = [(self.judge(fact, index), fact) for fact in facts]
        truths = {truth for truth, _ in judged}
        if self.result and len(truths) > 1:
            truths.discard(None)  # a bare number adds nothing to what the laboratory says of the same sample
        truth = truths.pop() if len(truths) == 1 else None
        if truth is None:
            why = DISAGREE if truths else "result not understood"
            unclear = (NotChecked(f"lab:{self.label}", why, "Observation", on_file=True),)
            return Verdict(Presence.UNKNOWN, missing=(gaps(index, ("Procedure",)) if self.after_procedure else ()) or unclear)
        if not truth:
            return ABSENT
        fact = next(fact for truth, fact in judged if truth)
        concept = min(fact.concepts & self.names)
        before = (
            Support(f"done:{min(event.concepts & self.after_procedure)}", event.ref, event.when.text if event.when else None)
            for event in self.procedures(index)
            if self.after_procedure_within and follows(fact.when, event.when or event.end, self.after_procedure_within)
        )
        return Verdict(from_bool(truth), (Support(f"lab:{concept}", fact.ref, fact.when.text if fact.when else None), *before))


def outcome(fact: Observation, wanted: str) -> Truth:
    """Positive, negative, high or low by interpretation, coded answer, or value against the laboratory's own limits.

    Never a bare number.
    """
    positive = bool(fact.interpretation & {"POS", "DET", "RR", "H", "HH", "A", "AA"} or fact.answers & (YES | {"detected", "reactive"}))
    negative = bool(fact.interpretation & {"NEG", "ND", "NR", "N"} or fact.answers & (NO | {"not-detected", "non-reactive"}))
    if fact.truth is not None:
        positive, negative = positive or fact.truth, negative or not fact.truth
    above: Truth = None
    below: Truth = None
    if fact.value is not None:
        high = fact.high.convert(fact.value.unit) if fact.high else None
        low = fact.low.convert(fact.value.unit) if fact.low else None
        above = fact.value.value > high.value if high else None
        below = fact.value.value < low.value if low else None
    if wanted in {"positive", "negative"}:
        if not positive and not negative and above is not None:
            positive, negative = above, not above
        if positive == negative:
            return None
        return positive if wanted == "positive" else negative
    flags = {"high": {"H", "HH", "HU"}, "low": {"L", "LL", "LU"}}[wanted]
    others = {"H", "HH", "HU", "L", "LL", "LU", "N"} - flags
    if fact.interpretation & flags:
        return True
    beyond = above if wanted == "high" else below
    return beyond if beyond is not None else (False if fact.interpretation & others else None)


def follows(when: FhirDate | None, done: FhirDate | None, limit: Duration) -> Truth:
    """Is `when` not before `done` and at most `limit` after it, whole days for dates? None when a date is missing or too vague."""
    if when is None or done is None:
        return None
    if when.end < done.start or when.start > limit.after(done.end):
        return False
    if {"year", "month"}.isdisjoint((when.precision, done.precision)):
        return True
    return True if when.start >= done.end and when.end <= limit.after(done.start) else None


def lab(context: Context, table: Mapping[str, object]) -> Lab:
    """Build LAB/obs; raises PatternError."""
    raw = table["lab"]
    result = table.get("result")
    if result not in (None, "positive", "negative", "high", "low"):
        raise PatternError(f"result: found {result!r}, expected positive, negative, high or low")
    answers = table.get("answer", [])
    words = [answers] if isinstance(answers, str) else answers
    if not isinstance(words, list):
        raise PatternError(f"answer: found {answers!r}, expected a list of answers")
    limits = table.get("upper_limits_above")
    if ("earlier_than" in table) != ("earlier_by" in table):
        raise PatternError("earlier_than: expected both earlier_than and earlier_by")
    if ("after_procedure" in table) != ("after_procedure_within" in table):
        raise PatternError("after_procedure: expected both after_procedure and after_procedure_within")
    if table.get("missing", "unknown") not in {"unknown", "absent"}:
        raise PatternError(f"missing: found {table['missing']!r}, expected unknown or absent")
    return Lab(
        nothing_is_absent=table.get("missing") == "absent",
        label=context.label(raw),
        names=context.names(raw),
        window=Window.build(context, table),
        result=str(result) if result else None,
        answers=frozenset(str(word) for word in words),
        comparison=Comparison.build(context, table),
        upper_limits=None if limits is None else Decimal(str(limits)),
        future=bool(table.get("future", False)),
        ahead=duration(context, table["ahead"]) if "ahead" in table else None,
        about=about(context, table["about"]) if "about" in table else frozenset(),
        older_by=duration(context, table["older_by"]) if "older_by" in table else None,
        before_first=context.names(table["before_first"]) if "before_first" in table else frozenset(),
        since_first=context.names(table["since_first"]) if "since_first" in table else frozenset(),
        later_than=context.names(table["later_than"]) if "later_than" in table else frozenset(),
        earlier_than=context.names(table["earlier_than"]) if "earlier_than" in table else frozenset(),
        earlier_by=duration(context, table["earlier_by"]) if "earlier_by" in table else None,
        after_procedure=context.names(table["after_procedure"]) if "after_procedure" in table else frozenset(),
        after_procedure_within=duration(context, table["after_procedure_within"]) if "after_procedure_within" in table else None,
    )


def about(context: Context, value: object) -> Names:
    """Body sites (answer words such as foot) and conditions that a result may be about; raises PatternError."""
    words = value if isinstance(value, list) else [value]
    sites = [word for word in words if isinstance(word, str) and context.terminology.answer_coding(word)]
    names = [word for word in words if word not in sites]
    return frozenset(sites) | (context.names(names) if names else frozenset())


@dataclass(frozen=True, slots=True)
class Calc:
    """A number that a guideline defines, computed by `rules.calculators`."""

    name: str
    comparison: Comparison | None
    window: Window
    triggers: Names | None
    reads: tuple[str, ...]

    def quiet(self, index: RecordIndex) -> Verdict:
        """Not computable."""
        return self.match(index)

    def match(self, index: RecordIndex) -> Verdict:
        """Compute, then compare."""
        key = (self.name, self.window.within)
        computed = index.computed.get(key)
        if computed is None:
            computed = index.computed[key] = CALCULATORS[self.name].compute(index, self.window)
        if computed.value is None:
            if key not in index.same:
                needs = tuple(NotChecked(f"calc:{self.name}", f"needs {name}", "Observation") for name in computed.needs)
                index.same[key] = Verdict(Presence.UNKNOWN, missing=gaps(index, self.reads) or needs)
            return index.same[key]
        values = (computed.value, *computed.others)
        unit, side = CALCULATORS[self.name].unit, computed.comparator
        held = [self.comparison is None or self.comparison.of_quantity(Quantity(value, unit, side)) for value in values]
        truths = set(held)
        if len(truths) > 1 or None in truths:
            why = DISAGREE if len(truths) > 1 else "the result gives a limit only"
            return Verdict(Presence.UNKNOWN, missing=(NotChecked(f"calc:{self.name}", why, "Observation", on_file=True),))
        if truths != {True}:
            return ABSENT
        label = f"calc:{self.name}" + (" (proxy)" if computed.proxy else "")
        refs = computed.sources or ((None, None),)
        return Verdict(Presence.PRESENT, tuple(Support(label, ref, date) for ref, date in refs))


def calc(context: Context, table: Mapping[str, object]) -> Calc:
    """Build a computed condition; raises PatternError."""
    name = table["calc"]
    if not isinstance(name, str) or name not in CALCULATORS:
        raise PatternError(f"calc: found {name!r}, expected one of {', '.join(sorted(CALCULATORS))}")
    calculator = CALCULATORS[name]
    unit = table.get("unit", calculator.unit)
    if unit != calculator.unit:
        raise PatternError(f"calc {name}: found unit {unit!r}, expected {calculator.unit!r}")
    bounds = {key: value for key, value in table.items() if key != "unit"}
    return Calc(name, Comparison.build(context, bounds), Window.build(context, table), None, calculator.reads)
