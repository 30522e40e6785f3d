"""Each token lets in once. Used tokens are in the database, for all workers and after a restart, and in this process.

Hooks must be answered when the database is down. Then this process alone remembers: a token could be used once more at another
worker, or after a restart, within its few minutes. That is counted, logged, and takes readiness down; what was let in meanwhile is
stored as soon as the database answers again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from cds_hooks.errors import Overloaded, StorageUnavailable
from cds_hooks.observe import log_event
from cds_hooks.store.database import Database
from cds_hooks.store.moment import moment
from cds_hooks.store.tokens import forget, remember

__all__ = ["Used"]

WAIT_S = 0.5  # for the database; the whole call has two seconds
PAUSE_S = 5.0  # after a failure the database is not asked for so long, or every call would wait for it
CLEAN_S = 300.0
SPARE_S = 300.0  # rows stay so long after their end: clocks of workers differ, and a clock may be set back
MOST = 200_000  # tokens in memory; about 40 MB


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A token on its way to the database; `new` is told whether it was there already."""

    until: str
    new: asyncio.Future[bool]


class Used:
    """The tokens that were used. `unsafe` is told of each call that only this process remembers."""

    def __init__(self, database: Database, unsafe: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._unsafe = unsafe
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tokens")
        self._here: dict[str, float] = {}
        self._owed: dict[str, str] = {}
        self._queue: dict[str, _Waiting] = {}
        self._running: asyncio.Task[None] | None = None
        self._cleaned = 0.0
        self._not_before = 0.0

    async def spend(self, issuer: str, jti: str, until: float, now: float) -> bool:
        """Whether this token is used for the first time; `until` and `now` in seconds. Raises Overloaded when too many are remembered."""
        digest = hashlib.sha256(json.dumps([issuer, jti]).encode()).hexdigest()
        if self._here.get(digest, 0.0) > now:
            return False
        self._make_room(now)
        self._here[digest] = until  # before anything is awaited: the same token may come twice at once
        last = moment(datetime.fromtimestamp(until, UTC))
        if time.monotonic() >= self._not_before:
            try:
                return await self._stored(digest, last)
            except StorageUnavailable:
                log_event("storage-unavailable", logging.ERROR, kind="tokens", number=StorageUnavailable.number)
        self._owed[digest] = last
        self._unsafe()
        return True

    async def settle(self) -> bool:
        """Store what could not be stored in its time; whether nothing is owed."""
        owed = dict(self._owed)
        if owed:
            try:
                await self._remember(owed)
            except (StorageUnavailable, TimeoutError):
                return False
            for digest in owed:
                self._owed.pop(digest, None)
        return True

    def close(self) -> None:
        """Stop taking work."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _make_room(self, now: float) -> None:
        if time.monotonic() - self._cleaned > CLEAN_S or len(self._here) >= MOST:
            self._cleaned = time.monotonic()
            self._here = {digest: until for digest, until in self._here.items() if until > now}
            self._pool.submit(self._clean, moment(datetime.fromtimestamp(now - SPARE_S, UTC)))
        if len(self._here) >= MOST:
            raise Overloaded

    async def _stored(self, digest: str, until: str) -> bool:
        waiting = _Waiting(until, asyncio.get_running_loop().create_future())
        self._queue[digest] = waiting
        if self._running is None:
            self._running = asyncio.create_task(self._store())
        return await waiting.new

    async def _store(self) -> None:
        """Store all that wait in one transaction, again and again: many calls at once cost the disk as much as one."""
        batch: dict[str, _Waiting] = {}
        try:
            while self._queue:
                batch, self._queue = self._queue, {}
                tokens = {**self._owed, **{digest: one.until for digest, one in batch.items()}}
                new = await self._remember(tokens)
                for digest in tokens.keys() - batch.keys():
                    self._owed.pop(digest, None)
                for digest, one in batch.items():
                    if not one.new.done():
                        one.new.set_result(digest in new)
        except (StorageUnavailable, TimeoutError):
            self._not_before = time.monotonic() + PAUSE_S
        finally:
            self._running = None
            for one in (*batch.values(), *self._queue.values()):
                if not one.new.done():
                    one.new.set_exception(StorageUnavailable())
            self._queue = {}

    async def _remember(self, tokens: Mapping[str, str]) -> frozenset[str]:
        running = asyncio.get_running_loop().run_in_executor(self._pool, remember, self._database, tokens)
        return await asyncio.wait_for(running, WAIT_S)

    def _clean(self, now: str) -> None:
        try:
            forget(self._database, now)
        except StorageUnavailable:
            log_event("storage-unavailable", logging.WARNING, kind="tokens", number=StorageUnavailable.number)
