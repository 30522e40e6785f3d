"""Moving an invented patient in time, so that "three weeks ago" stays three weeks ago on the day somebody tries the service."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TypeVar

__all__ = ["moved"]

_DATE = re.compile(r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)(?P<time>T.*)?)?)?")
# Elements of the resource types that the service reads (FHIR R4) whose names do not end in Date or DateTime.
_DATE_ELEMENTS = frozenset({
    "authored", "authoredOn", "created", "date", "dateAsserted", "effectiveInstant", "end", "event", "issued", "lastOccurrence",
    "lastUpdated", "received", "recordedOn", "sent", "start", "started", "timestamp", "whenHandedOver", "whenPrepared",
})  # fmt: skip
_Json = TypeVar("_Json")


def _moved_text(text: str, by: timedelta) -> str:
    """Move a FHIR date or dateTime; a partial date keeps its precision."""
    match = _DATE.fullmatch(text)
    if match is None:
        return text
    moved_day = date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)) + by
    if match["day"]:
        return moved_day.isoformat() + (match["time"] or "")
    return f"{moved_day:%Y-%m}" if match["month"] else f"{moved_day:%Y}"


def _is_date(element: str) -> bool:
    return element in _DATE_ELEMENTS or element.endswith(("Date", "DateTime"))


def moved(node: _Json, by: timedelta, element: str = "") -> _Json:
    """Return a copy of a JSON value in which every FHIR date element is `by` later."""
    if isinstance(node, dict):
        return type(node)({name: moved(value, by, name) for name, value in node.items()})
    if isinstance(node, list):
        return type(node)(moved(value, by, element) for value in node)
    if isinstance(node, str) and _is_date(element):
        return type(node)(_moved_text(node, by))
    return node
