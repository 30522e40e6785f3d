"""The database of the settings for commands that only read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from cds_hooks.commands.loading import read_settings
from cds_hooks.commands.output import Exit, StopError
from cds_hooks.errors import StorageUnavailable
from cds_hooks.store.database import Database

__all__ = ["reading_storage"]

REMEDY = "NMCDS_DATABASE_URL and NMCDS_SECRET must be those of the service (docs/reference/settings.md)."


@contextmanager
def reading_storage() -> Iterator[Database]:
    """The service's database. A missing SQLite file is an error, not a new and empty database; raises StopError."""
    settings = read_settings()
    database = Database(settings.database_url, settings.secret)
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise StopError(Exit.USAGE, f"there is no database at {url.database or '(memory)'}", REMEDY)
    try:
        yield database
    except StorageUnavailable:
        raise StopError(Exit.FAILED, "the database cannot be read", REMEDY) from None
    finally:
        database.close()
