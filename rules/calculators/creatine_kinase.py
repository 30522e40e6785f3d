"""Creatine kinase against the person's own baseline.

Conventions of the referral specification, "personal CK baseline": the median over 24 months, leaving out 30 days after rhabdomyolysis;
needs two values, else unknown. The values of the last 7 days are what is compared, so they are not part of it.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rules.calculators.base import Calculated, comparator_of, latest

if TYPE_CHECKING:
    from rules.patterns.index import RecordIndex
    from rules.patterns.when import Window

__all__ = ["times_baseline"]

UNIT = "U/L"


def times_baseline(index: RecordIndex, window: Window) -> Calculated:
    """Latest CK in the window as a multiple of the personal baseline."""
    from rules.fhir_date import Duration  # noqa: PLC0415 - keeps import order free of cycles
    from rules.patterns.labs import series  # noqa: PLC0415

    now = latest(index, "creatine-kinase", window, UNIT)
    side = comparator_of(now)
    if side is None:
        return Calculated(None, ("CK",))
    span, recent, after = Duration.parse("24 months"), Duration.parse("7 days"), Duration.parse("30 days")
    injuries = [
        start
        for fact in index.conditions.get("rhabdomyolysis", ())
        if fact.verification not in {"refuted", "entered-in-error"} and (start := fact.onset or fact.recorded) is not None
    ]
    newest = {id(fact) for _, fact in now}
    values = []
    for fact in series(index, frozenset({"creatine-kinase"})):
        amount = fact.value.convert(UNIT) if fact.value else None
        if amount is None or fact.when is None or id(fact) in newest:
            continue
        taken = fact.when.start
        if not fact.when.within(index.record.as_of, span) or fact.when.within(index.record.as_of, recent):
            continue
        if not any(injury.start <= taken <= after.after(injury.end) for injury in injuries):
            values.append(amount.value)
    if len(values) < 2 or not median(values):
        return Calculated(None, ("two earlier CK values of the last 24 months",))
    return Calculated.of([value / median(values) for value, _ in now], now[0][1], comparator=side)
