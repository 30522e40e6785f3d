"""Builds everything once and wires the routes. `create_app` takes its parts; `from_environment` makes them from NMCDS_ settings."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.canary import Canary, Examples
from cds_hooks.cards import Renderer
from cds_hooks.clients import Clients, callers, clients
from cds_hooks.discovery import Service, discovery, services
from cds_hooks.edge import Edge
from cds_hooks.errors import (
    BadRequest,
    HttpProblem,
    MethodNotAllowed,
    NotFound,
    NotReady,
    Problem,
    ServiceError,
    StorageUnavailable,
    Unexpected,
)
from cds_hooks.feedback import FeedbackReceiver
from cds_hooks.fhir_client import FhirClient, FhirReader
from cds_hooks.heap import settle
from cds_hooks.invoke import Health, Invoker
from cds_hooks.knowledge import Knowledge
from cds_hooks.observe import Metrics, configure_logs, log_event
from cds_hooks.openapi import document
from cds_hooks.public import kept
from cds_hooks.registry import Client
from cds_hooks.settings import Settings
from cds_hooks.store.database import Database
from cds_hooks.store.writer import Writer
from cds_hooks.suppressed import SuppressedCards
from cds_hooks.suppression import Suppression
from cds_hooks.tracing import Tracer, tracer
from cds_hooks.turns import Places, Turns
from cds_hooks.vocabularies.start import Vocabularies, load_vocabularies
from cds_hooks.watch import RateWatch

__all__ = ["Parts", "create_app", "from_environment"]

TITLE = "Neuromuscular CDS"
SERVICE_PATH = "/cds-services/{service_id}"
# FastAPI's own telemetry records messages and stacks of exceptions and whole addresses, and OTEL_ variables alone can make it send them.
TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pages and tests may use; at `app.state.parts`."""

    settings: Settings
    knowledge: Knowledge
    database: Database
    writer: Writer
    metrics: Metrics
    clients: Clients
    services: Mapping[str, Service]
    suppression: Suppression
    health: Health
    vocabularies: Vocabularies
    canary: Canary | None
    watch: RateWatch


def create_app(
    settings: Settings,
    knowledge: Knowledge,
    *,
    fhir: FhirReader | None = None,
    registry: Sequence[Client] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    vocabularies: Vocabularies = Vocabularies(),  # noqa: B008 - it never changes
    extend: Callable[[FastAPI], None] | None = None,
    examples: Examples | None = None,
    trace: Tracer | None = None,
) -> FastAPI:
    """The ASGI application. `extend` may add pages; it runs last. Without `examples` there is no live canary.

    Raises SettingsError where the service must not start.
    """
    registry = registry or callers(settings)
    offered = services(knowledge)
    metrics = Metrics()
    database = Database(settings.database_url, settings.secret, pool=settings.database_pool, timeout_s=settings.database_timeout_s)
    known = clients(registry, settings, database, metrics, clock)
    writer = Writer(database, keep_days=settings.audit_days, dropped=metrics.dropped.inc)
    reader = fhir or FhirClient(settings, metrics)
    health = Health()
    renderer = Renderer(settings.url, knowledge.version, settings.max_cards, knowledge.in_words, knowledge.titles)
    turns = Turns(settings.waiting_calls, settings.waiting_s)
    canary = Canary(examples, renderer, turns, metrics, settings.canary_minutes) if examples is not None else None
    watch = RateWatch(database, metrics, clock)
    spans = trace or tracer(settings)
    places = Places(settings.open_calls)
    suppression = Suppression(database, knowledge, settings.suppression_days, clock, settings.suppression_wait_s)
    invoker = Invoker(
        settings=settings,
        knowledge=knowledge,
        services=offered,
        clients=known,
        fhir=reader,
        renderer=renderer,
        metrics=metrics,
        writer=writer,
        suppression=suppression,
        clock=clock,
        health=health,
        turns=turns,
        trace=spans,
        places=places,
    )
    receiver = FeedbackReceiver(settings, offered, known, database, metrics, clock, places, writer)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await _trouble(database)
        background = [asyncio.create_task(_lasting(one)) for one in (canary, watch) if one is not None]
        yield
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await asyncio.to_thread(spans.close)
        writer.close()
        reader.close()
        known.close()
        database.close()

    app = FastAPI(
        title=TITLE,
        version=knowledge.version,
        docs_url=None,  # FastAPI takes that page's script from a public server; ours is in cds_hooks.pages
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=TELEMETRY,  # traces are ours (cds_hooks.tracing)
    )
    app.state.parts = Parts(
        settings, knowledge, database, writer, metrics, known, offered, suppression, health, vocabularies, canary, watch
    )
    app.openapi = lambda: document(TITLE, knowledge.version, offered, app.routes)  # type: ignore[method-assign]

    async def discover(request: Request) -> Response:
        caller = await known.identify(request)
        return Response(orjson.dumps(discovery(offered, caller.may_call)), media_type="application/json")

    # Endpoints are functions: Starlette would take a callable object for an ASGI application.
    async def call(request: Request) -> Response:
        return await invoker(request)

    async def feedback(request: Request) -> Response:
        return await receiver(request)

    async def alive(_request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def ready(_request: Request) -> Response:
        silent = canary.problems if canary is not None else ()
        found = (*health.problems, *vocabularies.problems, *silent, *await _trouble(database), *await known.problems())
        problems = [Problem(text) for text in found]
        if problems:
            raise NotReady(problems if registry is None else ())  # details are for this machine only; the log has them
        body = {"status": "ready", "canary": canary.state if canary is not None else "off"}
        return Response(orjson.dumps(body), media_type="application/json")

    async def measure(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    app.add_route("/cds-services", discover, methods=["GET"])
    app.add_route(SERVICE_PATH, call, methods=["POST"])
    app.add_route(SERVICE_PATH + "/feedback", feedback, methods=["POST"])
    SuppressedCards(settings, known, suppression).mount(app)
    app.add_route("/healthz", alive, methods=["GET"])
    app.add_route("/readyz", ready, methods=["GET"])
    app.add_route("/metrics", measure, methods=["GET"])
    _handle_errors(app, metrics, offered)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            allow_credentials=False,
            allow_private_network=True,  # a named origin may be public and this service not; browsers ask in the preflight
            max_age=600,
        )
    app.add_middleware(Edge)
    if extend is not None:
        extend(app)
    app.router.routes[:] = kept(app.router.routes, None if registry is None else settings.public_pages)
    return app


def from_environment() -> FastAPI:
    """For `uvicorn --factory cds_hooks.app:from_environment`: settings from the environment, packaged or named rules, pages."""
    from cds_hooks import pages  # noqa: PLC0415 - pages import this module's Parts
    from rules.examples import Examples as OfRules  # noqa: PLC0415
    from rules.knowledge import Knowledge as Rules  # noqa: PLC0415 - importing the engine is only worth it here
    from rules.site import Site  # noqa: PLC0415

    settings = Settings.load(os.environ)
    configure_logs(settings.log_level)
    registry = callers(settings)  # first: a service that may not start should say so at once
    found = load_vocabularies(settings)
    knowledge = Rules.load(
        settings.knowledge_dir,
        engine=settings.engine,
        site=Site.load(settings.site_file),
        site_codes=settings.site_codes_file,
        expansion=found.rows(),
        vignettes_later=settings.knowledge_dir is None,  # those of the package passed their tests; a site's own are looked at first
    )
    examples = OfRules(knowledge)
    app = create_app(settings, knowledge, registry=registry, vocabularies=found, extend=getattr(pages, "mount", None), examples=examples)
    settle()
    return app


async def _lasting(one: Canary | RateWatch) -> None:
    """Run it; a defect that ends it is logged when it happens, not when the process ends."""
    try:
        await one.run()
    except Exception as error:  # noqa: BLE001 - calls are answered without it
        log_event("defect", logging.ERROR, kind=type(error).__name__, number=Unexpected.number)


async def _trouble(database: Database) -> list[str]:
    """Why feedback could not be stored now, for an operator; empty when it could."""
    try:
        await database.use(2 * database.timeout_s + 1, database.check)
    except StorageUnavailable as error:
        log_event("storage-unavailable", logging.WARNING, number=error.number)
        return [error.reason]
    return []


def _handle_errors(app: FastAPI, metrics: Metrics, offered: Mapping[str, Service]) -> None:
    """Every error has one shape on the wire; the framework's own texts repeat what was sent and are not used."""

    def answer(request: Request, error: ServiceError) -> Response:
        if request.scope["path"].startswith("/cds-services"):
            named = str(request.path_params.get("service_id"))
            service = named if named in offered else "none"
            metrics.calls.labels(service, str(error.status)).inc()
            level = logging.WARNING if error.status >= 500 else logging.INFO
            paths = [problem.path or "" for problem in error.problems]
            log_event("refused", level, number=error.number, status=error.status, service=service, problems=paths)
        return Response(error.body(), error.status, error.headers, media_type="application/fhir+json")

    async def on_service_error(request: Request, error: Exception) -> Response:
        return answer(request, error if isinstance(error, ServiceError) else NotFound())

    async def on_http_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status == 404:
            return answer(request, NotFound())
        if status == 405:
            allow = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
            return answer(request, MethodNotAllowed(headers=allow))
        return answer(request, HttpProblem(status))

    async def on_validation_error(request: Request, _error: Exception) -> Response:
        return answer(request, BadRequest())

    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
