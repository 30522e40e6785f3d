"""Many calls about many patients at once: does memory grow, and does any answer belong to somebody else?

Every patient is asked about alone first. Later answers must be the same but for the uuids: an answer of another chart, or with another
patient's id, counts as mixed up.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator

from bench.patients import crowd
from bench.server import Running, running
from bench.wire import Call, Timing, closed_loop

__all__ = ["soak"]

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PATIENT = re.compile(rb"soak-\d{4}")
PATH = "/cds-services/neuromuscular-patient-view"


def _run(server: Running, bodies: list[bytes], first: int, calls: int, connections: int, expected: list[bytes]) -> Timing:
    def order() -> Iterator[Call]:
        return (Call(PATH, bodies[(first + number * 7) % len(bodies)]) for number in range(calls))

    def right(number: int, status: int, body: bytes) -> bool:
        who = (first + number * 7) % len(bodies)
        others = set(PATIENT.findall(body)) - {f"soak-{who:04d}".encode()}
        return status == 200 and not others and UUID.sub(b"", body) == expected[who]

    return asyncio.run(closed_loop(server.port, order(), connections, right))


def soak(calls: int, connections: int = 16, patients: int = 100) -> dict[str, float]:
    """Calls, wrong answers, and MB of memory after a tenth of the calls and at the end."""
    bodies = crowd(patients)
    wrong, memory = 0, []
    with running() as server:
        expected: list[bytes] = []

        def keep(_number: int, status: int, body: bytes) -> bool:
            expected.append(UUID.sub(b"", body))
            return status == 200

        asyncio.run(closed_loop(server.port, [Call(PATH, body) for body in bodies], 1, keep))
        step = max(1, calls // 10)
        for number in range(10):
            wrong += _run(server, bodies, number * step, step, connections, expected).failed
            memory.append(server.memory_mb)
            print(f"  {(number + 1) * step:>7} calls, {wrong} wrong, {memory[-1]:.1f} MB", file=sys.stderr, flush=True)
    return {"calls": step * 10, "connections": connections, "patients": patients, "wrong": wrong, "memory_mb_early": memory[0],
            "memory_mb_end": memory[-1], "growth_mb": memory[-1] - memory[0]}  # fmt: skip
