"""From the start of the process to the first answer, and the memory then."""

from __future__ import annotations

import asyncio
import time

from bench.patients import cases
from bench.server import running
from bench.wire import Call, closed_loop

__all__ = ["start"]


def start(rounds: int = 3) -> dict[str, float]:
    """Seconds to the first answer (best and worst of some starts) and resident MB after it."""
    hook, body = cases()["affected"]
    call = Call(f"/cds-services/neuromuscular-{hook}", body)
    seconds, memory = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        with running() as server:
            asyncio.run(closed_loop(server.port, [call], 1, lambda _number, status, _body: status == 200))
            seconds.append(time.perf_counter() - began)
            memory.append(server.memory_mb)
    return {"best_s": min(seconds), "worst_s": max(seconds), "memory_mb": max(memory)}
