"""Latency and CPU over a real socket: 1 and 16 connections, and a fixed rate, each against the constant card of the same server."""

from __future__ import annotations

import asyncio

from bench.patients import cases
from bench.server import CONSTANT, running
from bench.wire import Call, at_rate, closed_loop

__all__ = ["latency"]

RATE, SECONDS = 50, 20


def _ok(_number: int, status: int, body: bytes) -> bool:
    return status == 200 and body.startswith(b'{"cards"')


def latency(calls: int) -> dict[str, dict[str, float]]:
    """Milliseconds and CPU per call for each case and number of connections; `times_constant` is p50 against the constant card."""
    bodies = {name: Call(f"/cds-services/neuromuscular-{hook}", body) for name, (hook, body) in cases().items()}
    found: dict[str, dict[str, float]] = {}
    with running() as server:
        for call in bodies.values():  # warm: thread pool, database, first use of every path
            asyncio.run(closed_loop(server.port, [call] * 50, 1, _ok))
        for connections in (1, 16):
            floor = 0.0
            for name, call in {"constant": Call(CONSTANT, bodies["affected"].body), **bodies}.items():
                before = server.cpu_s
                timing = asyncio.run(closed_loop(server.port, [call] * calls, connections, _ok))
                median = timing.percentile(0.5)
                floor = floor or median
                found[f"{name}, {connections} connections"] = {
                    "p50_ms": median,
                    "p99_ms": timing.percentile(0.99),
                    "cpu_ms": (server.cpu_s - before) * 1000 / calls,
                    "times_constant": median / floor,
                    "failed": timing.failed,
                }
        timing = asyncio.run(at_rate(server.port, bodies["affected-200"], RATE, SECONDS))
        found[f"affected-200, {RATE} calls/s"] = {
            "p50_ms": timing.percentile(0.5),
            "p99_ms": timing.percentile(0.99),
            "failed": timing.failed,
        }
    return found
