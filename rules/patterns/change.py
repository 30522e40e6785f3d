"""The change of a measurement: its latest value against an earlier one. Without two values it is unknown, never steady."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from rules.facts import Presence
from rules.fhir_date import Duration, FhirDate
from rules.findings import NotChecked
from rules.patterns.base import ABSENT, Context, Names, PatternError, Support, Truth, Verdict, both, gaps
from rules.patterns.index import RecordIndex
from rules.patterns.labs import series
from rules.patterns.when import Window, duration

__all__ = ["CHANGE_QUALIFIERS", "change"]

CHANGE_QUALIFIERS = {
    "is", "over", "within", "apart", "unit", "from", "absolute",
    "fall_at_least", "fall_percent_at_least", "fall_per_month_at_least", "rise_at_least", "rise_percent_at_least",
}  # fmt: skip
BOUNDS = ("fall_at_least", "fall_percent_at_least", "fall_per_month_at_least", "rise_at_least", "rise_percent_at_least")
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
    lowest value inside it that was no higher than the value before it (improved or stable first)."""

    label: str
    names: Names
    over: Duration
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
        """The series in one unit, newest first; undated and future values left out."""
        found = []
        for fact in series(index, self.names):
            amount = fact.value.convert(self.unit) if fact.value and self.unit else fact.value
            if amount is not None and fact.when is not None and not fact.when.is_future(index.record.as_of):
                number = abs(amount.value) if self.absolute else amount.value
                found.append(Value(min(fact.concepts & self.names), fact.ref, fact.when, number))
        return found

    def earlier(self, newest: Value, values: list[Value]) -> Value | None:
        """The value to compare with."""
        before = [value for value in values if value.ends < newest.begins]
        horizon = self.over.before(newest.begins)
        if self.start != "nearest" or self.apart:
            before = [value for value in before if value.ends >= horizon]
        if self.apart:
            latest = self.apart.before(newest.ends)
            return next((value for value in before if value.begins <= latest), None)
        if self.start == "nadir":
            before = [later for later, first in pairwise(before) if later.amount <= first.amount]
            return min(before, key=lambda value: value.amount, default=None)
        if self.start == "highest":
            return max(before, key=lambda value: value.amount, default=None)
        if self.start == "lowest":
            return min(before, key=lambda value: value.amount, default=None)
        return min(before, key=lambda value: abs((value.begins - horizon).total_seconds()), default=None)

    def match(self, index: RecordIndex) -> Verdict:
        """Compare two results."""
        values = self.values(index)
        if not values or (self.window.within and not self.window.holds(values[0].when, index.record)):
            return self.quiet(index)
        newest = values[0]
        oldest = self.earlier(newest, values[1:])
        if oldest is None:
            return self.quiet(index)
        fall = oldest.amount - newest.amount
        months = Decimal((newest.begins - oldest.begins).total_seconds()) / MONTH
        amounts = {"percent": fall * 100 / oldest.amount if oldest.amount else None, "month": fall / months if months else None}
        tests: list[Truth] = []
        for name, limit in self.bounds:
            sign = 1 if name.startswith("fall") else -1
            changed = next((amount for word, amount in amounts.items() if word in name), fall)
            tests.append(None if changed is None else changed * sign >= limit)
        truth = both(tests)
        if truth is None:
            return self.quiet(index)
        if not truth:
            return ABSENT
        return Verdict(
            Presence.PRESENT, tuple(Support(f"change:{newest.concept}", value.ref, value.when.text) for value in (newest, oldest))
        )


def change(context: Context, table: Mapping[str, object]) -> Change:
    """Build a change condition; raises PatternError."""
    raw = table["change"]
    if "over" not in table:
        raise PatternError('change: expected `over = "92 days"`')
    bounds = tuple((kind, Decimal(str(table[kind]))) for kind in BOUNDS if kind in table)
    if not bounds:
        raise PatternError(f"change: expected one of {', '.join(BOUNDS)}")
    unit, start = table.get("unit"), table.get("from", "nearest")
    if start not in ("nearest", "highest", "lowest", "nadir"):
        raise PatternError(f"from: found {start!r}, expected nearest, highest, lowest or nadir")
    return Change(
        label=str(raw),
        names=context.names(raw),
        over=duration(context, table["over"]),
        window=Window.build(context, table),
        unit=unit if isinstance(unit, str) else None,
        bounds=bounds,
        start=str(start),
        absolute=bool(table.get("absolute", False)),
        apart=duration(context, table["apart"]) if "apart" in table else None,
    )
