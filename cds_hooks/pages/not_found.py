"""An address that is not there: a page with links for a reader in a browser, the OperationOutcome of every error for programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.errors import NotFound, ServiceError
from cds_hooks.pages.page import Pages

__all__ = ["add_not_found_page"]

FOR_PROGRAMS = ("/cds-services", "/fhir", "/static")
Handler = Callable[[Request, Any], Response | Awaitable[Response]]


def add_not_found_page(app: FastAPI, pages: Pages) -> None:
    """Put the page before the handlers that answer 404 with JSON; these stay for every other caller."""
    app.add_exception_handler(404, _page_or(app.exception_handlers[HTTPException], pages))  # no route has this address
    app.add_exception_handler(NotFound, _page_or(app.exception_handlers[ServiceError], pages))  # a route has it, and nothing to show


def _page_or(otherwise: Handler, pages: Pages) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        reads_html = "text/html" in request.headers.get("accept", "") and not request.scope["path"].startswith(FOR_PROGRAMS)
        made = pages.html("not_found.html", 404) if reads_html else otherwise(request, error)
        found = made if isinstance(made, Response) else await made
        found.headers["Vary"] = "Accept"
        return found

    return answer
