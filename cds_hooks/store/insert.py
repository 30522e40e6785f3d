"""INSERT with ON CONFLICT, which SQLAlchemy spells by database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["add_counts", "insert"]


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """INSERT with ON CONFLICT, in the words of this database; the other one's are not loaded, they take megabytes."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as statement  # noqa: PLC0415

        return statement(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_statement  # noqa: PLC0415

    return sqlite_statement(table)


def add_counts(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Add the `count` of each row to that of the stored row with the same primary key, or store the row."""
    if rows:
        statement = insert(connection, table)
        key = [column.name for column in table.primary_key]
        connection.execute(
            statement.on_conflict_do_update(index_elements=key, set_={"count": table.c.count + statement.excluded.count}), list(rows)
        )
