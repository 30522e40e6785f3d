"""Timing (R4 2.24.0.14) -> how often, on which days, how long."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from rules.extract.reading import Element, Reading, elements, first
from rules.quantity import Quantity, number

__all__ = ["as_needed", "dosing_days", "is_single", "length", "repeat_of", "times_a_day"]

# Times a day of the timing codes of FHIR (value set timing-abbreviation, R4).
_TIMES: Final[Mapping[str, Decimal]] = {
    "BID": Decimal(2),
    "TID": Decimal(3),
    "QID": Decimal(4),
    "AM": Decimal(1),
    "PM": Decimal(1),
    "QD": Decimal(1),
    "QOD": Decimal("0.5"),
    "Q1H": Decimal(24),
    "Q2H": Decimal(12),
    "Q3H": Decimal(8),
    "Q4H": Decimal(6),
    "Q6H": Decimal(4),
    "Q8H": Decimal(3),
    "BED": Decimal(1),
    "WK": Decimal(1) / 7,
}
_UNITS: Final = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
# What of Timing.repeat says how often. Bounds apply over a code and are not part of it (R4 2.24.0.14, Timing.code).
_HOW_OFTEN: Final = ("frequency", "frequencyMax", "period", "periodMax", "periodUnit", "dayOfWeek", "timeOfDay", "when")
_WEEK: Final = Decimal(7)


def _timing(item: Element) -> Element:
    timing = item.get("timing")
    return timing if isinstance(timing, dict) else {}


def repeat_of(item: Element) -> Element:
    """Timing.repeat of an instruction, empty when it has none."""
    repeat = _timing(item).get("repeat")
    return repeat if isinstance(repeat, dict) else {}


def as_needed(item: Element) -> bool:
    """Is it taken only when needed?"""
    return item.get("asNeededBoolean") is True or bool(item.get("asNeededCodeableConcept"))


def is_single(item: Element) -> bool:
    """Is it one dose and no more?"""
    repeat = repeat_of(item)
    if repeat:
        return number(repeat.get("count")) == 1 and number(repeat.get("countMax")) in (None, 1)
    events = _timing(item).get("event")
    return isinstance(events, list) and len(events) == 1


def times_a_day(item: Element) -> Decimal | None:
    """Doses a day; None when the timing does not say it in a form that can be relied on."""
    repeat = repeat_of(item)
    if not any(repeat.get(name) for name in _HOW_OFTEN):
        codings = elements(first([_timing(item).get("code")]).get("coding"))
        codes = {_TIMES[code] for coding in codings if isinstance(code := coding.get("code"), str) and code in _TIMES}
        return codes.pop() if len(codes) == 1 else None
    weekdays = repeat.get("dayOfWeek")
    moments = repeat.get("timeOfDay") or repeat.get("when")
    times = number(repeat.get("frequencyMax")) or number(repeat.get("frequency"))
    period, unit = number(repeat.get("period")), repeat.get("periodUnit")
    if isinstance(weekdays, list) and weekdays:
        if len(weekdays) > 7 or (period is not None and period != 1) or unit not in (None, "d", "wk"):
            return None
        if unit == "wk" and times is not None and times not in (1, len(weekdays)):
            return None
        return Decimal(len(weekdays)) / 7 * (times if unit != "wk" and times else 1)
    if period is None and unit is None and isinstance(moments, list) and 0 < len(moments) <= 24:
        return times or Decimal(len(moments))
    if period is None or not isinstance(unit, str) or unit not in _UNITS or period <= 0:
        return None
    if times is None:
        times = Decimal(len(moments)) if isinstance(moments, list) and moments else Decimal(1)
    spread = Quantity(period, unit).convert("d")
    return times / spread.value if spread is not None and times > 0 else None


def length(item: Element, reading: Reading) -> Decimal | None:
    """Planned days of one instruction."""
    repeat = repeat_of(item)
    start, end = reading.period(repeat.get("boundsPeriod"))
    if start is not None and end is not None and end.end > start.start:
        return Decimal((end.start.date() - start.start.date()).days + 1)
    bounds = repeat.get("boundsDuration")
    span = repeat.get("boundsRange")
    if bounds is None and isinstance(span, dict):
        bounds = span.get("high")
    return reading.days(bounds)


def dosing_days(items: Iterable[Element], reading: Reading) -> Decimal | None:
    """Days of a week on which instructions that run together give a dose (7: every day; less than 1: not every week).

    Several instructions for one day each, whose weekdays are not all named, may fall on one day or on several: None.
    """
    found = [(_weekdays(item), _days_a_week(item, reading)) for item in items]
    known = [count for _, count in found if count is not None]
    if len(known) == len(found) and all(names for names, _ in found):
        return Decimal(len(frozenset[str]().union(*(names for names, _ in found))))
    if len(known) == len(found) == 1:
        return known[0]
    return max(known) if known and max(known) > 1 else None


def _weekdays(item: Element) -> frozenset[str]:
    days = repeat_of(item).get("dayOfWeek")
    return frozenset(day for day in days if isinstance(day, str)) if isinstance(days, list) else frozenset()


def _days_a_week(item: Element, reading: Reading) -> Decimal | None:
    if item.get("modifierExtension") or as_needed(item):
        return None
    if is_single(item):
        return Decimal(1)
    times = times_a_day(item)
    if times is None:
        return _days_of_events(item, reading)
    weekdays = _weekdays(item)
    days = Decimal(len(weekdays)) if weekdays else min(round(times * _WEEK, 6), _WEEK)
    planned = length(item, reading)
    return min(days, planned) if planned is not None and planned >= 1 else days


def _days_of_events(item: Element, reading: Reading) -> Decimal | None:
    """Of doses that are named one by one, the most days of any seven on which there is one."""
    events = _timing(item).get("event")
    found = [reading.date(moment) for moment in events] if isinstance(events, list) and not repeat_of(item) else []
    if not found or any(event is None or event.precision in {"year", "month"} for event in found):
        return None
    days = sorted({date.fromisoformat(event.text[:10]).toordinal() for event in found if event is not None})
    return Decimal(max(bisect_left(days, day + 7) - place for place, day in enumerate(days)))
