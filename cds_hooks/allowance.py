"""How much one client may call, so that it leaves room for the others: calls in a minute, and calls at one time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from cds_hooks.errors import TooManyCalls

__all__ = ["Allowance"]


class Allowance:
    """A bucket that holds the calls of one minute and fills evenly, and places for calls at one time; both count per process."""

    def __init__(self, per_minute: int, at_once: int) -> None:
        self._per_second = per_minute / 60
        self._most = float(per_minute)
        self._left = float(per_minute)
        self._filled_at: float | None = None
        self._at_once = at_once
        self._inside = 0

    def take(self, now: float) -> None:
        """One call at `now` (seconds); raises TooManyCalls with the seconds to wait."""
        passed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        self._left = min(self._most, self._left + passed * self._per_second)
        if self._left < 1:
            raise TooManyCalls(math.ceil((1 - self._left) / self._per_second))
        self._left -= 1

    def give_back(self) -> None:
        """The call was nobody's of this client: a used token that somebody sent again must not cost the client its calls."""
        self._left += 1

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place while the call is answered; raises TooManyCalls when all are taken."""
        if self._inside >= self._at_once:
            raise TooManyCalls(1)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
