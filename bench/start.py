"""From the start of the process to the first answer, and the memory then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bench.patients import cases
from bench.server import running
from bench.wire import Call, answered, closed_loop
from rules.knowledge import HERE, Knowledge
from rules.terminology import Terminology

__all__ = ["start"]

CODES = HERE / "codes"


def start(rounds: int = 3) -> dict[str, float]:
    """Seconds to the first answer (best and worst of some starts), resident MB after it, CPU seconds to read the codes and all rules."""
    hook, body = cases()["affected"]
    call = Call(f"/cds-services/neuromuscular-{hook}", body)
    seconds, memory = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        with running() as server:
            asyncio.run(closed_loop(server.port, [call], 1, answered))
            seconds.append(time.perf_counter() - began)
            memory.append(server.memory_mb)
    codes = _cpu(lambda: Terminology.load(CODES))
    rules = _cpu(lambda: Knowledge.load(engine="reference"))
    return {"best_s": min(seconds), "worst_s": max(seconds), "memory_mb": max(memory), "codes_cpu_s": codes, "knowledge_cpu_s": rules}


def _cpu(work: Callable[[], object]) -> float:
    """CPU seconds: the better of two."""
    used = []
    for _ in range(2):
        began = time.process_time()
        work()
        used.append(time.process_time() - began)
    return min(used)
