"""A SQLAlchemy engine as the service needs it: SQLite that waits for the disk, PostgreSQL with limits on every wait."""

from __future__ import annotations

import logging
import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cds_hooks.errors import SettingsError

__all__ = ["connect", "named"]

RECYCLE_S = 1800  # a connection is not kept for longer: firewalls and failovers cut old ones without a word
PAGES_KIB = 128  # of an SQLite file, for each connection; the system keeps the rest once for all, and 2 MB each made workers grow for days
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def connect(url: str, *, pool: int, timeout_s: float) -> Engine:
    """The engine for a URL; connects when it is first used. Raises SettingsError, which never repeats the URL.

    `timeout_s` limits each wait: to connect, for a place in the pool, for a lock, and (twice that) for one statement.
    """
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)  # its messages may hold what a driver says, values included
    try:
        parts = make_url(url)
        name = parts.get_backend_name()
        if name not in DRIVERS:
            raise SettingsError(["NMCDS_DATABASE_URL: only sqlite and postgresql are supported"])
        if parts.drivername == name:
            parts = parts.set(drivername=DRIVERS[name])
        engine = create_engine(parts, hide_parameters=True, **_options(name, pool, timeout_s))
    except (ArgumentError, ImportError) as error:
        raise SettingsError(
            ["NMCDS_DATABASE_URL: expected a SQLAlchemy URL with an installed driver, such as sqlite:///nmcds.sqlite3"]
        ) from error
    if name == "sqlite":
        event.listen(engine, "begin", lambda connection: _begin_sqlite(connection, timeout_s))
    prepare = _prepare_sqlite if name == "sqlite" else _prepare_postgresql

    @event.listens_for(engine, "connect")
    def prepared(connection: Any, _record: object) -> None:  # noqa: ANN401 - whatever the driver gives
        try:
            prepare(connection, timeout_s)
        except Exception:
            connection.close()  # nobody else knows it yet
            raise

    return engine


def named(url: URL) -> str:
    """The database in words for an operator: never user, password or options."""
    where = f" at {url.host or 'the local socket'}" if url.get_backend_name() == "postgresql" else ""
    return f"{url.get_backend_name()} database {url.database or 'in memory'}{where}"


def _options(name: str, pool: int, timeout_s: float) -> dict[str, Any]:
    if name == "sqlite":
        return {"connect_args": {"timeout": timeout_s}}
    keepalive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
    return {
        "pool_size": pool,
        "max_overflow": 0,
        "pool_timeout": timeout_s,
        "pool_recycle": RECYCLE_S,
        "pool_pre_ping": True,
        "connect_args": {"connect_timeout": max(2, round(timeout_s)), "application_name": "nmcds", **keepalive},  # libpq: 2 s at least
    }


def _prepare_postgresql(connection: Any, timeout_s: float) -> None:  # noqa: ANN401 - whatever the driver gives
    """Set by statements, not start-up options: a connection pooler between may refuse those."""
    wait_ms = int(timeout_s * 1000)
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {wait_ms}")
        cursor.execute(f"SET statement_timeout = {2 * wait_ms}")
        cursor.execute(f"SET idle_in_transaction_session_timeout = {10 * wait_ms}")
        # A server that does not wait for its own disk would lose what was acknowledged; stricter settings stay.
        cursor.execute("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
    connection.commit()


def _prepare_sqlite(connection: Any, timeout_s: float) -> None:  # noqa: ANN401 - whatever the driver gives
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA cache_size=-{PAGES_KIB}")
    until = time.monotonic() + timeout_s
    while True:
        try:  # SQLite does not wait here when several processes open a new file at once
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
    cursor.close()


def _begin_sqlite(connection: Connection, timeout_s: float) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql(f"PRAGMA busy_timeout={int(options.get('busy_s', timeout_s) * 1000)}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
