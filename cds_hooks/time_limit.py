"""What has to be over by a moment: one thread ends whatever is not, for all threads of a process."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["TimeLimits"]


@dataclass(order=True)
class _Limit:
    """When, which of several of one moment, and what ends it; None: it is over."""

    due: float
    number: int
    end: Callable[[], object] | None = field(compare=False)


class TimeLimits:
    """A thread for each limit (threading.Timer) costs more than the request that it watches."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)  # a worker is a fork of a process that may have asked a server: threads stay there

    def _begin(self) -> None:
        self._limits: list[_Limit] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def within(self, seconds: float, end: Callable[[], object]) -> Iterator[None]:
        """Call `end`, once and in another thread, if the block takes longer; never after the block. `end` must be quick."""
        with self._changed:
            limit = _Limit(time.monotonic() + seconds, next(self._numbers), end)
            heapq.heappush(self._limits, limit)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="time-limits", daemon=True)
                self._thread.start()
            elif self._limits[0] is limit:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                limit.end = None

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                while self._limits and self._limits[0].due <= now:
                    limit = heapq.heappop(self._limits)
                    if limit.end is not None:
                        with suppress(Exception):  # whatever goes wrong with one must not leave all others without their limit
                            limit.end()
                self._changed.wait(self._limits[0].due - now if self._limits else None)
