"""Creatinine clearance by Cockcroft and Gault (Nephron 1976;16:31), mL/min, with actual weight.

(140 - age) x weight kg / (72 x creatinine mg/dL), x 0.85 for women. Adults only. Without weight, age, sex or creatinine the eGFR
stands in, marked
as a proxy (analgesia specification, `crcl`). In muscle wasting creatinine overestimates kidney function.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rules.calculators.base import TURNED, Calculated, comparator_of, latest
from rules.fhir_date import age

if TYPE_CHECKING:
    from rules.patterns.index import RecordIndex
    from rules.patterns.when import Window

__all__ = ["compute"]

ADULT_YEARS = 18


def compute(index: RecordIndex, window: Window) -> Calculated:
    """Clearance from the latest creatinine in the window and a weight of the last 12 months, else eGFR as proxy."""
    from rules.patterns.therapy import weight_kg  # noqa: PLC0415 - drugs needs the calculators

    person = index.record.person
    creatinine = latest(index, "creatinine", window, "mg/dL")
    weight = weight_kg(index)
    years = age(person.birth, index.record.as_of) if person and person.birth else None
    sex = person.gender if person else None
    side = comparator_of(creatinine)
    measured = side is not None and all(value > 0 for value, _ in creatinine)
    if measured and weight and years and sex in {"male", "female"} and years.min_years >= ADULT_YEARS:
        share = Decimal("0.85") if sex == "female" else Decimal(1)
        cleared = [(140 - Decimal(years.max_years)) * weight / (72 * value) * share for value, _ in creatinine]
        return Calculated.of(cleared, creatinine[0][1], comparator=TURNED[side or ""])
    proxy = latest(index, "egfr", window, "mL/min/{1.73_m2}")
    side = comparator_of(proxy)
    if side is not None:
        return Calculated.of([value for value, _ in proxy], proxy[0][1], proxy=True, comparator=side)
    needs = [name for name, have in (("creatinine", creatinine), ("weight", weight), ("age", years)) if not have]
    return Calculated(None, tuple(needs) or ("sex",))
