"""Codes that mean nothing to us, counted by day: how many calls had each. The table is bounded; old days make room for new codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, select

from cds_hooks.store.database import Database
from cds_hooks.store.insert import add_counts
from cds_hooks.store.tables import unmapped
from rules.facts import Unmapped

__all__ = ["LIMIT", "Seen", "count_unmapped", "seen_since"]

LIMIT: Final = 10_000
"""Rows of the table at most: nobody can fill the disk by sending ever new codes."""
MANY: Final = 500
"""Codes in one query."""
KNOWN: Final = select(unmapped.c.system, unmapped.c.code).where(
    unmapped.c.day == bindparam("day"), unmapped.c.code.in_(bindparam("codes", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One code and in how many calls it was seen."""

    system: str
    code: str
    chapter: str
    calls: int


def count_unmapped(connection: Connection, day: str, counts: Mapping[Unmapped, int]) -> int:
    """Add to the counts of a day; returns how many codes found no room."""
    known = _known(connection, day, [one.code for one in counts])
    old: list[dict[str, object]] = []
    new: list[dict[str, object]] = []
    for one, count in sorted(counts.items()):
        row = {"day": day, "system": one.system, "code": one.code, "chapter": one.chapter, "count": count}
        (old if (one.system, one.code) in known else new).append(row)
    room = _room(connection, len(new), day) if new else 0
    add_counts(connection, unmapped, old + new[:room])  # another process may have been quicker
    return max(len(new) - room, 0)


def _known(connection: Connection, day: str, codes: Sequence[str]) -> set[tuple[str, str]]:
    """The (system, code) of this day's rows with one of these codes."""
    found: set[tuple[str, str]] = set()
    for first in range(0, len(codes), MANY):
        some = {"day": day, "codes": codes[first : first + MANY]}
        found.update((row.system, row.code) for row in connection.execute(KNOWN, some))
    return found


def _room(connection: Connection, wanted: int, today: str) -> int:
    """How many rows may be added, after the oldest days went for them."""
    while True:
        room = LIMIT - connection.execute(select(func.count()).select_from(unmapped)).scalar_one()
        oldest = connection.execute(select(func.min(unmapped.c.day))).scalar_one()
        if room >= wanted or oldest is None or oldest >= today:
            return max(room, 0)
        connection.execute(delete(unmapped).where(unmapped.c.day == oldest))


def seen_since(database: Database, since: date | None, *, at_least: int = 1) -> tuple[tuple[Seen, ...], bool]:
    """What was seen from a day on in so many calls or more, most often first, and whether the table is full.

    Raises StorageUnavailable.
    """
    calls = func.sum(unmapped.c.count)
    query = (
        select(unmapped.c.system, unmapped.c.code, func.min(unmapped.c.chapter), calls)
        .where(unmapped.c.day >= (since.isoformat() if since else ""))
        .group_by(unmapped.c.system, unmapped.c.code)
        .having(calls >= at_least)
        .order_by(calls.desc(), unmapped.c.system, unmapped.c.code)
    )
    with database.reading() as connection:
        found = tuple(Seen(system, code, chapter, int(count)) for system, code, chapter, count in connection.execute(query))
        full = connection.execute(select(func.count()).select_from(unmapped)).scalar_one() >= LIMIT
    return found, full
