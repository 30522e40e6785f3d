"""Dismissals of one user for one patient: read from the cards that were shown and the feedback on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from cds_hooks.store.database import Database, insert
from cds_hooks.store.moment import moment, read_moment
from cds_hooks.store.tables import ANSWERED, card_shown, feedback, suppression

__all__ = ["Dismissal", "Whose", "dismissals", "lift"]


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose cards: the calling system (ids of two systems may coincide), the patient's FHIR id, the user as in `context.userId`."""

    caller: str
    patient: str
    user: str


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A card whose last feedback says overridden, and how often it was held back since."""

    fingerprint: str
    gaps: str
    indicator: str
    rules: tuple[tuple[str, str], ...]
    at: datetime
    reason_system: str | None
    reason_code: str | None
    held_back: int
    last: datetime | None


def _query() -> Select[Any]:
    shown, told = card_shown.c, feedback.c
    held = and_(
        suppression.c.caller == shown.caller,
        suppression.c.patient == shown.patient,
        suppression.c.user == shown.user,
        suppression.c.fingerprint == shown.fingerprint,
    )
    whose = (shown.caller == bindparam("by"), shown.patient == bindparam("of"), shown.user == bindparam("to"))
    return (
        select(
            shown.fingerprint, shown.gaps, shown.indicator, shown.rules, told.outcome, told.received, told.outcome_at,
            told.reason_system, told.reason_code, suppression.c.held_back, suppression.c.last, suppression.c.lifted,
        )
        .join(feedback, and_(told.card == shown.uuid, told.caller == shown.caller))
        .outerjoin(suppression, held)
        .where(*whose, ANSWERED, told.received >= bindparam("since"))
        .order_by(told.received, told.outcome_at)
    )  # fmt: skip


QUERY = _query()  # once: to build it costs more than to run it, and every call does


def dismissals(database: Database, who: Whose, *, since: datetime) -> list[Dismissal]:
    """The latest first, without those that were lifted. Raises StorageUnavailable.

    Only the calling system's own feedback on its own cards counts. A report that came late counts from the moment of the action, and
    one from the future from its arrival, so that no wrong clock makes a card stay away longer.
    """
    keys = database.keys
    whose = {"by": who.caller, "of": keys.patient(who.patient), "to": keys.user(who.user), "since": moment(since)}
    found: dict[str, Dismissal] = {}
    with database.reading() as connection:
        for row in connection.execute(QUERY, whose):
            found.pop(row.fingerprint, None)
            at = min(row.received, row.outcome_at)
            if row.outcome == "overridden" and (row.lifted is None or row.received > row.lifted):
                found[row.fingerprint] = Dismissal(
                    row.fingerprint, row.gaps, row.indicator, tuple((name, version) for name, version in json.loads(row.rules)),
                    read_moment(at), row.reason_system, row.reason_code, row.held_back or 0, read_moment(row.last) if row.last else None,
                )  # fmt: skip
    return list(reversed(found.values()))


def lift(database: Database, who: Whose, card: str, at: datetime) -> None:
    """From now on the card with this fingerprint may come again; on disk when it returns. Raises StorageUnavailable."""
    keys = database.keys
    now = moment(at)
    key = {"caller": who.caller, "patient": keys.patient(who.patient), "user": keys.user(who.user), "fingerprint": card}
    with database.begin() as connection:
        row = insert(connection, suppression).values(**key, held_back=0, last=now, lifted=now)
        connection.execute(row.on_conflict_do_update(index_elements=list(key), set_={"lifted": now}))
