"""Opening the database: SQLite (WAL, every commit on disk) or PostgreSQL, created and migrated when it is first needed.

The service answers hooks without a database; only feedback needs it. So opening may fail and is tried again.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cds_hooks.errors import SettingsError, StorageUnavailable
from cds_hooks.store.tables import HEAD, deployment

__all__ = ["Database", "Keys", "insert"]

BUSY_S = 2  # how long a writer waits for another process
MIGRATION_S = 30  # how long a process waits for another one that migrates
LOCK = 0x6E6D6364  # PostgreSQL advisory lock: one process migrates


class Keys:
    """Keyed hashes that stand for people: the same person gives the same hash, nobody can go back without the key."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def mac(self, purpose: str, *parts: str) -> str:
        """HMAC-SHA-256 of the parts, different for each purpose; 64 hexadecimal digits."""
        return hmac.new(self._secret, json.dumps([purpose, *parts]).encode(), "sha256").hexdigest()

    def patient(self, fhir_id: str) -> str:
        """Hash of a patient."""
        return self.mac("patient", fhir_id)

    def user(self, user_id: str) -> str:
        """Hash of a user."""
        return self.mac("user", user_id)


class Database:
    """One SQLAlchemy engine. All methods may be called from any thread; failures are StorageUnavailable."""

    def __init__(self, url: str, secret: str = "") -> None:
        self._secret = secret
        self._lock = threading.Lock()
        self._keys: Keys | None = None
        try:
            name = make_url(url).get_backend_name()
            self.engine: Engine = create_engine(
                url, connect_args={"timeout": BUSY_S} if name == "sqlite" else {}, pool_pre_ping=name != "sqlite"
            )
        except (ArgumentError, ImportError, ModuleNotFoundError) as error:
            raise SettingsError(
                ["NMCDS_DATABASE_URL: expected a SQLAlchemy URL with an installed driver, such as sqlite:///nmcds.sqlite3"]
            ) from error
        if name not in ("sqlite", "postgresql"):
            raise SettingsError(["NMCDS_DATABASE_URL: only sqlite and postgresql are supported"])
        if name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @property
    def keys(self) -> Keys:
        """The deployment's keyed hashes; opens the database when the settings have no secret."""
        self.open()
        if self._keys is None:
            raise StorageUnavailable
        return self._keys

    def open(self) -> None:
        """Create or migrate the tables once; raises StorageUnavailable and can be called again."""
        if self._keys is not None:
            return
        with self._lock, self.failing():
            if self._keys is None:
                with self.engine.execution_options(busy_s=MIGRATION_S).begin() as connection:
                    if connection.dialect.name == "postgresql":
                        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
                    _migrate(connection)
                    self._keys = Keys(self._secret or _kept_secret(connection))

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that is on disk when the block ends."""
        self.open()
        with self.failing(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that takes no write lock."""
        self.open()
        with self.failing(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Turn the database's errors into StorageUnavailable; their texts hold values and go nowhere."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise StorageUnavailable from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def insert(connection: Connection, table: Table) -> sqlite_dialect.Insert | postgresql.Insert:
    """INSERT with ON CONFLICT, in the words of this database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite_dialect.insert(table)


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - whatever the driver gives
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    until = time.monotonic() + BUSY_S
    while True:
        try:  # SQLite does not wait here when several processes open a new file at once
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"PRAGMA busy_timeout={options.get('busy_s', BUSY_S) * 1000}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


_MIGRATING = threading.Lock()  # Alembic keeps its context in a module: one migration at a time in a process, whatever the database


def _migrate(connection: Connection) -> None:
    with _MIGRATING:
        _migrate_alone(connection)


def _migrate_alone(connection: Connection) -> None:
    if inspect(connection).has_table("alembic_version"):
        rows: Sequence[Any] = connection.exec_driver_sql("SELECT version_num FROM alembic_version").all()
        if [row[0] for row in rows] == [HEAD]:
            return
    from alembic import command  # noqa: PLC0415 - 0.2 s that a start with a ready database does without
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "cds_hooks.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _kept_secret(connection: Connection) -> str:
    """The key made at the first start of this deployment."""
    statement = insert(connection, deployment).values(name="hash-key", value=secrets.token_hex(32)).on_conflict_do_nothing()
    connection.execute(statement)
    return str(connection.execute(select(deployment.c.value).where(deployment.c.name == "hash-key")).scalar_one())
