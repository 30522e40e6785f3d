"""The outermost layer: safe headers on every answer, and no error text, stack or half-answer ever leaves."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_hooks.errors import Unexpected
from cds_hooks.observe import log_event

__all__ = ["Edge"]

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
}


class Edge:
    """Adds `HEADERS` where an answer does not set its own, and turns an escaped exception into error NMCDS-201."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str] = HEADERS) -> None:
        self.app = app
        self.headers = dict(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001 - the server would print its text, which may hold patient data
            log_event("defect", logging.ERROR, kind=type(error).__name__, number=Unexpected.number)
            if started:
                return
            body = Unexpected().body()
            head = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(body)).encode())]
            await guarded({"type": "http.response.start", "status": Unexpected.status, "headers": head})
            await guarded({"type": "http.response.body", "body": body})
