"""Evaluations take turns: one at a time in first-come order, and only so many may wait, and only so long.

Rules run in this process, so two evaluations at once only make both slow, and a long queue answers everybody too late. While one runs
and others wait, the event loop reads, answers `/healthz` and refuses what does not fit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from cds_hooks.errors import Overloaded

__all__ = ["Places", "Turns"]

SHARE = 0.1  # of the last turn in what is usual


class Turns:
    """`most` calls at one time, the one whose turn it is included, and no more than can be expected to be done within `longest_s`."""

    def __init__(self, most: int, longest_s: float = 60.0) -> None:
        self.most = most
        self.longest_s = longest_s
        self.usual_s = 0.0  # what a turn took lately
        self.inside = 0
        self.turn = asyncio.Lock()

    @property
    def is_full(self) -> bool:
        """Whether another call would be refused."""
        return self.inside >= self.most or self.inside * self.usual_s > self.longest_s

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for the turn; raises Overloaded at once when too many wait already."""
        if self.is_full:
            raise Overloaded
        self.inside += 1
        try:
            async with self.turn:
                began = time.monotonic()
                yield
                self.usual_s += SHARE * (time.monotonic() - began - self.usual_s)
                await asyncio.sleep(0)  # the next turn begins only after the event loop has been round once
        finally:
            self.inside -= 1


class Places:
    """`most` calls in the house, whatever they wait for: their body, FHIR data, a turn, storage."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """A place for one call; raises Overloaded at once when there is none."""
        if self.inside >= self.most:
            raise Overloaded
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
