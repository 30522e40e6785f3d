"""Reading the audit: what was asked by whom, about whom as a keyed hash, and what came out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from cds_hooks.store.database import Database
from cds_hooks.store.moment import moment
from cds_hooks.store.tables import audit

__all__ = ["AuditRow", "about", "between"]

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One call of a known caller. `patient` and `user` are keyed hashes, empty when the call was refused before it was read."""

    id: int
    at: str
    service: str
    instance: str
    caller: str
    patient: str
    user: str
    outcome: str
    status: int
    number: str
    knowledge: str
    rules: tuple[tuple[str, str], ...]
    cards: int
    suppressed: int
    unread: tuple[str, ...]
    ms: int


def between(database: Database, since: datetime | None = None, until: datetime | None = None) -> Iterator[AuditRow]:
    """Rows from `since` on and before `until`, in the order in which they were written, read in parts. Raises StorageUnavailable."""
    query = select(audit).order_by(audit.c.id).limit(BATCH)
    if since is not None:
        query = query.where(audit.c.at >= moment(since))
    if until is not None:
        query = query.where(audit.c.at < moment(until))
    last = 0
    while True:
        with database.reading() as connection:
            rows = [_row(dict(row)) for row in connection.execute(query.where(audit.c.id > last)).mappings()]
        yield from rows
        if len(rows) < BATCH:
            return
        last = rows[-1].id


def about(database: Database, patient: str) -> list[AuditRow]:
    """All rows about one patient, given as the FHIR id that the EHR sends; the oldest first. Raises StorageUnavailable."""
    hashed = database.keys.patient(patient)
    with database.reading() as connection:
        return [
            _row(dict(row)) for row in connection.execute(select(audit).where(audit.c.patient == hashed).order_by(audit.c.at)).mappings()
        ]


def _row(values: dict[str, object]) -> AuditRow:
    rules = tuple((str(rule), str(version)) for rule, version in json.loads(str(values["rules"])))
    return AuditRow(**{**values, "rules": rules, "unread": tuple(json.loads(str(values["unread"])))})  # type: ignore[arg-type]
