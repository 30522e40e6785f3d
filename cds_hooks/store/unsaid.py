"""What answers left unsaid, counted by day: rules whose card was held back, rules that could not check everything, and the missing data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from sqlalchemy import Connection

from cds_hooks.store.insert import add_counts
from cds_hooks.store.tables import unsaid

__all__ = ["HELD", "MISSING", "UNSURE", "Unsaid", "count_unsaid"]

HELD: Final = "held"
"""A card of this rule was held back, because its user had dismissed it."""
UNSURE: Final = "unsure"
"""This rule spoke and said that something could not be checked."""
MISSING: Final = "missing"
"""This datum could not be checked: the name of a fact, or a FHIR type that could not be read."""

Unsaid: TypeAlias = tuple[str, str]
"""(kind, name): one of the three above, and a rule id or the name of a fact. Never anything of a patient."""


def count_unsaid(connection: Connection, counts: Mapping[tuple[str, str, Unsaid], int]) -> None:
    """Add to the counts of (day, service, unsaid)."""
    rows = [
        {"day": day, "service": service, "kind": kind, "name": name, "count": count}
        for (day, service, (kind, name)), count in sorted(counts.items())
    ]
    add_counts(connection, unsaid, rows)
