"""Spans of a call (call, gather, evaluate, render) when a collector is configured; nothing otherwise, not even an import.

A span says what a log line may say and no more: the same allow-list of fields (`observe.FIELDS`), the same plain values, no text of an
error, no stack. Of the caller's trace context only `traceparent` is read (W3C Trace Context, section 3.2: random numbers and a flag);
`tracestate` and `baggage` may hold anything and are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from cds_hooks.errors import SettingsError
from cds_hooks.observe import FIELDS, plain
from cds_hooks.settings import Settings

__all__ = ["NoTracer", "Span", "Tracer", "attributes", "tracer"]

Plain = bool | int | float | str
MISSING = "NMCDS_OTLP_ENDPOINT: tracing needs the extra `tracing`: pip install 'neuromuscular-cds[tracing]'"


class Span(Protocol):
    """An open span."""

    def say(self, **fields: object) -> None:
        """Add allow-listed fields; raises ValueError for any other."""
        ...


class Tracer(Protocol):
    """Opens spans, each a child of the one around it."""

    def span(self, name: str, *, traceparent: str = "", **fields: object) -> AbstractContextManager[Span]:
        """A span for a `with` statement; `traceparent` makes it part of the caller's trace."""
        ...

    def close(self) -> None:
        """Send what waits and stop."""
        ...


class _NoSpan(AbstractContextManager["_NoSpan"]):
    def __enter__(self) -> _NoSpan:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def say(self, **fields: object) -> None:
        """Nothing to tell."""


class NoTracer:
    """Tracing is off."""

    _span = _NoSpan()

    def span(self, name: str, *, traceparent: str = "", **fields: object) -> AbstractContextManager[Span]:  # noqa: ARG002 - as a tracer that is on
        """The one span that does nothing."""
        return self._span

    def close(self) -> None:
        """Nothing to send."""


def attributes(fields: Mapping[str, object]) -> Iterator[tuple[str, Plain]]:
    """Fields as span attributes `nmcds.<field>`; raises ValueError for a field that is not on the list of the logs."""
    unknown = set(fields) - FIELDS
    if unknown:
        raise ValueError(f"not an allowed span field: {sorted(unknown)}")
    for name, value in fields.items():
        said = plain(value)
        yield f"nmcds.{name}", said if isinstance(said, bool | int | float | str) else str(said)


def tracer(settings: Settings) -> Tracer:
    """The tracer that the settings ask for; raises SettingsError when its packages are not installed."""
    if not settings.otlp_endpoint:
        return NoTracer()
    try:
        from cds_hooks.otel import exporting  # noqa: PLC0415 - costs memory and opens a network door: only when asked for
    except ImportError as error:
        raise SettingsError([MISSING]) from error
    return exporting(settings.otlp_endpoint)
