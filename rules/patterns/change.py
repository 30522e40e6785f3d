"""The change of a measurement: its latest value against an earlier one. Without two values it is unknown, never steady."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from itertools import pairwise

from rules.facts import Presence
from rules.fhir_date import Duration, FhirDate
from rules.findings import NotChecked
from rules.patterns.base import ABSENT, Context, Names, PatternError, Support, Truth, Verdict, both, gaps
from rules.patterns.index import RecordIndex
from rules.patterns.labs import DISAGREE, newest, series
from rules.patterns.when import Window, duration

__all__ = ["CHANGE_QUALIFIERS", "change"]

BOUNDS = (
    "fall_at_least",
    "fall_percent_at_least",
    "fall_per_month_at_least",
    "rise_at_least",
    "rise_percent_at_least",
    "rise_percent_above",
)
CHANGE_QUALIFIERS = {"is", "over", "within", "apart", "unit", "from", "absolute", *BOUNDS}
MONTH = Decimal(2629800)  # seconds: a twelfth of 365.25 days


@dataclass(frozen=True, slots=True)
class Value:
    """One dated amount of the series."""

    concept: str
    ref: str
    when: FhirDate
    amount: Decimal

    @property
    def begins(self) -> datetime:
        """The first moment it may have been taken."""
        return self.when.start

    @property
    def ends(self) -> datetime:
        """The last moment it may have been taken."""
        return self.when.end


@dataclass(frozen=True, slots=True)
class Change:
    """The latest value against an earlier one: nearest to the stated time before, the highest or the lowest inside it, or its nadir: the
    lowest value inside it that was no higher than the value before it (improved or stable first). `step`: each value of the window against
    the one before it."""

    label: str
    names: Names
    over: Duration | None
    window: Window
    unit: str | None
    bounds: tuple[tuple[str, Decimal], ...]
    start: str
    absolute: bool
    apart: Duration | None = None
    reads: tuple[str, ...] = ("Observation",)

    @property
    def triggers(self) -> Names:
        """The measurements asked for."""
        return self.names

    def quiet(self, index: RecordIndex) -> Verdict:
        """Without two values the change is unknown."""
        missing = gaps(index, self.reads) or (NotChecked(f"change:{self.label}", "no earlier and later value to compare", "Observation"),)
        return Verdict(Presence.UNKNOWN, missing=missing)

    def values(self, index: RecordIndex) -> list[Value]:
        """The series in one unit, newest first; undated values left out."""
        found = []
        for fact in series(index, self.names):
            amount = fact.value.convert(self.unit) if fact.value and self.unit else fact.value
            if amount is not None and fact.when is not None:
                number = abs(amount.value) if self.absolute else amount.value
                found.append(Value(min(fact.concepts & self.names), fact.ref, fact.when, number))
        return found

    def earlier(self, later: Value, values: list[Value]) -> list[Value]:
        """The value to compare with; several when they are of one time."""
        before = [value for value in values if value.ends < later.begins]
        horizon = self.over.before(later.begins) if self.over else datetime.min.replace(tzinfo=UTC)
        if self.start != "nearest" or self.apart:
            before = [value for value in before if value.ends >= horizon]
        if self.apart:
            latest = self.apart.before(later.ends)
            return newest(value for value in before if value.begins <= latest)
        if self.start == "nadir":
            before = [after for after, first in pairwise(before) if after.amount <= first.amount]
        if self.start != "nearest":
            extreme = max if self.start == "highest" else min
            return [extreme(before, key=lambda value: value.amount)] if before else []
        nearest = min(before, key=lambda value: abs(value.begins - horizon), default=None)
        return [value for value in before if nearest and value.begins == nearest.begins]

    def match(self, index: RecordIndex) -> Verdict:
        """Compare two results: the latest with an earlier one, or each of the window with the one before it."""
        values = self.values(index)
        recent = [value for value in values if not self.window.within or self.window.holds(value.when, index.record)]
        stepwise = self.start == "step"
        unread = {fact.ref for fact in newest(series(index, self.names))} - {value.ref for value in values}
        if not values or values[0] not in recent or (unread and not stepwise):
            return self.quiet(index)
        pairs = steps(recent, values) if stepwise else [(one, other) for one in newest(recent) for other in self.earlier(one, values)]
        compared = [self.compare(later, older, index) for later, older in pairs]
        verdicts = {one.presence: one for one in reversed(compared)}
        if len(verdicts) > 1 and not stepwise:
            return Verdict(Presence.UNKNOWN, missing=(NotChecked(f"change:{self.label}", DISAGREE, "Observation", on_file=True),))
        found = verdicts.get(Presence.PRESENT) or verdicts.get(Presence.UNKNOWN) or verdicts.get(Presence.ABSENT)
        return found or self.quiet(index)

    def compare(self, later: Value, older: Value, index: RecordIndex) -> Verdict:
        """One value against an earlier one."""
        fall = older.amount - later.amount
        months = Decimal((later.begins - older.begins).total_seconds()) / MONTH
        amounts = {"percent": fall * 100 / older.amount if older.amount else None, "month": fall / months if months else None}
        tests: list[Truth] = []
        for name, limit in self.bounds:
            sign = 1 if name.startswith("fall") else -1
            changed = next((amount for word, amount in amounts.items() if word in name), fall)
            if changed is None:
                tests.append(None)
            else:
                amount = rounded(changed * sign)
                tests.append(amount > limit if name.endswith("above") else amount >= limit)
        truth = both(tests)
        if truth is None:
            return self.quiet(index)
        if not truth:
            return ABSENT
        return Verdict(Presence.PRESENT, tuple(Support(f"change:{later.concept}", value.ref, value.when.text) for value in (later, older)))


def rounded(amount: Decimal) -> Decimal:
    """Without the last digits: values converted from another unit are rounded there, and whether a change is exactly 30 % must not depend
    on the unit."""
    with localcontext() as context:
        context.prec = 12
        return +amount


def steps(later: list[Value], values: list[Value]) -> list[tuple[Value, Value]]:
    """Each of `later` with the one before it among `values` (newest first), which ended before it began; without the first of all."""
    ends = [value.ends for value in reversed(values)]
    places = ((value, bisect_left(ends, value.begins)) for value in later)
    return [(value, values[-place]) for value, place in places if place]


def change(context: Context, table: Mapping[str, object]) -> Change:
    """Build a change condition; raises PatternError."""
    raw = table["change"]
    if "over" not in table and "apart" not in table and table.get("from") != "step":
        raise PatternError('change: expected `over = "92 days"`, `apart = "90 days"` or `from = "step"`')
    bounds = tuple((kind, Decimal(str(table[kind]))) for kind in BOUNDS if kind in table)
    if not bounds:
        raise PatternError(f"change: expected one of {', '.join(BOUNDS)}")
    unit, start = table.get("unit"), table.get("from", "nearest")
    if start not in ("nearest", "highest", "lowest", "nadir", "step"):
        raise PatternError(f"from: found {start!r}, expected nearest, highest, lowest, nadir or step")
    return Change(
        label=str(raw),
        names=context.names(raw),
        over=duration(context, table["over"]) if "over" in table else None,
        window=Window.build(context, table),
        unit=unit if isinstance(unit, str) else None,
        bounds=bounds,
        start=str(start),
        absolute=bool(table.get("absolute", False)),
        apart=duration(context, table["apart"]) if "apart" in table else None,
    )
