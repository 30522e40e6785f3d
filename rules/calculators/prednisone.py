"""Prednisone-equivalent daily dose.

Table of the immunotherapy specification, section 1, DOSE-PRED (verified: not yet): prednisone 5 mg = prednisolone 5 =
methylprednisolone 4 = dexamethasone 0.75 = hydrocortisone 20 = deflazacort 6. Vamorolone has no accepted equivalence.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

__all__ = ["prednisone_mg"]

EQUAL_TO_5_MG = {
    "prednisone": Decimal(5),
    "prednisolone": Decimal(5),
    "methylprednisolone": Decimal(4),
    "dexamethasone": Decimal("0.75"),
    "hydrocortisone": Decimal(20),
    "deflazacort": Decimal(6),
}


def prednisone_mg(concepts: Iterable[str], mg_per_day: Decimal | None) -> Decimal | None:
    """Prednisone-equivalent mg/day of one steroid order; None when the dose is unknown or no equivalence is accepted."""
    if mg_per_day is None:
        return None
    factors = [EQUAL_TO_5_MG[concept] for concept in concepts if concept in EQUAL_TO_5_MG]
    return mg_per_day * 5 / factors[0] if len(factors) == 1 else None
