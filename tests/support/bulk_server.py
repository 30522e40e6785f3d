"""A Bulk Data server with its authorization server on loopback; the first segment of the base path names how it misbehaves."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt

from tests.support.doubles import condition, outcome, patient

RESOURCES: dict[str, list[dict[str, Any]]] = {
    "Patient": [patient("p1"), patient("p2")],
    "Condition": [condition("c1"), condition("c2", "Patient/p2")],
}


@dataclass
class BulkServer:
    """`seen` has (method, path, headers) of every request; `grants` what was posted for a token; `public` verifies the assertions."""

    port: int = 0
    public: Any = None
    algorithm: str = "ES384"
    seen: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    grants: list[dict[str, Any]] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)
    resources: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=lambda: RESOURCES)

    def url(self, behaviour: str) -> str:
        """The FHIR base that behaves so."""
        return f"http://127.0.0.1:{self.port}/{behaviour}"

    def asked(self, method: str, end: str) -> int:
        """How often something was asked for."""
        return sum(one == method and path.partition("?")[0].endswith(end) for one, path, _ in self.seen)

    def lines(self, kind: str) -> bytes:
        """A file of resources."""
        return b"".join(json.dumps(one).encode() + b"\n" for one in self.resources[kind])


class Handler(BaseHTTPRequestHandler):
    """Answers one request. `server.bulk` is the BulkServer."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Kick-off, status, files, SMART configuration."""
        how, path = self.begin()
        first = self.bulk.times[f"GET {path}"] == 1
        base = self.bulk.url(how)
        if path.endswith("/.well-known/smart-configuration"):
            self.answer(200, {"token_endpoint": f"{self.bulk.url('good')}/token"} if how != "no-token-endpoint" else {})
        elif how not in ("open", "open-errors") and self.headers.get("Authorization") != f"Bearer token-{len(self.bulk.grants)}":
            self.answer(401, outcome())
        elif path.endswith("/$export"):
            self.kick_off(how, base, first=first)
        elif path.endswith("/status"):
            self.status(how, base, self.bulk.times[f"GET {path}"])
        else:
            self.file(how, path.rpartition("/")[2], first=first)

    def kick_off(self, how: str, base: str, *, first: bool) -> None:
        """202 and where to ask."""
        assert self.headers["Prefer"] == "respond-async"
        assert self.headers["Accept"] == "application/fhir+json"
        if how == "busy" and first:
            self.answer(429, outcome(), {"Retry-After": "7"})
        elif how == "unknown-type":
            self.answer(400, outcome())
        elif how == "redirect":
            self.answer(302, None, {"Location": self.bulk.url("good")})
        else:
            where = {"no-location": "", "status-elsewhere": "http://127.0.0.2:1/status"}.get(how, f"{base}/status")
            self.answer(202, None, {"Content-Location": where})

    def status(self, how: str, base: str, times: int) -> None:
        """202 while it works, then the manifest."""
        if how == "working" and times < 4:
            self.answer(
                202, None, {"X-Progress": f"{times}0% \x1b[31mdone", **({"Retry-After": ("0", "99999")[times - 1]} if times < 3 else {})}
            )
        elif how == "transient" and times < 3:
            self.answer(503, None)
        elif how == "expired-token" and times == 1:
            self.answer(401, outcome())
        elif how == "failed":
            self.answer(500, outcome())
        elif how == "forgotten":
            self.answer(404, outcome())
        elif how == "not-json":
            self.answer(200, b"<html>")
        elif how == "bad-manifest":
            self.answer(200, {"output": [{"type": "../../etc", "url": f"{base}/x"}]})
        else:
            files = [{"type": kind, "url": f"{base}/{kind}", "count": len(self.bulk.resources[kind])} for kind in self.bulk.resources]
            if how == "file-elsewhere":
                files[0]["url"] = "http://127.0.0.2:1/Patient"
            errors = [{"type": "OperationOutcome", "url": f"{base}/OperationOutcome"}] if how in ("errors", "open-errors") else []
            manifest = {"transactionTime": "2026-11-22T00:00:00Z", "request": "x", "requiresAccessToken": True, "output": files}
            self.answer(200, {**manifest, "error": errors})

    def file(self, how: str, name: str, *, first: bool) -> None:
        """A file, whole or in parts."""
        content = json.dumps(outcome()).encode() + b"\n" if name == "OperationOutcome" else self.bulk.lines(name)
        cut = how in ("cut", "cut-no-ranges", "cut-changed") and name == "Condition"
        if cut and first:
            self.answer(200, content, {"ETag": '"one"'}, send=len(content) // 2)
        elif how == "gone" and name == "Condition":
            self.answer(404, outcome())
        elif how == "always-cut" and name == "Condition":
            self.answer(200, content, send=10)
        elif how == "gzip":
            self.answer(200, gzip.compress(content), {"Content-Encoding": "gzip"})
        elif cut and how == "cut" and self.headers.get("If-Range") == '"one"' and (begin := self.headers.get("Range")):
            start = int(begin.removeprefix("bytes=").rstrip("-"))
            self.answer(206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}", "ETag": '"one"'})
        else:
            self.answer(200, content, {"ETag": '"two"'})

    def do_POST(self) -> None:
        """A token for a good assertion (RFC 7523)."""
        self.begin()
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
        try:
            claims = jwt.decode(
                form["client_assertion"], self.bulk.public, algorithms=[self.bulk.algorithm], audience=f"{self.bulk.url('good')}/token"
            )
        except jwt.PyJWTError:
            self.answer(400, {"error": "invalid_client"})
            return
        self.bulk.grants.append({**form, **claims, "head": jwt.get_unverified_header(form["client_assertion"])})
        self.answer(200, {"access_token": f"token-{len(self.bulk.grants)}", "token_type": "bearer", "expires_in": 300})

    def do_DELETE(self) -> None:
        """The client is done."""
        self.begin()
        self.answer(202, None)

    def begin(self) -> tuple[str, str]:
        """Note the request; the behaviour and the path without query."""
        path = self.path.partition("?")[0]
        self.bulk.seen.append((self.command, self.path, dict(self.headers)))
        self.bulk.times[f"{self.command} {path}"] += 1
        return path.split("/")[1], path

    def answer(self, status: int, body: object, headers: Mapping[str, str] | None = None, *, send: int | None = None) -> None:
        """A response; with `send`, only so many bytes of its body before the connection ends."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Connection": "close",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[:send])
        self.close_connection = True

    @property
    def bulk(self) -> BulkServer:
        """The state of this server."""
        found: BulkServer = self.server.bulk  # type: ignore[attr-defined]
        return found


@contextmanager
def bulk_server() -> Iterator[BulkServer]:
    """A running server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        bulk = BulkServer(server.server_address[1])
        server.bulk = bulk  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield bulk
        finally:
            server.shutdown()
            thread.join()
