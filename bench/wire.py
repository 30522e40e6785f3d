"""A small HTTP/1.1 caller on asyncio streams: cheap enough that it is not what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

__all__ = ["Call", "Timing", "answer", "answered", "at_rate", "closed_loop"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request: path and body."""

    path: str
    body: bytes

    def encoded(self, port: int) -> bytes:
        """The bytes on the wire."""
        lines = (
            f"POST {self.path} HTTP/1.1",
            f"host: 127.0.0.1:{port}",
            "content-type: application/json",
            f"content-length: {len(self.body)}",
        )
        return "\r\n".join((*lines, "", "")).encode() + self.body


@dataclass(slots=True)
class Timing:
    """Seconds of each call, and what was wrong."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the calls took at most; nearest rank."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else float("nan")


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """Status, head in lower case, body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    return int(lines[0].split()[1]), head.lower(), await reader.readexactly(length)


Check = Callable[[int, int, bytes], bool]
"""Number of the call, status, body: is the answer right?"""


def answered(_number: int, status: int, _body: bytes) -> bool:
    """Whether there is an answer at all, whatever it says."""
    return status == 200


async def closed_loop(port: int, calls: Iterable[Call], connections: int, check: Check) -> Timing:
    """Send every call once; so many connections, each with one call at a time."""
    timing, waiting = Timing(), enumerate(calls)

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, call in waiting:
            data = call.encoded(port)
            began = time.perf_counter()
            writer.write(data)
            status, _head, body = await answer(reader)
            timing.seconds.append(time.perf_counter() - began)
            timing.failed += not check(number, status, body)
        writer.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return timing


FEW = 8  # connections that rest: calls come on all of them in turn, as from several systems, and so to every worker


async def at_rate(port: int, call: Call, per_second: float, seconds: float) -> Timing:
    """Send at fixed moments whether or not earlier answers have come: waiting counts, as a real caller feels it."""
    timing = Timing()
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    began = time.perf_counter()

    async def one(due: float) -> None:
        reader, writer = idle.pop(0) if len(idle) > FEW else await asyncio.open_connection("127.0.0.1", port)
        writer.write(call.encoded(port))
        status, _head, _body = await answer(reader)
        timing.seconds.append(time.perf_counter() - due)
        timing.failed += status != 200
        idle.append((reader, writer))

    tasks = []
    for number in range(int(per_second * seconds)):
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for _reader, writer in idle:
        writer.close()
    return timing
