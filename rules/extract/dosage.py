"""Dosage (R4 2.24.0.15) -> how much a day, how long, how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TypeAlias

from rules.extract.reading import Element, Reading, elements
from rules.extract.timing import as_needed, dosing_days, is_single, length, repeat_of, times_a_day
from rules.fhir_date import FhirDate
from rules.quantity import Quantity

__all__ = ["Course", "Strength", "course"]

# Milligrams, or milligrams per kilogram.
_Amount: TypeAlias = tuple[Decimal | None, Decimal | None]


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
    dosing_days: Decimal | None = None
    days: Decimal | None = None
    start: FhirDate | None = None
    end: FhirDate | None = None
    route: str | None = None
    single: bool = False
    as_needed: bool = False
    tapers: bool | None = False


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
    lengths = [_highest([length(item, reading) for item in step]) for step in steps.values()]
    bounds = [reading.period(repeat_of(item).get("boundsPeriod")) for item in known]
    routes = {reading.terminology.route(item.get("route")) for item in known}
    return Course(
        mg_per_day=_highest(doses),
        mg_per_kg_day=_highest(per_kg),
        dosing_days=_highest([dosing_days(step, reading) for step in steps.values()]),
        days=_sum(lengths),
        start=min((start for start, _ in bounds if start), key=lambda date: date.start, default=None),
        end=None if any(end is None for _, end in bounds) else max((end for _, end in bounds if end), key=lambda date: date.end),
        route=routes.pop() if len(routes) == 1 else None,
        single=len(known) == 1 and is_single(known[0]),
        as_needed=any(as_needed(item) for item in known),
        tapers=_falls(zip(steps, per_kg if set(doses) == {None} else doses, strict=True)),
    )


def _falls(steps: Iterable[tuple[object, Decimal | None]]) -> bool | None:
    """Do several steps follow each other, each with a smaller dose than the one before? None when a dose is not known."""
    known = dict(steps)
    order = sorted(place for place in known if isinstance(place, int))
    if len(order) < max(2, len(known)):
        return False
    doses = [known[place] for place in order]
    falls = [None if earlier is None or later is None else later < earlier for earlier, later in pairwise(doses)]
    return False if False in falls else None if None in falls else True


def _sum(values: list[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None


def _highest(values: list[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def _daily(item: Element, strength: Strength | None, reading: Reading) -> _Amount:
    """Amount a day."""
    if item.get("modifierExtension"):
        return None, None
    if as_needed(item):
        return _maximum(item, strength, reading)
    dose = _dose(item, strength, reading)
    times = None if dose == (None, None) else Decimal(1) if is_single(item) else times_a_day(item)
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
