"""Where the pages are. `mount` runs last in `create_app`; nothing of the protocol depends on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.app import Parts
from cds_hooks.pages.artefacts import Artefacts
from cds_hooks.pages.demo import Demo
from cds_hooks.pages.endpoints import Endpoints
from cds_hooks.pages.insights import InsightsPage
from cds_hooks.pages.leaflets import Leaflets
from cds_hooks.pages.not_found import add_not_found_page
from cds_hooks.pages.page import Pages
from cds_hooks.pages.rule_history import read_history
from cds_hooks.pages.rule_list import RuleList
from cds_hooks.pages.rule_page import RulePage
from cds_hooks.pages.suppressed import SuppressedPage
from rules.knowledge import Knowledge

__all__ = ["mount"]


def mount(app: FastAPI, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Add every page to a service that runs on real knowledge; raises TypeError for a double."""
    parts: Parts = app.state.parts
    knowledge = parts.knowledge
    if not isinstance(knowledge, Knowledge):
        raise TypeError("pages need rules.knowledge.Knowledge")
    pages = Pages({"version": knowledge.version, "base_url": parts.settings.url, "docs": parts.settings.docs})
    demo = Demo.load(parts, knowledge, pages, clock)
    leaflets = Leaflets(pages)
    sums = InsightsPage(parts, knowledge, pages, clock)
    artefacts = Artefacts(knowledge, parts.settings.url)
    dismissed = SuppressedPage(parts, knowledge, pages)
    listing, rule = RuleList(knowledge, pages), RulePage(knowledge, pages, clock, read_history())

    app.add_route("/", _route(demo.open_chart), methods=["GET"])
    app.add_route("/", _route(demo.paste), methods=["POST"])
    app.add_route("/demo/draft", _route(demo.draft), methods=["GET"])
    app.add_route("/demo/cards", _route(demo.show), methods=["POST"])
    app.add_route("/rules", listing.show, methods=["GET"])
    app.add_route("/rules/{rule_id}", rule.show, methods=["GET"])
    app.add_route("/rules/{rule_id}/vignettes", _route(rule.vignettes), methods=["GET"])
    app.add_route("/insights", _route(sums.show), methods=["GET"])
    app.add_route("/insights.csv", _route(sums.download), methods=["GET"])
    app.add_route("/leaflets", _route(leaflets.list), methods=["GET"])
    app.add_route("/leaflets/{name}", _route(leaflets.show), methods=["GET"])
    app.add_route("/fhir/metadata", _route(artefacts.metadata), methods=["GET"])
    app.add_route("/fhir/{kind}", _route(artefacts.search), methods=["GET"])
    app.add_route("/fhir/{kind}/{id}", _route(artefacts.read), methods=["GET"])
    app.add_route("/suppressed", _route(dismissed.ask), methods=["GET"])
    app.add_route("/suppressed/page", _route(dismissed.show), methods=["POST"])
    app.add_route("/static/{name}", _route(pages.file), methods=["GET"])
    add_not_found_page(app, pages)
    if parts.settings.docs:
        app.add_route("/docs", Endpoints(app, pages).show, methods=["GET"])


def _route(method: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A method as the plain function that Starlette takes for an endpoint."""

    async def endpoint(request: Request) -> Response:
        return await method(request)

    return endpoint
