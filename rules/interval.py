"""The interval of a rule: how long it does not repeat itself after a visit or an order that it reads."""

from __future__ import annotations

from rules.fhir_date import Duration
from rules.model import Leaf, Rule, nodes_of

__all__ = ["interval_of"]

DAYS = {"minute": 0, "hour": 0, "day": 1, "week": 7, "month": 30, "year": 365}


def interval_of(rule: Rule) -> Duration | None:
    """The shortest `within` of what the rule says of orders and visits: nothing is held back too long. None when it states none."""
    stated = [Duration.parse(within) for node in nodes_of(rule) if (within := _within(node)) is not None]
    return min(stated, key=lambda one: one.count * DAYS[one.unit], default=None)


def _within(node: object) -> str | None:
    if not isinstance(node, Leaf):
        return None
    table = dict(node.table)
    within = table.get("within")
    if not {"order", "encounter"} & table.keys() or not isinstance(within, str) or within.startswith(("@", "0 ")):
        return None
    return within
