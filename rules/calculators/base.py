"""What a calculator answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rules.facts import Observation
    from rules.patterns.index import RecordIndex
    from rules.patterns.when import Window

__all__ = ["TURNED", "Calculated", "Calculator", "comparator_of", "latest"]

TURNED = {"": "", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The side on which what is divided by a result lies."""


@dataclass(frozen=True, slots=True)
class Calculated:
    """`value` or, when None, what it `needs`; `proxy` marks a stand-in formula; `sources` are (reference, date). `others`: what else it
    would be with another result of the same time. `comparator`: the result was given as "<30" and the true values lie on that side."""

    value: Decimal | None
    needs: tuple[str, ...] = ()
    proxy: bool = False
    sources: tuple[tuple[str | None, str | None], ...] = ()
    others: frozenset[Decimal] = frozenset()
    comparator: str = ""

    @classmethod
    def of(cls, values: Sequence[Decimal], fact: Observation, *, proxy: bool = False, comparator: str = "") -> Calculated:
        """What it is with each of the results that may be the latest; `fact` is the first of them."""
        source = (fact.ref, fact.when.text if fact.when else None)
        return cls(values[0], proxy=proxy, sources=(source,), others=frozenset(values) - {values[0]}, comparator=comparator)


@dataclass(frozen=True, slots=True)
class Calculator:
    """A formula, its unit (UCUM) and the FHIR types it reads."""

    compute: Callable[[RecordIndex, Window], Calculated]
    unit: str
    reads: tuple[str, ...]


def latest(index: RecordIndex, name: str, window: Window, unit: str) -> list[tuple[Decimal, Observation]]:
    """The newest final value of `name` inside the window in `unit`, and those that may be as new. Empty when one is in no such unit."""
    from rules.patterns.labs import newest, series  # noqa: PLC0415 - labs needs the calculators

    usable = (fact for fact in series(index, frozenset({name})) if fact.value and window.holds(fact.when, index.record))
    found = [(fact.value.convert(unit) if fact.value else None, fact) for fact in newest(usable)]
    known = [(amount.value, fact) for amount, fact in found if amount is not None]
    return known if len(known) == len(found) else []


def comparator_of(found: Sequence[tuple[Decimal, Observation]]) -> str | None:
    """The comparator that all of `latest` share; None when they do not."""
    comparators = {fact.value.comparator for _, fact in found if fact.value}
    return comparators.pop() if len(comparators) == 1 else None
