"""Many calls about many patients at once: does memory grow, does an answer belong to somebody else, does it get slower?

Every patient is asked about alone first. Later answers must be the same but for the uuids: an answer of another chart, or with another
patient's id, counts as mixed up.

What the last tenth takes against the first says as much about the machine, an hour later, as about the process. So in the end a new
process is asked the same, a few hundred calls in turns with the old one: what still differs is age.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator, Sequence

from bench.patients import cases, everybody
from bench.server import Running, running
from bench.wire import Call, Timing, answered, closed_loop

__all__ = ["one_patient", "soak"]

Asked = Sequence[tuple[str, Call]]  # whose patient id, and the call

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TURN = 500  # calls of one process before the other has its turn
PATIENT = re.compile(rb"soak-\d{4}")


def _run(server: Running, asked: Asked, expected: Sequence[bytes], first: int, calls: int, connections: int) -> Timing:
    def order() -> Iterator[Call]:
        return (asked[(first + number * 7) % len(asked)][1] for number in range(calls))

    def right(number: int, status: int, body: bytes) -> bool:
        who = (first + number * 7) % len(asked)
        others = set(PATIENT.findall(body)) - {asked[who][0].encode()}
        return status == 200 and not others and UUID.sub(b"", body) == expected[who]

    return asyncio.run(closed_loop(server.port, order(), connections, right))


def _beside_a_new_one(old: Running, asked: Asked, expected: Sequence[bytes], calls: int, connections: int) -> tuple[Timing, Timing]:
    """So many calls of the old process and as many of a new one, warm as the old one was, in turns."""
    aged, fresh = Timing(), Timing()
    with running() as young:
        asyncio.run(closed_loop(young.port, [call for _, call in asked], 1, answered))
        for first in range(0, calls, TURN):
            for server, timing in ((old, aged), (young, fresh)):
                found = _run(server, asked, expected, first, min(TURN, calls - first), connections)
                timing.seconds += found.seconds
                timing.failed += found.failed
    return aged, fresh


def soak(calls: int, connections: int = 8) -> dict[str, float]:
    """Calls, wrong answers, MB of memory and p99 in ms of the first and last tenth; `growth_mb` is from the end of the first tenth.

    `p99_ms_aged` and `p99_ms_fresh` are of this process and a new one in turns."""
    return _soak([(who, Call(f"/cds-services/neuromuscular-{hook}", body)) for hook, who, body in everybody()], calls, connections)


def one_patient(calls: int, connections: int = 8) -> dict[str, float]:
    """The same with one user who opens one chart again and again: does what was shown, and stored, make the next call slower?"""
    hook, body = cases()["affected"]
    return _soak([("", Call(f"/cds-services/neuromuscular-{hook}", body))], calls, connections)


def _soak(asked: Asked, calls: int, connections: int) -> dict[str, float]:
    expected: list[bytes] = []

    def keep(_number: int, status: int, body: bytes) -> bool:
        expected.append(UUID.sub(b"", body))
        return status == 200

    wrong, memory, slow = 0, [], []
    with running() as server:
        wrong += asyncio.run(closed_loop(server.port, [call for _, call in asked], 1, keep)).failed
        step = max(1, calls // 10)
        for number in range(10):
            timing = _run(server, asked, expected, number * step, step, connections)
            wrong += timing.failed
            slow.append(timing.percentile(0.99))
            memory.append(server.memory_mb)
            print(
                f"  {(number + 1) * step:>7} calls, {wrong} wrong, {memory[-1]:.1f} MB, p99 {slow[-1]:.0f} ms", file=sys.stderr, flush=True
            )
        aged, fresh = _beside_a_new_one(server, asked, expected, step, connections)
        wrong += aged.failed + fresh.failed
        old, new = aged.percentile(0.99), fresh.percentile(0.99)
        print(f"  in turns with a new process: p99 {old:.0f} ms, of the new one {new:.0f} ms", file=sys.stderr, flush=True)
    return {"calls": step * 10, "connections": connections, "different_calls": len(asked), "wrong": wrong, "memory_mb_first": memory[0],
            "memory_mb_last": memory[-1], "growth_mb": memory[-1] - memory[0], "p99_ms_first": slow[0], "p99_ms_last": slow[-1],
            "p99_last_by_first": slow[-1] / slow[0], "p99_ms_aged": old, "p99_ms_fresh": new, "p99_aged_by_fresh": old / new}  # fmt: skip
