"""Feedback rows: written durably before anyone is told so, once each however often they come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from cds_hooks.store.answered import mark
from cds_hooks.store.database import Database, insert
from cds_hooks.store.moment import moment
from cds_hooks.store.tables import feedback

__all__ = ["Outcome", "save"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a user did with one card."""

    card: str
    outcome: str
    outcome_at: str
    accepted: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    comment: str | None = None


def save(database: Database, outcomes: Iterable[Outcome], *, service: str, caller: str, received: datetime) -> None:
    """Store all or none; on return they are on disk. Raises StorageUnavailable."""
    rows = [_row(outcome, service, caller, moment(received)) for outcome in outcomes]
    if not rows:
        return
    cards = {str(row["card"]) for row in rows}
    with database.begin() as connection:
        connection.execute(insert(connection, feedback).on_conflict_do_nothing(), rows)
        found = mark(connection, cards)
    if not found:  # cards that are written just now, or nobody knows
        with database.begin() as connection:
            mark(connection, cards)


def _row(outcome: Outcome, service: str, caller: str, received: str) -> dict[str, object]:
    values = asdict(outcome)
    digest = hashlib.sha256(json.dumps([service, caller, values], sort_keys=True).encode()).hexdigest()
    return {
        **values,
        "accepted": json.dumps(outcome.accepted),
        "digest": digest,
        "service": service,
        "caller": caller,
        "received": received,
    }
