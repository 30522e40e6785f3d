"""`nmcds db`: the tables of the database that the settings name. Nothing here prints the URL: it may hold a password."""

from __future__ import annotations

from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError

from cds_hooks.commands.loading import read_settings
from cds_hooks.commands.output import Exit, StopError, console
from cds_hooks.errors import StorageUnavailable
from cds_hooks.settings import Settings
from cds_hooks.store.connect import named
from cds_hooks.store.database import SCHEMA, Database
from cds_hooks.store.schema import WAIT_S, State, revision, state
from cds_hooks.store.tables import HEAD

__all__ = ["check", "current", "refuse_newer", "upgrade"]

REMEDY = "Is NMCDS_DATABASE_URL right, does the server run, and may this user read and write there?"


def upgrade() -> Exit:
    """Make or migrate the tables. Raises SettingsError, StopError."""
    database = _database()
    before = _look(database)[0]
    console(error=True).print(Text(f"bringing the {named(database.engine.url)} to revision {HEAD} ...", style="dim"))
    try:
        database.upgrade()
    except StorageUnavailable as error:
        raise StopError(Exit.FAILED, f"the tables could not be migrated: {_reason(error)}", REMEDY) from None
    finally:
        database.close()
    console().print(f"revision {HEAD}, " + ("as before" if before == HEAD else f"before: {before or 'no tables'}"))
    return Exit.OK


def current() -> Exit:
    """Say which revision there is and which one this version needs."""
    database = _database()
    found, how = _look(database)
    database.close()
    console().print(f"{named(database.engine.url)}: revision {found or 'none'}, this version needs {HEAD}")
    if how != "ready":
        console().print(SCHEMA[how])
    return Exit.OK if how == "ready" else Exit.FOUND


def check() -> Exit:
    """Say whether the service could store feedback now; an SQLite file is read as a whole."""
    database = _database()
    found, how = _look(database)
    try:
        if how != "ready":
            console().print(f"revision {found or 'none'}: {SCHEMA[how]}")
            return Exit.FOUND
        database.check()
        with database.reading() as connection:
            if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA quick_check").scalar() != "ok":
                console().print(
                    "the SQLite file is damaged: stop the service and put a copy in its place (docs/how-to/back-up-and-restore.md)"
                )
                return Exit.FOUND
    except StorageUnavailable as error:
        raise StopError(Exit.FAILED, f"nothing can be stored: {_reason(error)}", REMEDY) from None
    finally:
        database.close()
    console().print(f"{named(database.engine.url)}: revision {HEAD}, can be read and written")
    return Exit.OK


def refuse_newer(settings: Settings) -> None:
    """Stop a start on tables that this version does not know; a database that does not answer is no reason to. Raises StopError."""
    database = Database(settings.database_url, pool=1, timeout_s=settings.database_timeout_s)
    try:
        with database.engine.connect() as connection:
            how = state(connection)
    except SQLAlchemyError:
        return
    finally:
        database.close()
    if how == "newer":
        raise StopError(Exit.FAILED, SCHEMA["newer"], "`nmcds db current` says which revision was found and which is needed.")


def _database() -> Database:
    settings = read_settings()
    return Database(settings.database_url, settings.secret, pool=1, timeout_s=max(settings.database_timeout_s, WAIT_S / 6))


def _look(database: Database) -> tuple[str, State]:
    try:
        with database.engine.connect() as connection:
            return revision(connection), state(connection)
    except SQLAlchemyError as error:
        raise StopError(Exit.FAILED, f"the {named(database.engine.url)} cannot be read: {type(error).__name__}", REMEDY) from None


def _reason(error: StorageUnavailable) -> str:
    """The reason, and the kind of the driver's error: its text may hold values."""
    return error.reason + (f" ({type(error.__cause__).__name__})" if error.__cause__ else "")
