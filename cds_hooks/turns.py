"""Evaluations take turns: one at a time in first-come order, and only so many may wait.

Rules run in this process, so two evaluations at once only make both slow, and a long queue answers everybody too late. Between two
turns the event loop reads, answers `/healthz` and refuses what does not fit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cds_hooks.errors import Overloaded

__all__ = ["Turns"]


class Turns:
    """`most` calls at one time, the one whose turn it is included."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0
        self.turn = asyncio.Lock()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for the turn; raises Overloaded at once when too many wait already."""
        if self.inside >= self.most:
            raise Overloaded
        self.inside += 1
        try:
            async with self.turn:
                yield
                await asyncio.sleep(0)  # the next turn begins only after the event loop has been round once
        finally:
            self.inside -= 1
