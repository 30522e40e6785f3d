"""Calls an ASGI application in this process: no port, no thread, every byte of the request in the test's hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Scope

JSON = {"content-type": "application/json"}
Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - a test looks into it freely
        """The parsed body."""
        return json.loads(self.body)

    @property
    def number(self) -> str:
        """The error number of an OperationOutcome."""
        outcome = self.json()
        assert outcome["resourceType"] == "OperationOutcome"
        assert self.headers["content-type"] == "application/fhir+json"
        return str(outcome["issue"][0]["details"]["coding"][0]["code"])

    @property
    def paths(self) -> list[str]:
        """The member paths that an OperationOutcome names."""
        return [issue["expression"][0] for issue in self.json()["issue"] if "expression" in issue]


@dataclass
class Client:
    """A caller on this machine; `taken` counts the pieces of the last body that the application read."""

    app: ASGIApp
    taken: int = field(default=0, kw_only=True)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, data: object, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a value as JSON."""
        return self.send("POST", path, json.dumps(data).encode(), {**JSON, **(headers or {})})

    def send(self, method: str, path: str, body: bytes | Sequence[bytes] = b"", headers: Headers | None = None) -> Answer:
        """Any request; a sequence is sent in these pieces."""
        return asyncio.run(self.asend(method, path, body, headers))

    async def asend(self, method: str, path: str, body: bytes | Sequence[bytes] = b"", headers: Headers | None = None) -> Answer:
        """The same inside a running loop."""
        chunks = [body] if isinstance(body, bytes) else list(body)
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers or ())
        if "host" not in {name.lower() for name, _ in pairs}:
            pairs.append(("host", "127.0.0.1:8000"))
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path.partition("?")[0],
            "raw_path": path.encode(),
            "query_string": path.partition("?")[2].encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        sent: list[Message] = []
        waiting = [{"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1} for number, chunk in enumerate(chunks)]

        self.taken = 0

        async def receive() -> Message:
            self.taken += 1
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        head = sent[0]
        return Answer(
            head["status"],
            {name.decode(): value.decode("latin-1") for name, value in head["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )
