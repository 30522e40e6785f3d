"""Tracing: off it is not even imported; on, it says what a log line may say, in the caller's trace, to one collector."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from cds_hooks.app import create_app
from cds_hooks.errors import SettingsError
from cds_hooks.otel import OtelTracer, exporting
from cds_hooks.settings import Settings
from cds_hooks.tracing import NoTracer, tracer
from rules.engine.interface import EngineError
from rules.findings import Evaluation
from tests.support.asgi import Client
from tests.support.doubles import INSTANCE, FakeFhir, FakeKnowledge, finding, request

PATH = "/cds-services/neuromuscular-patient-view"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"  # W3C Trace Context, section 3.2.4


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def knowledge() -> FakeKnowledge:
    return FakeKnowledge(Evaluation((finding(),), (), relevant=True))


@pytest.fixture
def client(tmp_path: Path, exporter: InMemorySpanExporter, knowledge: FakeKnowledge) -> Iterator[Client]:
    trace = OtelTracer(SimpleSpanProcessor(exporter))
    fhir = FakeFhir()
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/nmcds.sqlite3"), knowledge, fhir=fhir, trace=trace)
    yield Client(app)
    app.state.parts.writer.close()
    fhir.pool.shutdown()
    app.state.parts.database.close()
    trace.close()


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_call_is_one_trace_of_gather_evaluate_render(client: Client, exporter: InMemorySpanExporter) -> None:
    assert client.post(PATH, request()).status == 200
    spans = by_name(exporter)
    assert list(spans) == ["gather", "evaluate", "render", "call"]
    call = spans["call"]
    assert call.kind is SpanKind.SERVER
    assert call.context is not None
    for name in ("gather", "evaluate", "render"):
        parent = spans[name].parent
        assert parent is not None
        assert parent.span_id == call.context.span_id
    assert said(call) == {
        "nmcds.service": "neuromuscular-patient-view", "nmcds.status": 200, "nmcds.hook": "patient-view", "nmcds.instance": INSTANCE,
        "nmcds.cards": 1, "nmcds.suppressed": 0,
    }  # fmt: skip
    assert said(spans["gather"]) == {"nmcds.resources": 2, "nmcds.unread": 0, "nmcds.fetched": 0}
    assert call.resource.attributes["service.name"] == "neuromuscular-cds"


def test_the_callers_traceparent_is_continued_and_nothing_else_of_it(client: Client, exporter: InMemorySpanExporter) -> None:
    client.post(PATH, request(), {"traceparent": PARENT, "tracestate": "vendor=CANARY", "baggage": "patient=CANARY"})
    call = by_name(exporter)["call"]
    assert call.context is not None
    assert call.parent is not None
    assert f"{call.context.trace_id:032x}" == PARENT[3:35]
    assert f"{call.parent.span_id:016x}" == PARENT[36:52]
    assert "CANARY" not in call.to_json()


@pytest.mark.parametrize("header", ["CANARY", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff-" + PARENT[3:], ""])
def test_a_traceparent_that_is_none_begins_a_new_trace(client: Client, exporter: InMemorySpanExporter, header: str) -> None:
    assert client.post(PATH, request(), {"traceparent": header}).status == 200
    assert by_name(exporter)["call"].parent is None


def test_refused_and_failed_calls_say_number_and_class_and_no_text(
    client: Client, exporter: InMemorySpanExporter, knowledge: FakeKnowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.post(PATH, request(prefetch={})).status == 412
    call = by_name(exporter)["call"]
    assert said(call)["nmcds.number"] == "NMCDS-110"
    assert said(call)["error.type"] == "MissingData"
    assert call.status.status_code is StatusCode.ERROR
    exporter.clear()
    knowledge.answer = EngineError("difference", "CANARY")
    assert client.post(PATH, request()).status == 200
    assert said(by_name(exporter)["evaluate"]) == {"nmcds.kind": "difference"}
    exporter.clear()

    def broken(*_: object, **__: object) -> None:
        raise ValueError("CANARY")

    monkeypatch.setattr("cds_hooks.invoke.gather", broken)
    assert client.post(PATH, request()).status == 500
    assert said(by_name(exporter)["call"])["error.type"] == "ValueError"
    assert not [event for span in exporter.get_finished_spans() for event in span.events]


def test_no_canary_reaches_a_span(client: Client, exporter: InMemorySpanExporter) -> None:
    server: dict[str, Any] = {"fhirServer": "https://CANARY.example", "fhirAuthorization": {"access_token": "CANARY"}}
    for body in (request(**server), request(hookInstance="CANARY"), request(context={"patientId": "CANARY"}), {"hook": "CANARY"}):
        client.post(PATH, body, {"authorization": "Bearer CANARY"})
    spans = exporter.get_finished_spans()
    assert len(spans) > 4
    assert "CANARY" not in "".join(span.to_json() for span in spans)


def test_a_field_that_no_log_may_have_is_a_programming_error(exporter: InMemorySpanExporter) -> None:
    trace = OtelTracer(SimpleSpanProcessor(exporter))
    with pytest.raises(ValueError, match="patient"), trace.span("call", patient="p1"):
        pass
    with trace.span("call") as span, pytest.raises(ValueError, match="patient"):
        span.say(patient="p1")
    with trace.span("call", kind="Jane Doe", clauses=("a", "b")) as span:
        span.say(kind="x" * 500)
    assert said(exporter.get_finished_spans()[-1]) == {"nmcds.kind": "(withheld)", "nmcds.clauses": "['a', 'b']"}
    trace.close()


SERVE = """
import asyncio, sys
from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from tests.support.asgi import Client
from tests.support.doubles import FakeFhir, FakeKnowledge, request

def broken(_):
    raise ValueError("CANARY")

app = create_app(Settings(database_url="sqlite://"), FakeKnowledge(broken), fhir=FakeFhir())

async def run():
    async with app.router.lifespan_context(app):
        for body in (request(), {"hook": "CANARY"}):
            await Client(app).asend("POST", "/cds-services/neuromuscular-patient-view?CANARY", str(body).encode())
    sent = []
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    async def receive():
        return messages.pop(0)
    async def send(message):
        sent.append(message)
    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

asyncio.run(run())
names = ("opentelemetry.sdk", "opentelemetry.exporter", "cds_hooks.otel")
print(sorted(name for name in sys.modules if name.startswith(names)))
"""


def test_without_our_setting_nothing_is_imported_or_sent_whatever_the_environment_says() -> None:
    """FastAPI has telemetry of its own, with messages and stacks of exceptions, that two variables turn on."""
    with collector() as (url, seen):
        environment = {"FASTAPI_OTEL_AUTO_CONFIGURE": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "PATH": os.environ["PATH"]}
        done = subprocess.run([sys.executable, "-c", SERVE], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
    assert seen == []


def test_an_endpoint_without_the_packages_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cds_hooks.otel", None)
    with pytest.raises(SettingsError, match="tracing"):
        tracer(Settings(otlp_endpoint="http://127.0.0.1:4318"))
    assert isinstance(tracer(Settings()), NoTracer)


@pytest.mark.parametrize("url", ["http://collector.example:4318", "ftp://127.0.0.1", "https://user@collector.example", "collector:4318"])
def test_a_collector_elsewhere_needs_https(url: str) -> None:
    with pytest.raises(SettingsError, match="NMCDS_OTLP_ENDPOINT"):
        Settings.load({"NMCDS_OTLP_ENDPOINT": url})
    assert Settings.load({"NMCDS_OTLP_ENDPOINT": "http://127.0.0.1:4318/"}).otlp_endpoint == "http://127.0.0.1:4318"
    assert Settings.load({"NMCDS_OTLP_ENDPOINT": "https://collector.example"}).otlp_endpoint == "https://collector.example"


@contextmanager
def collector(status: int = 200, location: str = "") -> Iterator[tuple[str, list[str]]]:
    """A collector on this machine, and the paths it was asked for."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            if location:
                self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name that the server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_spans_go_to_the_collector_over_a_real_socket() -> None:
    with collector() as (url, seen):
        trace = exporting(url)
        with trace.span("call", service="s"):
            pass
        trace.close()
    assert seen == ["/v1/traces"]


def test_a_redirect_of_the_collector_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_hooks.otel.SEND_S", 0.3)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # nor is a proxy of the environment used
    with collector() as (other, seen_there), collector(307, f"{other}/elsewhere") as (url, seen):
        trace = exporting(url)
        with trace.span("call"):
            pass
        trace.close()
    assert set(seen) == {"/v1/traces"}
    assert seen_there == []
