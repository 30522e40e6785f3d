"""The network door for traces: spans go to one OTLP collector over HTTP, and only when NMCDS_OTLP_ENDPOINT names it.

Imported by `tracing.tracer` alone. What may leave is decided in `tracing.attributes`; why this door exists stands in
`docs/decisions/0008-a-door-for-traces.md`. Headers, sampling and batch sizes follow the standard OTEL_ variables, which the SDK reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from cds_hooks.tracing import attributes

__all__ = ["OtelSpan", "OtelTracer", "exporting"]

SERVICE = "neuromuscular-cds"
SEND_S = 2.0  # a collector that is slow loses spans; it never holds up a call or the end of the process


class OtelSpan:
    """A span that takes allow-listed fields only."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def say(self, **fields: object) -> None:
        """Add fields; raises ValueError for one that is not allowed."""
        for name, value in attributes(fields):
            self._span.set_attribute(name, value)


class OtelTracer:
    """Spans into one processor; no global provider is set, so no other library's spans come along."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(SERVICE)
        self._context = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, *, traceparent: str = "", **fields: object) -> Iterator[OtelSpan]:
        """A span; an error in it is noted by its class, never by its text or stack."""
        parent = self._context.extract({"traceparent": traceparent}) if traceparent else None
        kind = SpanKind.SERVER if name == "call" else SpanKind.INTERNAL
        with self._tracer.start_as_current_span(
            name, context=parent, kind=kind, attributes=dict(attributes(fields)), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield OtelSpan(span)
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    def close(self) -> None:
        """Send what waits; gives up with the time limit of the exporter."""
        self._provider.shutdown()


def exporting(endpoint: str) -> OtelTracer:
    """A tracer that sends to `endpoint` + /v1/traces, without following redirects or the proxies of the environment."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=SEND_S, session=session)
    return OtelTracer(BatchSpanProcessor(exporter))
