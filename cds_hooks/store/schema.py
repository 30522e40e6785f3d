"""The tables' version: what the database has, what this version of the service needs, and the way from one to the other (Alembic)."""

# ruff: noqa: PLC0415 - Alembic takes 0.3 s and 11 MB to import; a start with a ready or an empty database does without
from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect

from cds_hooks.store.tables import HEAD, METADATA

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["State", "migrate", "revision", "state"]

LOCK = 0x6E6D6364  # PostgreSQL advisory lock: one process migrates
ALONE = threading.Lock()  # Alembic keeps its context in a module: one migration at a time in a process, whatever the database
WAIT_S = 60  # how long a process waits for another one that migrates
State = Literal["ready", "empty", "older", "newer"]
VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))  # as Alembic makes it


def revision(connection: Connection) -> str:
    """The revision of the tables; "" when there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return ",".join(str(row[0]) for row in connection.exec_driver_sql("SELECT version_num FROM alembic_version").all())


def state(connection: Connection) -> State:
    """Whether this version of the service can work with the tables: only "ready" will do; "newer" is any revision that it does not know."""
    found = revision(connection)
    if found == HEAD:
        return "ready"
    if not found:
        return "empty"
    from alembic.script import ScriptDirectory

    return "older" if found in {one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()} else "newer"


def migrate(connection: Connection) -> None:
    """Bring the tables to HEAD inside the connection's transaction; others that try meanwhile wait and then find nothing to do."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_S}s'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
    found = state(connection)
    if found == "empty":
        _make(connection)
    elif found == "older":
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        with ALONE:
            command.upgrade(config, "head")


def _make(connection: Connection) -> None:
    """The tables as the code has them, and Alembic's own with the revision. Fails where one of the name is there already."""
    METADATA.create_all(connection, checkfirst=False)
    VERSION.create(connection)
    connection.execute(VERSION.insert().values(version_num=HEAD))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "cds_hooks.store:migrations")
    return config
