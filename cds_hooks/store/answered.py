"""Marks the cards that have feedback. A user who looks at a patient a thousand times sees thousands of cards and answers few of them;
what is looked up on every call is only in those few (the index `card_shown_whose`).

Card and feedback may be written at the same moment by two processes, in either order. Each looks for the other's after its own is
committed, so one of them at least finds both.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, select, update

from cds_hooks.store.moment import moment
from cds_hooks.store.tables import card_shown, feedback

__all__ = ["mark", "mark_since"]

SKEW = timedelta(seconds=10)  # between the clocks of two replicas


def mark(connection: Connection, cards: Collection[str]) -> bool:
    """Mark these cards; whether all of them were there."""
    return _mark(connection, card_shown.c.uuid.in_(cards)) == len(cards)


def mark_since(connection: Connection, first: datetime) -> None:
    """Mark the cards of which feedback came since `first`, when the first of them was shown."""
    told = select(feedback.c.card).where(feedback.c.received >= moment(first - SKEW))
    _mark(connection, card_shown.c.uuid.in_(told) & (card_shown.c.answered == 0))


def _mark(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.execute(update(card_shown).where(which).values(answered=1)).rowcount
