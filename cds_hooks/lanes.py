"""One lane for each FHIR server: threads and a circuit of its own, so that a dead server holds up nobody who reads another one.

A server is an origin (scheme, host, port). What does not fit into a lane's threads waits there, within the deadline of its call.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from cds_hooks.circuit import Circuit
from cds_hooks.faults import Fault, RefusedError

__all__ = ["MOST_LANES", "Lane", "Lanes"]

MOST_LANES = 32  # servers remembered at one time; the one that was idle for longest is forgotten for a new one
T = TypeVar("T")


@dataclass(eq=False)
class Lane:
    """Threads for one server, and whether it answers. `busy` counts what was handed in and has not ended."""

    threads: ThreadPoolExecutor
    circuit: Circuit
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Run in a thread as soon as one is free."""
        with self.lock:
            self.busy += 1
        future = self.threads.submit(function)
        future.add_done_callback(self._end)
        return future

    def _end(self, _future: Future[T]) -> None:
        with self.lock:
            self.busy -= 1


class Lanes:
    """All lanes of a process, at most MOST_LANES. `changed` is told the origin, and whether its circuit opened (True) or closed."""

    def __init__(self, workers: int, failures: int, pause_s: float, changed: Callable[[str, bool], object]) -> None:
        self._workers = workers
        self._failures = failures
        self._pause_s = pause_s
        self._changed = changed
        self._lock = threading.Lock()
        self._lanes: OrderedDict[str, Lane] = OrderedDict()

    def circuit(self, origin: str) -> Circuit:
        """The circuit of a server; raises RefusedError when it would be one server too many and all others are in use."""
        with self._lock:
            return self._lane(origin).circuit

    def submit(self, origin: str, function: Callable[[], T]) -> Future[T]:
        """Run in a thread of the server's lane; raises RefusedError at once when its circuit is open or there is no lane for it."""
        with self._lock:
            lane = self._lane(origin)
            if lane.circuit.is_open:
                raise RefusedError(Fault.CIRCUIT_OPEN)
            return lane.submit(function)

    def _lane(self, origin: str) -> Lane:
        lane = self._lanes.get(origin)
        if lane is None:
            if len(self._lanes) >= MOST_LANES:
                self._forget_one()
            threads = ThreadPoolExecutor(self._workers, thread_name_prefix="fhir")
            lane = Lane(threads, Circuit(self._failures, self._pause_s, lambda opened: self._changed(origin, opened)))
            self._lanes[origin] = lane
        self._lanes.move_to_end(origin)
        return lane

    def close(self, *, wait: bool = False) -> None:
        """Take no more work; what runs ends with its deadline."""
        with self._lock:
            for lane in self._lanes.values():
                lane.threads.shutdown(wait=wait, cancel_futures=True)

    def _forget_one(self) -> None:
        for origin, lane in self._lanes.items():
            if not lane.busy:
                del self._lanes[origin]
                lane.threads.shutdown(wait=False)
                if lane.circuit.is_open:
                    self._changed(origin, False)
                return
        raise RefusedError(Fault.BUSY)
