"""The limits that the service shall hold, each beside what was measured last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LIMITS", "limits"]


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` of what stands in the results at `path`; both in `unit`."""

    what: str
    unit: str
    most: float
    path: tuple[str, ...]


LIMITS = (
    Limit("CPU of a call, neuromuscular patient, 20 Conditions", "ms", 2, ("cpu", "affected", "sum")),
    Limit("CPU of a call, patient without", "ms", 0.8, ("cpu", "unaffected", "sum")),
    Limit("CPU of a call, 500 resources", "ms", 20, ("cpu", "affected-500", "sum")),
    Limit("CPU of signing three orders with three diseases and ten medicines", "ms", 20, ("cpu", "ordering", "sum")),
    Limit("p99 at 50 calls a second, 200 resources, 2 cores", "ms", 100, ("latency", "affected-200, 50 calls/s, 2 workers", "p99_ms")),
    Limit("the same, signing three orders", "ms", 100, ("latency", "ordering, 50 calls/s, 2 workers", "p99_ms")),
    Limit("ten times the rules, neuromuscular patient", "times the CPU", 2, ("growth", "rules, affected", "times")),
    Limit("ten times the rules, patient without", "times the CPU", 2, ("growth", "rules, unaffected", "times")),
    Limit("memory of a process after its first answer", "MB", 200, ("start", "memory_mb")),
    Limit("growth of memory from 10,000 to 100,000 calls", "MB", 5, ("soak", "growth_mb")),
    Limit("wrong or mixed-up answers in 100,000 calls", "", 0, ("soak", "wrong")),
    Limit("p99 of the last tenth of them by that of the first", "times", 1.2, ("soak", "p99_last_by_first")),
    Limit("p99 after 100,000 calls by that of a new process, in turns", "times", 1.2, ("soak", "p99_aged_by_fresh")),
    Limit("the same when one user opens one chart again and again", "times", 1.2, ("one-patient", "p99_aged_by_fresh")),
    Limit("start to first answer", "s", 2, ("start", "best_s")),
    Limit("refusal when there are too many calls, p99", "ms", 50, ("overload", "refused_p99_ms")),
)


def limits(results: Mapping[str, Mapping[str, object]]) -> list[tuple[Limit, float]]:
    """What was measured of each limit; those that were not measured are left out."""
    found = []
    for limit in LIMITS:
        name, *rest = limit.path
        value: object = results.get(name, {}).get("result")
        for key in rest:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, (int, float)):
            found.append((limit, float(value)))
    return found
