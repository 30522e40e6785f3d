"""Morphine milligram equivalents per day (MME) of all opioids taken or drafted.

Factors: CDC Clinical Practice Guideline for Prescribing Opioids for Pain, 2022, table of morphine milligram equivalent doses (source
CDC-OPIOID-2022): mg/day by mouth times the factor. Fentanyl (counted there in mcg/hour), buprenorphine, injections and as-needed orders
without a maximum have no daily dose in that sense: the sum is unknown then, never smaller.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rules.calculators.base import Calculated
from rules.facts import Origin

if TYPE_CHECKING:
    from rules.patterns.index import RecordIndex
    from rules.patterns.when import Window

__all__ = ["compute"]

FACTORS = {
    "codeine": Decimal("0.15"),
    "hydrocodone": Decimal(1),
    "hydromorphone": Decimal(5),
    "methadone": Decimal("4.7"),
    "morphine": Decimal(1),
    "oxycodone": Decimal("1.5"),
    "oxymorphone": Decimal(3),
    "tapentadol": Decimal("0.4"),
    "tramadol": Decimal("0.2"),
}
UNCOUNTED = frozenset({"buprenorphine", "dihydrocodeine", "fentanyl", "meperidine"})
INJECTED = frozenset({"iv", "im", "sc", "injection", "intrathecal"})


def compute(index: RecordIndex, window: Window) -> Calculated:  # noqa: ARG001 - a dose is of now
    """The sum over ingredients; of one ingredient the larger of what is taken and of all that is drafted (a renewal)."""
    from rules.patterns.therapy import current, ordered_mg  # noqa: PLC0415 - the patterns need the calculators

    doses: dict[str, Decimal] = {}
    sources: list[tuple[str | None, str | None]] = []
    for fact in index.pick(index.medications, frozenset(FACTORS) | UNCOUNTED):
        if fact.do_not_perform or (fact.origin is Origin.RECORD and not current(fact)):
            continue
        name = min(fact.concepts & (FACTORS.keys() | UNCOUNTED))
        amount = ordered_mg(fact, index)
        if name in UNCOUNTED or amount is None or fact.route in INJECTED:
            return Calculated(None, ("daily dose of every opioid",))
        doses[name] = max(doses.get(name, Decimal(0)), amount * FACTORS[name])
        sources.append((fact.ref, fact.began.text if fact.began else None))
    return Calculated(sum(doses.values(), Decimal(0)), sources=tuple(sources))
