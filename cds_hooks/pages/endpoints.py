"""The page at `/docs`: every endpoint of the OpenAPI document. FastAPI's own page would take its script from a public server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.pages.page import Pages

__all__ = ["Endpoints"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The document comes from the application, so the page cannot differ from it."""

    app: FastAPI
    pages: Pages

    def show(self, _request: Request) -> Response:
        """GET /docs."""
        document: dict[str, Any] = self.app.openapi()
        return self.pages.html("endpoints.html", rows=[row for path, item in document["paths"].items() for row in _rows(path, item)])


def _rows(path: str, item: dict[str, Any]) -> list[dict[str, object]]:
    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": told.get("summary", ""),
            "answers": {status: one.get("description", "") for status, one in told.get("responses", {}).items()},
        }
        for method, told in item.items()
    ]
