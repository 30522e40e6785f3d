"""Tokens that were used, as hashes, until they expire: what one worker let in, no other worker and no later start lets in again."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete

from cds_hooks.store.database import Database, insert
from cds_hooks.store.tables import token_seen

__all__ = ["forget", "remember"]

BUSY_S = 0.4  # a call waits for its answer


def remember(database: Database, tokens: Mapping[str, str]) -> frozenset[str]:
    """Store tokens (digest to moment) in one transaction; those that nobody had stored before. Raises StorageUnavailable."""
    database.open()
    with database.failing(), database.engine.execution_options(busy_s=BUSY_S).begin() as connection:
        rows = [{"digest": digest, "until": until} for digest, until in sorted(tokens.items())]  # one order: no deadlock between workers
        statement = insert(connection, token_seen).on_conflict_do_nothing().returning(token_seen.c.digest)
        return frozenset(connection.execute(statement, rows).scalars())


def forget(database: Database, now: str) -> None:
    """Remove what has expired. Raises StorageUnavailable."""
    with database.begin() as connection:
        connection.execute(delete(token_seen).where(token_seen.c.until < now))
