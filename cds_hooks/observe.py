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

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from cds_hooks.faults import Fault

__all__ = ["FIELDS", "Metrics", "configure_logs", "log_event", "plain"]

LOGGER = "cds_hooks"
FIELDS = frozenset(
    (
        "cards", "clauses", "client", "codes", "fetched", "foreign", "foreign_orders", "hook", "instance", "kind", "ms", "number",
        "problems", "reason", "release", "resources", "rule", "rules", "service", "status", "suppressed", "system", "unread",
    )
)  # fmt: skip
ENGINE_ERRORS = ("budget", "crash", "deadline", "difference", "poisoned")
PLAIN = re.compile(r"[A-Za-z0-9_.,:/+-]{0,400}")


def log_event(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Write one line. `fields` must be in FIELDS; a text that is not plain is written as "(withheld)"."""
    unknown = set(fields) - FIELDS
    if unknown:
        raise ValueError(f"not an allowed log field: {sorted(unknown)}")
    logging.getLogger(LOGGER).log(level, event, extra={"fields": {name: plain(value) for name, value in fields.items()}})


def plain(value: object) -> object:
    """A number or switch as it is, a list item by item, any other text only when it is short and plain; also for spans."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
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
        self.not_checked = Counter(
            "nmcds_not_checked", "Data that rules needed and did not have, by FHIR type: not-read or not-in-record", ["why", "type"],
            registry=self.registry,
        )  # fmt: skip
        self.foreign = Counter("nmcds_foreign_resources", "Resources of another patient, not used", registry=self.registry)
        self.suppressed = Counter("nmcds_suppressed_cards", "Cards not shown again after dismissal", registry=self.registry)
        self.feedback = Counter("nmcds_feedback", "Feedback by outcome", ["outcome"], registry=self.registry)
        self.fhir_reads = Counter("nmcds_fhir_reads", "Reads and searches that a FHIR server answered completely", registry=self.registry)
        self.fhir_faults = Counter("nmcds_fhir_faults", "Reads and searches that it did not, by kind", ["kind"], registry=self.registry)
        for fault in Fault:
            self.fhir_faults.labels(fault.kind)
        self.fhir_retries = Counter("nmcds_fhir_retries", "Requests to FHIR servers made a second time", registry=self.registry)
        self.fhir_circuit_open = Gauge(
            "nmcds_fhir_circuit_open", "1 while a listed FHIR server is not asked because it did not answer", ["server"],
            registry=self.registry,
        )  # fmt: skip
        self.unmapped = Counter(
            "nmcds_unmapped_codes", "Codes of watched chapters that mean nothing to us", ["system", "chapter"], registry=self.registry
        )
        self.dropped = Counter("nmcds_storage_dropped", "Audit entries lost because storage was down or slow", registry=self.registry)
        self.canary_silent = Gauge(
            "nmcds_canary_silent", "1 for a rule that stays silent on its own example", ["rule"], registry=self.registry
        )
        self.canary_sweeps = Counter("nmcds_canary_sweeps", "Complete sweeps over the examples of all rules", registry=self.registry)
        self.canary_swept = Gauge(
            "nmcds_canary_last_sweep_timestamp_seconds", "End of the last complete sweep, 0 before the first", registry=self.registry
        )
        self.rate_alarm = Gauge(
            "nmcds_rule_rate_alarm", "1 for a rule that fires more or less often than it used to", ["rule"], registry=self.registry
        )
        for kind in ENGINE_ERRORS:  # a counter that is there from the start shows its first increase
            self.engine.labels(kind)
        self.refused = Counter("nmcds_callers_refused", "Calls without a good token by reason", ["reason"], registry=self.registry)
        self.keys_not_read = Counter("nmcds_keys_not_read", "Failed readings of a client's key address", registry=self.registry)
        self.tokens_unsafe = Counter(
            "nmcds_tokens_remembered_here_only", "Calls let in while used tokens could not be stored", registry=self.registry
        )

    def render(self) -> bytes:
        """The text of GET /metrics."""
        return generate_latest(self.registry)
