"""Windows and comparisons that several predicates share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from operator import ge, gt, le, lt

from rules.facts import Record
from rules.fhir_date import Duration, FhirDate
from rules.patterns.base import Context, Names, PatternError, Truth, both
from rules.quantity import Quantity, is_unit

__all__ = ["COMPARATORS", "Comparison", "Window", "class_table", "duration", "in_days", "number"]

TESTS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {"at_least": ge, "above": gt, "at_most": le, "below": lt}
QUANTITY_TESTS: Mapping[str, Callable[[Quantity, Decimal, str], Truth]] = {
    "at_least": Quantity.at_least, "above": Quantity.above, "at_most": Quantity.at_most, "below": Quantity.below,
}  # fmt: skip
COMPARATORS = frozenset(TESTS)


def duration(context: Context, value: object) -> Duration:
    """Parse "14 days" or "@setting"; raises PatternError."""
    text = context.setting(value)
    if isinstance(text, str):
        try:
            return Duration.parse(text)
        except ValueError as problem:
            raise PatternError(str(problem)) from None
    raise PatternError(f'found {value!r}, expected a duration such as "14 days"')


def in_days(length: Duration) -> Decimal:
    """About how many days a duration has, months of the calendar counted from a new year."""
    start = datetime(2001, 1, 1, tzinfo=UTC)
    return Decimal((length.after(start) - start).days)


def number(context: Context, value: object) -> Decimal:
    """Parse a number or "@setting"; raises PatternError."""
    raw = context.setting(value)
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise PatternError(f"found {value!r}, expected a number")
    try:
        return Decimal(str(raw))
    except InvalidOperation:
        raise PatternError(f"found {value!r}, expected a number") from None


def class_table(context: Context, prefix: str) -> tuple[tuple[Names, object], ...]:
    """The settings of one table, such as `tail.VS-BCELL`, as (drugs, value), in the order of the settings file."""
    start = prefix + "."
    return tuple((context.names(key.removeprefix(start)), value) for key, value in context.settings.items() if key.startswith(start))


def whole_number(table: Mapping[str, object], key: str, default: int = 1) -> int:
    """A count such as `at_least_times = 2`; raises PatternError."""
    count = table.get(key, default)
    if not isinstance(count, int):
        raise PatternError(f"{key}: found {count!r}, expected a whole number")
    return count


@dataclass(frozen=True, slots=True)
class Window:
    """`within`: dated inside that long before now. No window: any date will do."""

    within: Duration | None = None

    @classmethod
    def build(cls, context: Context, table: Mapping[str, object], default: str | None = None) -> Window:
        """Read `within` from a condition."""
        raw = table.get("within", default)
        return cls() if raw is None or raw == "ever" else cls(duration(context, raw))

    def holds(self, when: FhirDate | None, record: Record) -> Truth:
        """Inside the window? An undated fact is unknown."""
        if self.within is None:
            return True
        return None if when is None else when.within(record.as_of, self.within)


def _same_limit(context: Context, table: Mapping[str, object], bounds: int) -> tuple[Decimal, str] | None:
    raw = table.get("same_limit")
    if raw is None:
        return None
    amount, _, unit = raw.partition(" ") if isinstance(raw, str) else ("", "", "")
    if bounds != 1 or not is_unit(unit):
        raise PatternError(
            f'same_limit: found {raw!r}, expected one limit in another unit, such as "6.0 kPa", beside one of {sorted(COMPARATORS)}'
        )
    return number(context, amount), unit


@dataclass(frozen=True, slots=True)
class Comparison:
    """Numeric bounds in one unit: `at_least`, `above`, `at_most`, `below`. `same` is the one bound as the specification also states it in
    another unit: 45 mmHg is 6.0 kPa there, but 45.004 mmHg by conversion."""

    bounds: tuple[tuple[str, Decimal], ...]
    unit: str | None
    absolute: bool = False
    same: tuple[Decimal, str] | None = None

    @classmethod
    def build(cls, context: Context, table: Mapping[str, object], *, unit: str | None = None, prefix: str = "") -> Comparison | None:
        """Read `<prefix>at_least` and its siblings; None when there are none."""
        found = [(name, number(context, table[prefix + name])) for name in sorted(COMPARATORS) if prefix + name in table]
        if not found:
            return None
        named = table.get("unit", unit)
        if named is not None and not isinstance(named, str):
            raise PatternError(f"unit: found {named!r}, expected a UCUM code")
        return cls(tuple(found), named, bool(table.get("absolute", False)), _same_limit(context, table, len(found)))

    def of(self, value: Decimal | None) -> Truth:
        """Do all bounds hold? None when there is no value."""
        if value is None:
            return None
        amount = abs(value) if self.absolute else value
        return all(TESTS[name](amount, limit) for name, limit in self.bounds)

    def of_quantity(self, value: Quantity | None) -> Truth:
        """The same for a quantity, converted by UCUM; an unknown unit is unknown, never guessed."""
        if value is None:
            return None
        if self.absolute:
            converted = value.convert(self.unit) if self.unit else value
            return None if converted is None or value.comparator else self.of(converted.value)
        unit = self.unit or value.unit
        bounds = self.bounds
        if self.same and value.unit == self.same[1]:
            bounds, unit = ((bounds[0][0], self.same[0]),), value.unit
        return both([QUANTITY_TESTS[name](value, limit, unit) for name, limit in bounds])
