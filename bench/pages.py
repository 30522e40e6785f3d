"""How long each page of the service takes: the first opening and the second, in this process, as CPU seconds of the whole process."""

from __future__ import annotations

import asyncio
import gc
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from starlette.types import ASGIApp, Message, Scope

from cds_hooks.app import Parts, create_app
from cds_hooks.heap import settle
from cds_hooks.pages import mount
from cds_hooks.settings import Settings
from rules.knowledge import Knowledge

__all__ = ["LIMIT_MS", "pages"]

LIMIT_MS = 200
EVERY = 8  # the vignettes of all rules together take a minute
FIXED = (
    "/", "/rules", "/rules?q=pyridostigmine", "/insights", "/insights.csv", "/suppressed", "/leaflets", "/docs", "/openapi.json",
    "/static/base.css", "/fhir/metadata", "/fhir/CodeSystem", "/fhir/Library", "/fhir/PlanDefinition", "/fhir/Questionnaire",
    "/fhir/ValueSet", "/fhir/PlanDefinition?_count=500", "/fhir/PlanDefinition?name=Myasthenia",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opened:
    """One page, opened twice."""

    path: str
    first_ms: float
    second_ms: float


def pages(slowest: int = 12) -> dict[str, dict[str, float]]:
    """The slowest pages by their first opening, and then how many there were and how many took longer than the limit. The vignettes of
    a rule are a part that a page loads after it is shown: those of some rules are told apart."""
    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge.load(engine="reference")
        app = create_app(Settings(database_url=f"sqlite:///{folder}/bench.sqlite3"), knowledge, extend=mount)
        parts: Parts = app.state.parts
        parts.database.open()
        settle()
        try:
            found = asyncio.run(_open(app, list(_paths(knowledge))))
        finally:
            gc.unfreeze()
            parts.writer.close()
            parts.database.close()
    found.sort(key=lambda one: -one.first_ms)
    whole = [one for one in found if not one.path.endswith("/vignettes")]
    part = [one for one in found if one.path.endswith("/vignettes")]
    rows = {one.path: {"first_ms": one.first_ms, "second_ms": one.second_ms} for one in (*islice(whole, slowest), *islice(part, 3))}
    for name, some in (("all pages: number over the limit", whole), ("vignettes of every eighth rule: number over the limit", part)):
        over = {"first_ms": sum(one.first_ms > LIMIT_MS for one in some), "second_ms": sum(one.second_ms > LIMIT_MS for one in some)}
        rows[name] = {**over, "pages": len(some)}
    return rows


def _paths(knowledge: Knowledge) -> Iterator[str]:
    yield from FIXED
    for rule in knowledge.every:
        yield f"/rules/{rule.id}"
    for rule in knowledge.every[::EVERY]:
        yield f"/rules/{rule.id}/vignettes"
    for rule in knowledge.every:
        yield f"/fhir/PlanDefinition/{rule.id}"


async def _open(app: ASGIApp, paths: list[str]) -> list[Opened]:
    """Every path twice, and every chart and leaflet that the first two pages link to."""
    found: list[Opened] = []
    waiting = ["/", "/leaflets", *(path for path in paths if path not in ("/", "/leaflets"))]
    while waiting:
        path = waiting.pop(0)
        times, text = [], ""
        for _ in range(2):
            began = time.process_time()
            text = await _get(app, path)
            times.append((time.process_time() - began) * 1000)
        found.append(Opened(path, *times))
        if path in ("/", "/leaflets"):
            waiting += dict.fromkeys(re.findall(r'href="(/\?patient=[^"]+|/leaflets/[^"]+)"', text))
    return found


async def _get(app: ASGIApp, path: str) -> str:
    """The body of an answer that must be 200."""
    where, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": where,
        "raw_path": where.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1:8000")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    sent: list[Message] = []
    asked: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return asked.pop() if asked else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if sent[0]["status"] != 200:
        raise RuntimeError(f"{path}: found status {sent[0]['status']}, expected 200")
    return b"".join(message.get("body", b"") for message in sent[1:]).decode()
