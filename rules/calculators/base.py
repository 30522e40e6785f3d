"""What a calculator answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rules.facts import Observation
    from rules.patterns.index import RecordIndex
    from rules.patterns.when import Window

__all__ = ["Calculated", "Calculator", "latest"]


@dataclass(frozen=True, slots=True)
class Calculated:
    """`value` or, when None, what it `needs`; `proxy` marks a stand-in formula; `sources` are (reference, date)."""

    value: Decimal | None
    needs: tuple[str, ...] = ()
    proxy: bool = False
    sources: tuple[tuple[str | None, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Calculator:
    """A formula, its unit (UCUM) and the FHIR types it reads."""

    compute: Callable[[RecordIndex, Window], Calculated]
    unit: str
    reads: tuple[str, ...]


def latest(index: RecordIndex, name: str, window: Window, unit: str) -> tuple[Decimal, Observation] | None:
    """The newest final value of `name` inside the window in `unit`."""
    from rules.patterns.labs import series  # noqa: PLC0415 - labs needs the calculators

    for fact in series(index, frozenset({name})):
        if fact.when is not None and fact.when.is_future(index.record.as_of):
            continue
        if fact.value is not None and window.holds(fact.when, index.record):
            converted = fact.value.convert(unit)
            return (converted.value, fact) if converted else None
    return None
