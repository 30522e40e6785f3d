"""The database: opened when it is first needed, looked at again after every failure, never waited for without a limit.

The service answers hooks without a database; only feedback needs it. So everything here may fail, as StorageUnavailable, and is tried
again by the next call. SQLite is created and migrated on the way; PostgreSQL is migrated by `nmcds db upgrade`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cds_hooks.errors import StorageUnavailable
from cds_hooks.store.connect import connect
from cds_hooks.store.insert import insert
from cds_hooks.store.keys import Keys, find_key, make_key
from cds_hooks.store.schema import WAIT_S, State, migrate, state
from cds_hooks.store.tables import deployment

__all__ = ["Database", "Keys", "insert"]

P = ParamSpec("P")
T = TypeVar("T")
THREADS = 8
WAITING = 64  # calls for a storage thread at one time; more fail at once
REST_S = 1.0  # after a failure, what can do without storage does without it for so long
PROBE_S = 5.0  # how old a good answer of `check` may be
PROBE = "x" * 16_384  # some pages: a disk or file without room for them has none for feedback
SCHEMA: dict[State, str] = {
    "empty": "the database has no tables; run `nmcds db upgrade`",
    "older": "the tables are of an older version; run `nmcds db upgrade`",
    "newer": "the tables are of a newer version of the service than this one; run that version",
}


class Database:
    """One SQLAlchemy engine. All methods may be called from any thread; failures are StorageUnavailable."""

    def __init__(self, url: str, secret: str = "", *, pool: int = THREADS, timeout_s: float = 2.0) -> None:
        self.engine: Engine = connect(url, pool=pool, timeout_s=timeout_s)
        self.timeout_s = timeout_s
        self._secret = secret
        self._lock = threading.Lock()
        self._keys: Keys | None = None
        self._ready = False
        self._file: tuple[int, int] | None = None
        self._rest_until = 0.0
        self._checked = 0.0
        self._threads = ThreadPoolExecutor(THREADS, "storage")
        self._places = threading.BoundedSemaphore(WAITING)

    @property
    def keys(self) -> Keys:
        """The deployment's keyed hashes; opens the database when the settings have no secret."""
        if self._keys is None:
            self.open()
        if self._keys is None:
            raise StorageUnavailable
        return self._keys

    @property
    def is_resting(self) -> bool:
        """Whether storage failed a moment ago, so that a call which can do without it should."""
        return time.monotonic() < self._rest_until

    def open(self) -> None:
        """See that the tables are as they must be, and create or migrate them in SQLite. Quick once that is done."""
        if self._ready and not self._is_replaced():
            return
        if not self._lock.acquire(timeout=self.timeout_s):
            raise StorageUnavailable
        try:
            if not self._ready or self._is_replaced():
                self._forget()
                with self.failing():
                    self._look()
        finally:
            self._lock.release()

    def upgrade(self) -> None:
        """Bring the tables to this version, whichever the database is; several processes may do so at once."""
        with self.failing(), self.engine.execution_options(busy_s=WAIT_S).begin() as connection:
            migrate(connection)
            if state(connection) != "ready":
                raise StorageUnavailable(SCHEMA["newer"])
            if not self._secret:
                make_key(connection)

    def check(self) -> None:
        """Write something, now or within the last PROBE_S: for readiness. Raises StorageUnavailable with the reason."""
        if self._ready and time.monotonic() - self._checked < PROBE_S and not self._is_replaced():
            return
        for text in (PROBE, ""):
            with self.begin() as connection:
                row = insert(connection, deployment).values(name="probe", value=text)
                connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": text}))
        self._checked = time.monotonic()

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

    async def use(self, wait_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a storage thread. Raises StorageUnavailable when it does, when it is not done in time, or when too many
        wait already: storage that hangs must not take the threads that rules need."""
        if not self._places.acquire(blocking=False):
            raise StorageUnavailable
        try:
            job = self._threads.submit(function, *args, **kwargs)
        except RuntimeError as error:  # closed
            self._places.release()
            raise StorageUnavailable from error
        job.add_done_callback(self._leave)
        try:
            async with asyncio.timeout(wait_s):
                return await asyncio.wrap_future(job)
        except TimeoutError as error:
            self._rest_until = time.monotonic() + REST_S
            raise StorageUnavailable from error

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Turn the database's errors into StorageUnavailable; their texts hold values and go nowhere."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            self._fail()
            raise StorageUnavailable from error
        except StorageUnavailable:
            self._fail()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()

    def _look(self) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            found = state(connection)
            key = self._secret or (find_key(connection) if found == "ready" else "")
        if found == "newer" or (found != "ready" and self._is_postgresql):
            raise StorageUnavailable(SCHEMA[found])
        if found != "ready" or not key:
            self.upgrade()
            with self.engine.connect() as connection:
                key = self._secret or find_key(connection)
        self._keys = Keys(key)
        self._file = self._inode()
        self._ready = True

    def _fail(self) -> None:
        """Whatever it was: look at everything anew, and leave it alone for a moment."""
        self._ready = False
        self._checked = 0.0
        self._rest_until = time.monotonic() + REST_S
        self._forget()

    def _forget(self) -> None:
        """Use no connection again: those of SQLite hold on to their file, whatever stands in its place. PostgreSQL's are tried first."""
        if not self._is_postgresql:
            self.engine.dispose()

    def _leave(self, _job: Future[T]) -> None:
        self._places.release()

    @property
    def _is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    def _inode(self) -> tuple[int, int] | None:
        """Which file an SQLite database is; None for other databases and when it is gone."""
        name = self.engine.url.database
        if self._is_postgresql or not name or name == ":memory:":
            return None
        try:
            found = Path(name).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _is_replaced(self) -> bool:
        """Whether another file stands where the open one did: what is written to that one would be lost."""
        return self._file is not None and self._inode() != self._file
