"""Every text in tests that begins with CANARY stands for patient data or a secret: it must come out nowhere, in no test of the suite.

`tests/conftest.py` puts the wire around every test; the builders in `doubles` plant canaries in names, texts, users and tokens. Looked at
are: what our log lines say and what any other library would print, metrics, bodies of errors, fields of spans; after the last test, names
of files and the contents of databases. Card texts go to the caller, who sent the data, and are not looked at.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cds_hooks import tracing
from cds_hooks.errors import ServiceError
from cds_hooks.observe import JsonLines, Metrics

__all__ = ["CANARY", "Tripwire", "leaks_in_files"]

CANARY = "CANARY"
DATABASES = (".sqlite3", ".sqlite3-wal", ".sqlite3-shm", ".sqlite3-journal", ".db")


class Tripwire:
    """`found` says where a canary came out."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._metrics: list[Metrics] = []

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Listen at the places through which everything goes that is logged, answered, counted or traced."""
        handle, begin, body = logging.Logger.handle, Metrics.__init__, ServiceError.body

        def on_log(logger: logging.Logger, record: logging.LogRecord) -> None:
            self.look(f"log of {logger.name}", _printed(record))
            handle(logger, record)

        def on_metrics(metrics: Metrics) -> None:
            begin(metrics)
            self._metrics.append(metrics)

        def on_error(error: ServiceError) -> bytes:
            found = body(error)
            self.look(f"error {error.number}", found.decode())
            return found

        def on_span(_tracer: object, name: str, *, traceparent: str = "", **fields: object) -> _WatchedSpan:
            self.look("span", f"{name} {traceparent} {dict(tracing.attributes(fields))}")
            return _WatchedSpan(self)

        patch.setattr(logging.Logger, "handle", on_log)
        patch.setattr(Metrics, "__init__", on_metrics)
        patch.setattr(ServiceError, "body", on_error)
        patch.setattr(tracing.NoTracer, "span", on_span)

    def finish(self) -> list[str]:
        """Look at the metrics as they are now, and say where canaries came out."""
        for metrics in self._metrics:
            self.look("metrics", metrics.render().decode())
        return self.found

    def look(self, where: str, text: str) -> None:
        """Note a canary in `text`."""
        if CANARY in text:
            at = text.index(CANARY)
            self.found.append(f"{where}: ...{text[max(0, at - 60) : at + 60]}...")


class _WatchedSpan:
    """A span that is off, but checks what it is told as one that is on would."""

    def __init__(self, wire: Tripwire) -> None:
        self._wire = wire

    def __enter__(self) -> _WatchedSpan:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def say(self, **fields: object) -> None:
        self._wire.look("span", str(dict(tracing.attributes(fields))))


def _printed(record: logging.LogRecord) -> str:
    """What an operator reads: our own format for our logger; of others, warnings and worse with their stack, as Python prints them."""
    if record.name.partition(".")[0] == "cds_hooks":
        return JsonLines().format(record)
    return logging.Formatter().format(record) if record.levelno >= logging.WARNING else ""


def leaks_in_files(folder: Path) -> list[str]:
    """Names of files with a canary, and databases that hold one."""
    found = []
    for path in folder.rglob("*"):
        if CANARY in path.name:
            found.append(f"name of {path}")
        if path.name.endswith(DATABASES) and path.is_file() and CANARY.encode() in path.read_bytes():
            found.append(f"content of {path}")
    return found
