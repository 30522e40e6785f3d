"""`python -m bench.overload`: three times as many calls as the service can answer, for a minute: who is answered or refused, how fast."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from bench.patients import cases
from bench.report import PAGE, page, save
from bench.wire import Call, Timing, answer, closed_loop

__all__ = ["overload"]


IDLE_S = 3.0  # the service closes a connection that was idle for 5 s


@dataclass(slots=True)
class Seen:
    """What the callers saw: times by status, from the last byte sent to the last byte received."""

    by_status: dict[int, Timing] = field(default_factory=dict)
    broken: int = 0
    without_retry_after: int = 0

    def note(self, status: int, seconds: float) -> None:
        """One answer."""
        self.by_status.setdefault(status, Timing()).seconds.append(seconds)


@contextmanager
def serving(workers: int) -> Iterator[tuple[int, int]]:
    """`nmcds serve` on a free port, with a database of its own; gives port and process id."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NMCDS_DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3", "NMCDS_LOG_LEVEL": "error"}
        command = [str(Path(sys.executable).with_name("nmcds")), "serve", "--port", "0", "--workers", str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert process.stdout is not None
            port = next(int(line.rsplit(":", 1)[1].strip("/\n")) for line in process.stdout if line.startswith("Try it"))
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


async def _flood(port: int, call: Call, per_second: float, seconds: float, most: int) -> Seen:
    """Open loop: a call at every moment it is due, on an idle connection or a new one, never more than `most` at once."""
    seen, idle, places = Seen(), list[tuple[asyncio.StreamReader, asyncio.StreamWriter, float]](), asyncio.Semaphore(most)
    data = call.encoded(port)

    async def one() -> None:
        async with places:
            try:
                while idle and time.perf_counter() - idle[-1][2] > IDLE_S:
                    idle.pop()[1].close()
                reader, writer = idle.pop()[:2] if idle else await asyncio.open_connection("127.0.0.1", port)
                writer.write(data)
                await writer.drain()
                began = time.perf_counter()
                status, headers, _ = await answer(reader)
                seen.note(status, time.perf_counter() - began)
                seen.without_retry_after += status == 503 and b"retry-after" not in headers
            except (OSError, asyncio.IncompleteReadError):
                seen.broken += 1
                return
            idle.append((reader, writer, time.perf_counter()))

    began, tasks = time.perf_counter(), list[asyncio.Task[None]]()
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    for _, writer, _ in idle:
        writer.close()
    return seen


def overload(seconds: float, workers: int, times: float = 3.0) -> dict[str, float]:
    """Find the capacity with a few connections that wait for their answers, then ask `times` as much."""
    hook, body = cases()["affected"]
    call = Call(f"/cds-services/neuromuscular-{hook}", body)
    with serving(workers) as (port, _):
        began = time.perf_counter()
        count = 150 * workers
        asyncio.run(closed_loop(port, [call] * count, 4 * workers, lambda _number, status, _body: status == 200))
        capacity = count / (time.perf_counter() - began)
        print(f"capacity {capacity:.1f} calls/s, {times:g} times that for {seconds:g} s ...", file=sys.stderr, flush=True)
        seen = asyncio.run(_flood(port, call, times * capacity, seconds, 400))
        answered, refused = seen.by_status.get(200, Timing()), seen.by_status.get(503, Timing())
        return {
            "capacity_per_s": capacity,
            "asked_per_s": times * capacity,
            "seconds": seconds,
            "workers": workers,
            "answered_per_s": len(answered.seconds) / seconds,
            "answered_p50_ms": answered.percentile(0.5),
            "answered_p99_ms": answered.percentile(0.99),
            "refused_share": len(refused.seconds) / sum(len(one.seconds) for one in seen.by_status.values()),
            "refused_p50_ms": refused.percentile(0.5),
            "refused_p99_ms": refused.percentile(0.99),
            "refused_without_retry_after": seen.without_retry_after,
            "other_status": sum(len(one.seconds) for status, one in seen.by_status.items() if status not in (200, 503)),
            "broken_connections": seen.broken,
        }


def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 60.0,
    workers: Annotated[int, typer.Option(min=1, help="Workers of the service.")] = 1,
    keep: Annotated[bool, typer.Option(help="Write bench/results and the page.")] = True,
) -> None:
    """Measure the service at three times its capacity.

    Examples: python -m bench.overload | python -m bench.overload --seconds 10 --no-keep
    """
    found = overload(seconds, workers)
    for name, value in found.items():
        print(f"{name:28} {value:,.2f}")
    if keep:
        save({"overload": found})
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
