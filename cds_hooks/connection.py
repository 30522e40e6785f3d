"""Limits on one connection that the HTTP server itself does not have: how long a request may take to arrive and its answer to be
taken, how large a head may be, and how many connections there may be at one time."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cds_hooks.errors import HttpProblem, Overloaded, ServiceError

__all__ = ["Guarded", "guarded"]

HEAD_BYTES = 64 * 1024
UNREADABLE = "expected one HTTP/1.1 request (RFC 9112): method, target and version on its first line, header fields, one body length"
TOO_LARGE = f"expected a request head of at most {HEAD_BYTES} bytes"
GRACE_S = 1.0  # a body that does not come in time is answered with 400 by the service first


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
        self._in_head = False
        self._arm(self.limit_s + GRACE_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here."""
        self._disarm()
        self._head, self._in_head, self._in_request = 0, True, False
        super().on_message_complete()

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
