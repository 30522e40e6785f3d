"""What a call costs in the service around the rules, in this process and without a socket: the application, and the audit alone."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import orjson
from starlette.types import ASGIApp, Message

from bench.cpu import best
from cds_hooks.app import Parts, create_app
from cds_hooks.cards import Card
from cds_hooks.settings import Settings
from cds_hooks.store.database import Database
from cds_hooks.store.writer import Shown, Writer
from rules.knowledge import Knowledge

__all__ = ["audit_ms", "serving_ms"]


@contextmanager
def _database() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/bench.sqlite3"


def serving_ms(knowledge: Knowledge, path: str, body: bytes, calls: int) -> float:
    """CPU of one call through the application: reading, checks of the request, whose data, rules, cards, metrics, log line, audit."""
    with _database() as url:
        app = create_app(Settings(database_url=url, log_level="error"), knowledge)
        parts: Parts = app.state.parts

        async def many() -> None:
            for _ in range(calls):
                status = await _post(app, path, body)
                if status != 200:
                    raise RuntimeError(f"bench: found status {status}, expected 200")
            parts.writer.flush()  # its audit is part of the cost, and needs the database

        with asyncio.Runner() as runner:
            runner.run(many())  # migrates the database, opens threads
            return best(lambda: runner.run(many()), 1, 3) / calls


async def _post(app: ASGIApp, path: str, body: bytes) -> int:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return int(sent[0]["status"])


def audit_ms(cards: tuple[Card, ...], body: bytes, calls: int) -> float:
    """CPU to store one call in a transaction of its own, as when calls are rare; under load many share one."""
    request = orjson.loads(body)
    entry = Shown(
        at=datetime.now(UTC), service=f"neuromuscular-{request['hook']}", instance=request["hookInstance"], caller="open",
        patient=request["context"]["patientId"], user=request["context"]["userId"], knowledge="bench", cards=cards, suppressed=0,
        unread=(), ms=10,
    )  # fmt: skip
    with _database() as url:
        database = Database(url)
        database.upgrade()
        writer = Writer(database, keep_days=30, dropped=lambda _count: None)

        def one() -> None:
            writer.add(entry)
            writer.flush()

        found = best(one, calls, 3)
        writer.close()
        database.close()
        return found
