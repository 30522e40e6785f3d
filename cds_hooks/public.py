"""What is served without a token when there is a client registry: liveness, readiness, and the pages that the settings name.

Everything else is taken away when the service is built, so that a page that somebody adds later is closed until it is named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.routing import BaseRoute

__all__ = ["PAGES", "kept"]

ALWAYS = frozenset({"/healthz", "/readyz"})
GUARDED = frozenset(
    {"/cds-services", "/cds-services/{service_id}", "/cds-services/{service_id}/feedback"}
)  # they ask for a token themselves
PAGES: Mapping[str, tuple[str, ...]] = {
    "fhir": ("/fhir",),
    "docs": ("/docs", "/openapi.json", "/static"),
    "metrics": ("/metrics",),
    "rules": ("/rules", "/leaflets", "/static"),
}


def kept(routes: Iterable[BaseRoute], pages: Iterable[str] | None) -> list[BaseRoute]:
    """The routes that stay; `pages` are names of PAGES, None in open mode, where all stay."""
    if pages is None:
        return list(routes)
    open_paths = [path for page in pages for path in PAGES[page]]
    return [route for route in routes if _stays(str(getattr(route, "path", "")), open_paths)]


def _stays(path: str, open_paths: Iterable[str]) -> bool:
    return path in ALWAYS | GUARDED or any(path == one or path.startswith(one + "/") for one in open_paths)
