"""INSERT with ON CONFLICT, which SQLAlchemy spells by database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

__all__ = ["add_counts", "insert"]


def insert(connection: Connection, table: Table) -> sqlite_dialect.Insert | postgresql.Insert:
    """INSERT with ON CONFLICT, in the words of this database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite_dialect.insert(table)


def add_counts(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Add the `count` of each row to that of the stored row with the same primary key, or store the row."""
    if rows:
        statement = insert(connection, table)
        key = [column.name for column in table.primary_key]
        connection.execute(
            statement.on_conflict_do_update(index_elements=key, set_={"count": table.c.count + statement.excluded.count}), list(rows)
        )
