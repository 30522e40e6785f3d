"""Quantities with UCUM units; conversion answers None rather than guess.

Units are read from `rules.unit_table`, which a script derives from ucumvert (importing ucumvert costs 0.5 s and 15 MB at
start-up and gives strangers' text to a grammar). The grammar here is the part of UCUM that measurements use: atoms, whole
powers, "." and "/" from left to right, "10*n", annotations in braces. Numerator and denominator are not cancelled, so
"mg/kg" (a dose), "mmol/mol" (HbA1c) and "%" stay three different things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from rules.unit_table import ATOMS

__all__ = ["Bridge", "Quantity", "is_unit", "number"]

_LIMIT = 10**15
_TINY = 1e-15
_POWER = re.compile(r"(.*\D)(-?[1-9])", re.ASCII)
_TEN = re.compile(r"10[*^](-?\d{1,2})", re.ASCII)
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_TOKEN = re.compile(r"[./]|(?:[^./{}]|\{[^{}]*\})+")
_TEMPERATURES = {
    "Cel": (Fraction(1), Fraction(27315, 100)),
    "[degF]": (Fraction(5, 9), Fraction(229835, 900)),
    "K": (Fraction(1), Fraction(0)),
}

_Kinds: TypeAlias = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """What a unit measures (kinds above and below the line) and how to reach the reference: value * factor + offset."""

    above: _Kinds
    below: _Kinds
    factor: Fraction
    offset: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Bridge:
    """One substance's own way between two kinds of unit: value[from_unit] * factor + offset = value[to_unit]."""

    from_unit: str
    to_unit: str
    factor: Fraction
    offset: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured value in a UCUM unit ("1" when dimensionless).

    `comparator` is FHIR's "<", "<=", ">=", ">" or "": the true value then lies on that side of `value`.
    `bridges` are the mass, substance and activity conversions of the thing measured (rules/codes/unit-bridges.csv).
    """

    value: Decimal
    unit: str
    comparator: str = ""
    bridges: tuple[Bridge, ...] = field(default=(), compare=False, repr=False)

    def convert(self, unit: str) -> Quantity | None:
        """The same quantity in `unit`; None when either unit is unknown or they do not measure the same thing."""
        if unit == self.unit:
            return self
        value = _between(Fraction(self.value), self.unit, unit)
        if value is None:
            value = self._bridged(unit)
        if value is None:
            return None
        result = _decimal(value)
        return None if result is None else Quantity(result, unit, self.comparator, self.bridges)

    def _bridged(self, unit: str) -> Fraction | None:
        for bridge in self.bridges:
            there = _between(Fraction(self.value), self.unit, bridge.from_unit)
            if there is not None:
                return _between(there * bridge.factor + bridge.offset, bridge.to_unit, unit)
            back = _between(Fraction(self.value), self.unit, bridge.to_unit)
            if back is not None:
                return _between((back - bridge.offset) / bridge.factor, bridge.from_unit, unit)
        return None

    def above(self, limit: Decimal, unit: str) -> bool | None:
        """Is the true value greater than `limit`? None when it cannot be told (unit, comparator)."""
        other = self.convert(unit)
        if other is None:
            return None
        if other.comparator.startswith("<"):
            return False if other.value <= limit else None
        if other.comparator == ">":
            return True if other.value >= limit else None
        if other.comparator == ">=":
            return True if other.value > limit else None
        return other.value > limit

    def at_least(self, limit: Decimal, unit: str) -> bool | None:
        """Is the true value `limit` or more?"""
        return _not(self.below(limit, unit))

    def at_most(self, limit: Decimal, unit: str) -> bool | None:
        """Is the true value `limit` or less?"""
        return _not(self.above(limit, unit))

    def below(self, limit: Decimal, unit: str) -> bool | None:
        """Is the true value less than `limit`?"""
        other = self.convert(unit)
        if other is None:
            return None
        if other.comparator.startswith(">"):
            return False if other.value >= limit else None
        if other.comparator == "<":
            return True if other.value <= limit else None
        if other.comparator == "<=":
            return True if other.value < limit else None
        return other.value < limit


def number(value: object) -> Decimal | None:
    """A JSON number as Decimal; None for anything else, for NaN and infinity, and beyond 1e15 in size."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if -_LIMIT <= value <= _LIMIT else None
    if isinstance(value, float):
        return Decimal(repr(value)) if value == 0 or _TINY <= abs(value) <= _LIMIT else None
    if isinstance(value, Decimal) and value.is_finite() and (value == 0 or _TINY <= abs(value) <= _LIMIT):
        return value
    return None


def is_unit(code: str) -> bool:
    """Can this UCUM code be converted?"""
    return _unit(code) is not None


def _not(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _decimal(value: Fraction) -> Decimal | None:
    with localcontext() as context:
        context.prec = 15
        result = Decimal(value.numerator) / Decimal(value.denominator)
    return number(result)


def _between(value: Fraction, source: str, target: str) -> Fraction | None:
    step = _step(source, target)
    return None if step is None else value * step[0] + step[1]


@lru_cache(maxsize=2048)
def _step(source: str, target: str) -> tuple[Fraction, Fraction] | None:
    """Factor and offset from `source` to `target`: a pure function of two unit codes, so remembering it is safe."""
    one, two = _unit(source), _unit(target)
    if one is None or two is None or (one.above, one.below) != (two.above, two.below):
        return None
    return one.factor / two.factor, (one.offset - two.offset) / two.factor


@lru_cache(maxsize=1024)
def _unit(code: str) -> _Unit | None:
    if len(code) > 60:
        return None
    if code in _TEMPERATURES:
        factor, offset = _TEMPERATURES[code]
        return _Unit((("temperature", 1),), (), factor, offset)
    tokens = _TOKEN.findall(code)
    if not tokens or "".join(tokens) != code or tokens[0] == ".":
        return None
    if tokens[0] == "/":
        tokens.insert(0, "1")
    if len(tokens) % 2 == 0 or any((part in "./") != bool(place % 2) for place, part in enumerate(tokens)):
        return None
    above: dict[str, int] = {}
    below: dict[str, int] = {}
    factor = Fraction(1)
    for place in range(0, len(tokens), 2):
        term = _term(_ANNOTATION.sub("", tokens[place]) or "1")
        if term is None:
            return None
        kind, power, size = term
        divide = place > 0 and tokens[place - 1] == "/"
        factor = factor / size if divide else factor * size
        if kind != "number":
            side = above if divide == (power < 0) else below
            side[kind] = side.get(kind, 0) + abs(power)
    return _Unit(tuple(sorted(above.items())), tuple(sorted(below.items())), factor)


def _term(text: str) -> tuple[str, int, Fraction] | None:
    """Kind, power and factor of one term."""
    if text == "1":
        return "number", 1, Fraction(1)
    ten = _TEN.fullmatch(text)
    if ten:
        return "number", 1, Fraction(10) ** int(ten[1])
    exponent = 1
    if text not in ATOMS:
        power = _POWER.fullmatch(text)
        if power is None or power[1] not in ATOMS:
            return None
        text, exponent = power[1], int(power[2])
    kind, own, above, below = ATOMS[text]
    return kind, own * exponent, Fraction(above, below) ** exponent
