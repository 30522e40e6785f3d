"""Logs and metrics with allow-listed fields only: nothing from a patient, a token or a stack can come out here.

A log line is one JSON object. A field that is not in FIELDS is a programming error and raises; a value is a number, a switch or a
short plain name. Metrics have labels from closed sets: service, outcome, rule id, indicator, kind.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

__all__ = ["FIELDS", "Metrics", "configure_logs", "log_event"]

LOGGER = "cds_hooks"
FIELDS = frozenset(
    (
        "cards", "clauses", "client", "fetched", "foreign", "foreign_orders", "hook", "instance", "kind", "ms", "number", "problems",
        "reason", "resources", "service", "status", "suppressed", "unread",
    )
)  # fmt: skip
PLAIN = re.compile(r"[A-Za-z0-9_.,:/+-]{0,400}")


def log_event(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Write one line. `fields` must be in FIELDS; a text that is not plain is written as "(withheld)"."""
    unknown = set(fields) - FIELDS
    if unknown:
        raise ValueError(f"not an allowed log field: {sorted(unknown)}")
    logging.getLogger(LOGGER).log(level, event, extra={"fields": {name: _plain(value) for name, value in fields.items()}})


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    text = str(value)
    return text if PLAIN.fullmatch(text) else "(withheld)"


class JsonLines(logging.Formatter):
    """Time, level, event and the allowed fields; no message of other code, no stack."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object on one line."""
        line = {"at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"), "level": record.levelname.lower()}
        fields = getattr(record, "fields", {})
        return json.dumps({**line, "event": record.msg if isinstance(record.msg, str) else "event", **fields})


def configure_logs(level: str, stream: TextIO | None = None) -> logging.Handler:
    """Send the service's log lines to a stream (standard error by default); returns the handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
    return handler


class Metrics:
    """Prometheus metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter("nmcds_calls", "Calls by service and HTTP status", ["service", "status"], registry=self.registry)
        self.seconds = Histogram(
            "nmcds_call_seconds", "Time of a call", ["service"], registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5),
        )  # fmt: skip
        self.cards = Counter("nmcds_cards", "Cards by indicator", ["indicator"], registry=self.registry)
        self.rules = Counter("nmcds_rule_cards", "Cards in which a rule spoke", ["rule", "indicator"], registry=self.registry)
        self.unread = Counter("nmcds_unread", "Resource types that could not be read completely", ["type"], registry=self.registry)
        self.engine = Counter("nmcds_engine_errors", "Evaluations that did not end properly", ["kind"], registry=self.registry)
        self.foreign = Counter("nmcds_foreign_resources", "Resources of another patient, not used", registry=self.registry)
        self.suppressed = Counter("nmcds_suppressed_cards", "Cards not shown again after dismissal", registry=self.registry)
        self.feedback = Counter("nmcds_feedback", "Feedback by outcome", ["outcome"], registry=self.registry)
        self.dropped = Counter("nmcds_storage_dropped", "Audit entries lost because storage was down or slow", registry=self.registry)
        self.refused = Counter("nmcds_callers_refused", "Calls without a good token by reason", ["reason"], registry=self.registry)
        self.keys_not_read = Counter("nmcds_keys_not_read", "Failed readings of a client's key address", registry=self.registry)
        self.tokens_unsafe = Counter(
            "nmcds_tokens_remembered_here_only", "Calls let in while used tokens could not be stored", registry=self.registry
        )

    def render(self) -> bytes:
        """The text of GET /metrics."""
        return generate_latest(self.registry)
