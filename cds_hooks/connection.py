"""Limits on one connection that the HTTP server itself does not have: how long a request may take to arrive and its answer to be
taken, how large a head may be, and how many connections there may be at one time."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cds_hooks.errors import HttpProblem, Overloaded, ServiceError

__all__ = ["Guarded", "guarded"]

HEAD_BYTES = 64 * 1024
UNREADABLE = "expected one HTTP/1.1 request (RFC 9112): method, target and version on its first line, header fields, one body length"
TOO_LARGE = f"expected a request head of at most {HEAD_BYTES} bytes"
UNKNOWN_CODING = "expected no Transfer-Encoding other than chunked (RFC 9112, 6.1)"
ONE_HOST = "expected one Host field (RFC 9112, 3.2)"
GRACE_S = 1.0  # a body that does not come in time is answered with 400 by the service first


class Parser:
    """Reads a request that offers another protocol as if it did not: an `Upgrade` may be ignored (RFC 9110, 7.8).

    Java's HttpClient offers h2c on every connection without TLS. httptools takes the body of such a request for the other protocol.
    """

    def __init__(self, connection: Guarded) -> None:
        self._connection = connection
        self._start()

    def _start(self) -> None:
        self._inner = httptools.HttpRequestParser(self._connection)
        self._inner.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else that uvicorn asks a parser
        return getattr(self._inner, name)

    def feed_data(self, data: bytes) -> None:
        """Read on; a head that makes an offer is read again without it, by a new parser."""
        rest = memoryview(data)
        while rest:
            try:
                self._inner.feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                if self._inner.get_method() == b"CONNECT":
                    raise
                rest = rest[offer.args[0] :]
                head = self._connection.head_without_offer()
                self._start()
                self._inner.feed_data(head)
            else:
                return


class Guarded(HttpToolsProtocol):
    """One connection. A request must be here within `limit_s` from its first byte; a connection without any byte, from its beginning.

    A connection beyond `most` is refused with error NMCDS-204.
    """

    limit_s = 10.0
    most = 512

    _timer: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _head = 0
    _in_head = True
    _in_request = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first timer runs; one connection too many is refused."""
        super().connection_made(transport)
        self.parser = Parser(self)  # type: ignore[assignment]  # it stands in for one
        if len(self.connections) > self.most:
            self._refuse(Overloaded())
        else:
            self._arm(self.limit_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """No timer outlives its connection."""
        self._disarm()
        self._taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request; the first one starts its time."""
        if self.transport.is_closing():
            return
        if not self._in_request:
            self._in_request = True
            self._arm(self.limit_s)
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(HttpProblem(431, TOO_LARGE))

    def on_headers_complete(self) -> None:
        """The head is here; the body gets as long again."""
        if self._offers:
            return
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_BYTES:  # it came in one piece
            self._refuse(HttpProblem(431, TOO_LARGE))
        elif (codings := [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]) not in ([], [b"chunked"]):
            ends = codings[-1].rpartition(b",")[2].strip() == b"chunked"  # else nobody knows where the body ends
            self._refuse(HttpProblem(501 if ends else 400, UNKNOWN_CODING))
        elif (hosts := sum(name == b"host" for name, _ in self.headers)) > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._refuse(HttpProblem(400, ONE_HOST))
        else:
            self._arm(self.limit_s + GRACE_S)
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here."""
        if self._offers:
            return
        self._disarm()
        self._head, self._in_head, self._in_request = 0, True, False
        super().on_message_complete()

    @property
    def _offers(self) -> bool:
        """Whether this head offers another protocol; CONNECT asks for one, and is refused."""
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def head_without_offer(self) -> bytes:
        """The head that was just read, without its Upgrade field."""
        parts = [self.parser.get_method(), b" ", self.url, b" HTTP/", self.parser.get_http_version().encode(), b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                parts += [name, b": ", value, b"\r\n"]
        return b"".join([*parts, b"\r\n"])

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's words are not for the caller
        """What came is no HTTP, or could be read in two ways; an answer to an earlier request is not written any more."""
        self._refuse(HttpProblem(400, UNREADABLE))

    def pause_writing(self) -> None:
        """The other side does not take the answer."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limit_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        self._taken()
        super().resume_writing()

    def _refuse(self, error: ServiceError) -> None:
        """Answer and close; nothing of the request is read any more."""
        body = error.body()
        lines = [f"HTTP/1.1 {error.status} ", "connection: close", f"content-length: {len(body)}", "content-type: application/fhir+json"]
        lines += [f"{name.lower()}: {value}" for name, value in error.headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._cut)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _taken(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _cut(self) -> None:
        self.transport.abort()


def guarded(limit_s: float, most: int) -> type[Guarded]:
    """The protocol with these limits, as uvicorn wants it: a class."""
    return type("Guarded", (Guarded,), {"limit_s": limit_s, "most": most})
