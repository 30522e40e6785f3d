"""How far a pregnancy is today: the latest gestational age (LOINC 18185-9) and the days since it was measured.

Conventions of the analgesia specification, "gestation": a reading of 29 weeks is 30 weeks a week later.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rules.calculators.base import Calculated, latest

if TYPE_CHECKING:
    from rules.patterns.index import RecordIndex
    from rules.patterns.when import Window

__all__ = ["compute"]


def compute(index: RecordIndex, window: Window) -> Calculated:
    """Weeks today; a reading whose day is not known gives the fewest and the most that they can be."""
    now = index.record.as_of
    readings = latest(index, "gestational-age", window, "wk")
    if not readings:
        return Calculated(None, ("gestational age",))
    weeks: list[Decimal] = []
    for value, fact in readings:
        if fact.when is None:
            return Calculated(None, ("the date of the gestational age",))
        days = ((now.date() - taken.date()).days for taken in (fact.when.start, min(fact.when.end, now)))
        weeks += [value + Decimal(max(past, 0)) / 7 for past in days]
    return Calculated.of(weeks, readings[0][1])
