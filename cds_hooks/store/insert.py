"""INSERT with ON CONFLICT, which SQLAlchemy spells by database."""

from __future__ import annotations

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

__all__ = ["insert"]


def insert(connection: Connection, table: Table) -> sqlite_dialect.Insert | postgresql.Insert:
    """INSERT with ON CONFLICT, in the words of this database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite_dialect.insert(table)
