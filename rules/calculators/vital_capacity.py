"""FVC-LOW of the immunotherapy specification, section 1: FVC per kilogram, and against the best of the last 12 months."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rules.calculators.base import Calculated, latest

if TYPE_CHECKING:
    from rules.patterns.index import RecordIndex
    from rules.patterns.when import Window

__all__ = ["per_kg", "percent_of_best"]


def per_kg(index: RecordIndex, window: Window) -> Calculated:
    """Latest FVC in the window, mL/kg; needs a weight from the last 12 months."""
    from rules.patterns.therapy import weight_kg  # noqa: PLC0415 - keeps import order free of cycles

    fvc = latest(index, "fvc-volume", window, "mL")
    weight = weight_kg(index)
    if not fvc or not weight:
        return Calculated(None, ("weight",) if fvc else ("FVC",))
    return Calculated.of([value / weight for value, _ in fvc], fvc[0][1])


def percent_of_best(index: RecordIndex, window: Window) -> Calculated:
    """Latest FVC in the window as percent of the best FVC of the last 12 months before it."""
    from rules.fhir_date import Duration  # noqa: PLC0415
    from rules.patterns.labs import series  # noqa: PLC0415

    fvc = latest(index, "fvc-volume", window, "mL")
    if not fvc:
        return Calculated(None, ("FVC",))
    began = min((fact.when.start for _, fact in fvc if fact.when), default=None)
    year = Duration.parse("12 months")
    earlier = []
    for fact in series(index, frozenset({"fvc-volume"})):
        if fact.when is None or fact.value is None or not fact.when.within(index.record.as_of, year):
            continue
        amount = fact.value.convert("mL")
        if amount is not None and amount.value > 0 and began is not None and fact.when.start < began:
            earlier.append(amount.value)
    if not earlier:
        return Calculated(None, ("an earlier FVC",))
    return Calculated.of([value * Decimal(100) / max(earlier) for value, _ in fvc], fvc[0][1])
