"""Latency and CPU over a real socket with 1, 16 and 64 connections and at a fixed rate, against two floors on the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bench.fhir import serving_fhir, without_prefetch
from bench.overload import serving
from bench.patients import cases
from bench.plot import plot
from bench.report import IMAGES
from bench.server import CONSTANT, PARSE, Running, running
from bench.wire import Call, at_rate, closed_loop
from fhir_fixtures import Resource

__all__ = ["latency"]

CONNECTIONS = (1, 16, 64)
RATE, SECONDS, WORKERS = 50, 20, 2
DELAY_S = 0.05


def _ok(_number: int, status: int, body: bytes) -> bool:
    return status == 200 and body.startswith(b'{"')


def latency(calls: int) -> dict[str, dict[str, float]]:
    """Milliseconds and CPU per call for each case and number of connections; `times_constant` is p50 against the constant card.

    `parse and return` reads the body of `affected-500` and sends it back. `fetched` is `affected` with nothing prefetched and a FHIR server
    that answers each search after 50 ms.
    """
    bodies = {name: Call(f"/cds-services/neuromuscular-{hook}", body) for name, (hook, body) in cases().items()}
    held: list[Resource] = []
    with serving_fhir(held, DELAY_S) as fhir, running() as server:
        fetched, record = without_prefetch(bodies["affected"].body, fhir)
        held += record
        asked = {
            "constant": Call(CONSTANT, bodies["affected"].body),
            "parse and return": Call(PARSE, bodies["affected-500"].body),
            **bodies,
            "fetched": Call(bodies["affected"].path, fetched),
        }
        for call in asked.values():  # warm: thread pool, database, first use of every path
            asyncio.run(closed_loop(server.port, [call] * 50, 1, _ok))
        found: dict[str, dict[str, float]] = {}
        for connections in CONNECTIONS:
            rows = {name: _measured(server, call, calls, connections) for name, call in asked.items()}
            floor = rows["constant"]["p50_ms"]
            found |= {f"{name}, {connections}": {**row, "times_constant": row["p50_ms"] / floor} for name, row in rows.items()}
        found[f"affected-200, {RATE} calls/s"] = _at_rate(server.port, bodies["affected-200"])
    with serving(WORKERS) as (port, _):
        for name in ("affected-200", "ordering"):
            found[f"{name}, {RATE} calls/s, {WORKERS} workers"] = _at_rate(port, bodies[name])
    (IMAGES / "latency.svg").write_text(_picture(found, asked), encoding="utf-8")
    return found


def _measured(server: Running, call: Call, calls: int, connections: int) -> dict[str, float]:
    before = server.cpu_s
    timing = asyncio.run(closed_loop(server.port, [call] * calls, connections, _ok))
    return {
        "p50_ms": timing.percentile(0.5),
        "p99_ms": timing.percentile(0.99),
        "cpu_ms": (server.cpu_s - before) * 1000 / calls,
        "failed": timing.failed,
    }


def _at_rate(port: int, call: Call) -> dict[str, float]:
    asyncio.run(closed_loop(port, [call] * 50, CONNECTIONS[1], _ok))
    timing = asyncio.run(at_rate(port, call, RATE, SECONDS))
    return {"p50_ms": timing.percentile(0.5), "p99_ms": timing.percentile(0.99), "failed": timing.failed}


def _picture(found: Mapping[str, Mapping[str, float]], asked: Mapping[str, Call]) -> str:
    p99 = {name: {str(many): found[f"{name}, {many}"]["p99_ms"] for many in CONNECTIONS} for name in asked}
    return plot("p99 by connections", "ms", p99)
