"""The keys of one client: those written in the registry, or those at its pinned address, kept for when that address is down.

A set is read again when it is ten minutes old or a token names a key that is not in it, never more often than every 30 seconds,
whoever asks. When it cannot be read, the keys of the last time count for 24 hours; a set that was read replaces them all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from cds_hooks.key_fetcher import FetchFailedError
from cds_hooks.keys import Key, KeyProblemError, read_set
from cds_hooks.observe import log_event
from cds_hooks.registry import Client, KeySource

__all__ = ["FRESH_S", "KEEP_S", "RETRY_S", "KeyRing"]

FRESH_S = 600.0
RETRY_S = 30.0
KEEP_S = 24 * 3600.0


class KeyRing:
    """Times are seconds of the service's clock. `failed` is told each time the address could not be read."""

    def __init__(self, client: Client, fetch: Callable[[str], Awaitable[object]], failed: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._fetch = fetch
        self._failed = failed
        self._fixed: Mapping[str, Key] = {key.kid: key for key in client.keys}
        self._fetched: Mapping[str, Key] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._running: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, now: float) -> Key | None:
        """The key that `kid` names; without a `kid`, the only key there is."""
        source = self._client.jwks
        keys = self._fixed if source is None else await self._current(source, kid, now)
        if kid is None:
            return next(iter(keys.values())) if len(keys) == 1 else None
        return keys.get(kid)

    async def _current(self, source: KeySource, kid: str | None, now: float) -> Mapping[str, Key]:
        if not _within(FRESH_S, self._read_at, now) or (kid is not None and kid not in self._fetched):
            await self._refresh(source, now)
        return self._fetched if now - self._read_at <= KEEP_S else {}

    async def _refresh(self, source: KeySource, now: float) -> None:
        """Read the set, unless that was tried just now; calls that come meanwhile wait for the same answer."""
        if self._running is None and not _within(RETRY_S, self._tried_at, now):
            self._tried_at = now
            self._running = asyncio.create_task(self._read(source, now))
        if self._running is not None:
            await asyncio.shield(self._running)

    async def _read(self, source: KeySource, now: float) -> None:
        try:
            self._fetched = read_set(await self._fetch(source.url), source.algorithms)
            self._read_at = now
        except (FetchFailedError, KeyProblemError) as error:
            self._failed()
            kind = error.kind if isinstance(error, FetchFailedError) else "content"
            log_event("keys-not-read", logging.WARNING, client=self._client.name, kind=kind)
        finally:
            self._running = None


def _within(seconds: float, then: float, now: float) -> bool:
    """Whether `then` is that near; a clock that was set back makes it old, not new."""
    return 0 <= now - then < seconds
