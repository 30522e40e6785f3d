"""Dosage (R4 2.24.0.15) -> how much a day, how long, how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from rules.extract.reading import Element, Reading, elements, first
from rules.fhir_date import FhirDate
from rules.quantity import Quantity, number

__all__ = ["Course", "Strength", "course"]

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
# Milligrams, or milligrams per kilogram.
_Amount: TypeAlias = tuple[Decimal | None, Decimal | None]
_UNITS: Final = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})


@dataclass(frozen=True, slots=True)
class Strength:
    """How much of the one ingredient (mg) is in `per` of the product."""

    mg: Decimal
    per: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Course:
    """What the dosage instructions say together; None where they do not say it in structured form."""

    mg_per_day: Decimal | None = None
    mg_per_kg_day: Decimal | None = None
    days: Decimal | None = None
    start: FhirDate | None = None
    end: FhirDate | None = None
    route: str | None = None
    single: bool = False
    as_needed: bool = False


def course(instructions: object, strength: Strength | None, reading: Reading) -> Course:
    """Instructions of one `sequence` run together and add up; different sequences follow each other: the highest step counts."""
    steps: dict[object, list[Element]] = {}
    known = elements(instructions)
    for item in known:
        sequence = item.get("sequence")
        steps.setdefault(sequence if isinstance(sequence, int) else None, []).append(item)
    if not known or (isinstance(instructions, list) and len(known) != len(instructions)):
        return Course()
    amounts = [[_daily(item, strength, reading) for item in step] for step in steps.values()]
    doses = [_sum([absolute for absolute, _ in step]) for step in amounts]
    per_kg = [_sum([relative for _, relative in step]) for step in amounts]
    lengths = [_highest([_length(item, reading) for item in step]) for step in steps.values()]
    bounds = [reading.period(_repeat(item).get("boundsPeriod")) for item in known]
    routes = {reading.terminology.route(item.get("route")) for item in known}
    return Course(
        mg_per_day=_highest(doses),
        mg_per_kg_day=_highest(per_kg),
        days=_sum(lengths),
        start=min((start for start, _ in bounds if start), key=lambda date: date.start, default=None),
        end=None if any(end is None for _, end in bounds) else max((end for _, end in bounds if end), key=lambda date: date.end),
        route=routes.pop() if len(routes) == 1 else None,
        single=len(known) == 1 and _is_single(known[0]),
        as_needed=any(_as_needed(item) for item in known),
    )


def _sum(values: list[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None


def _highest(values: list[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def _timing(item: Element) -> Element:
    timing = item.get("timing")
    return timing if isinstance(timing, dict) else {}


def _repeat(item: Element) -> Element:
    repeat = _timing(item).get("repeat")
    return repeat if isinstance(repeat, dict) else {}


def _as_needed(item: Element) -> bool:
    return item.get("asNeededBoolean") is True or bool(item.get("asNeededCodeableConcept"))


def _is_single(item: Element) -> bool:
    repeat = _repeat(item)
    if repeat:
        return number(repeat.get("count")) == 1 and number(repeat.get("countMax")) in (None, 1)
    events = _timing(item).get("event")
    return isinstance(events, list) and len(events) == 1


def _daily(item: Element, strength: Strength | None, reading: Reading) -> _Amount:
    """Amount a day."""
    if item.get("modifierExtension"):
        return None, None
    if _as_needed(item):
        return _maximum(item, strength, reading)
    dose = _dose(item, strength, reading)
    times = None if dose == (None, None) else Decimal(1) if _is_single(item) else _times_a_day(item)
    return _scaled(dose, times)


def _scaled(dose: _Amount, factor: Decimal | None) -> _Amount:
    absolute, relative = dose
    if factor is None:
        return None, None
    return absolute * factor if absolute is not None else None, relative * factor if relative is not None else None


def _dose(item: Element, strength: Strength | None, reading: Reading) -> _Amount:
    """One dose; of a range the high end; several rates that differ say nothing."""
    found: set[_Amount] = set()
    for rate in elements(item.get("doseAndRate")):
        amount = rate.get("doseQuantity")
        span = rate.get("doseRange")
        if amount is None and isinstance(span, dict):
            amount = span.get("high")
        found.add(_amount(reading.quantity(amount), strength))
    return found.pop() if len(found) == 1 else (None, None)


def _amount(quantity: Quantity | None, strength: Strength | None) -> _Amount:
    """A quantity in mg or, when it is written per kilogram, in mg/kg; a count of tablets needs the strength of the product."""
    if quantity is None or quantity.comparator or quantity.value < 0:
        return None, None
    mass = quantity.convert("mg")
    if mass is not None:
        return mass.value, None
    product = quantity.convert(strength.unit) if strength is not None else None
    if product is not None and strength is not None:
        return product.value * strength.mg / strength.per, None
    relative = quantity.convert("mg/kg")
    return None, relative.value if relative is not None else None


def _times_a_day(item: Element) -> Decimal | None:
    repeat = _repeat(item)
    if not repeat:
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
    length = Quantity(period, unit).convert("d")
    return times / length.value if length is not None and times > 0 else None


def _maximum(item: Element, strength: Strength | None, reading: Reading) -> _Amount:
    """The most a day that maxDosePerPeriod allows."""
    ratio = item.get("maxDosePerPeriod")
    if not isinstance(ratio, dict):
        return None, None
    period = reading.quantity(ratio.get("denominator"))
    length = period.convert("d") if period is not None and not period.comparator else None
    if length is None or length.value <= 0:
        return None, None
    return _scaled(_amount(reading.quantity(ratio.get("numerator")), strength), 1 / length.value)


def _length(item: Element, reading: Reading) -> Decimal | None:
    """Planned days of one instruction."""
    repeat = _repeat(item)
    start, end = reading.period(repeat.get("boundsPeriod"))
    if start is not None and end is not None and end.end > start.start:
        return Decimal((end.start.date() - start.start.date()).days + 1)
    bounds = repeat.get("boundsDuration")
    span = repeat.get("boundsRange")
    if bounds is None and isinstance(span, dict):
        bounds = span.get("high")
    return reading.days(bounds)
