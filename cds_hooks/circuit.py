"""A circuit breaker for one FHIR server: after several failures in a row nobody waits for it until a trial succeeds.

Own code, because pybreaker, the library for it, holds its lock while the guarded call runs: the reads of a server would go one after
the other. It also counts each of ten parallel reads that meet one stall as a failure of its own; here they are one.
(M. Nygard, Release It!, 2nd ed., "Circuit Breaker".)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Circuit"]


class Circuit:
    """Closed: requests go out. Open: none does, but one trial after each pause of `pause_s` seconds. Safe for threads.

    `changed` is told True when the circuit opens and False when it closes; it must not call back.
    """

    def __init__(
        self, failures: int, pause_s: float, changed: Callable[[bool], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = failures
        self._pause_s = pause_s
        self._changed = changed
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._counted_at = float("-inf")
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request would be refused now. Asking starts no trial."""
        return self._open_until is not None and self._clock() < self._open_until

    def allows(self) -> bool:
        """Whether a request may go out now. After a pause the first that asks is the trial; another may follow if it never ends."""
        with self._lock:
            now = self._clock()
            if self._open_until is not None:
                if now < self._open_until:
                    return False
                self._open_until = now + self._pause_s
            return True

    def record(self, answered: bool | None, began: float) -> None:
        """How a request ended that `began` then (same clock): the server answered, failed, or (None) it cannot be said.

        A failure counts once for all requests that overlap: those that began before the last counted one had ended say nothing new.
        """
        with self._lock:
            if answered:
                self._failures = 0
                if self._open_until is not None:
                    self._open_until = None
                    self._changed(False)
                return
            if began < self._counted_at:
                return
            now = self._clock()
            if answered is None:
                if self._open_until is not None:
                    self._open_until = now
                return
            self._counted_at = now
            self._failures += 1
            if self._open_until is not None:
                self._open_until = now + self._pause_s
            elif self._failures >= self._most:
                self._open_until = now + self._pause_s
                self._changed(True)
