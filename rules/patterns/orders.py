"""What was carried out, and what is ordered or booked and still to come."""

from __future__ import annotations

from collections.abc import Mapping, Set

from rules.facts import Event, Origin, Record
from rules.fhir_date import Duration, FhirDate
from rules.patterns.base import Truth
from rules.patterns.index import REPORTED, RecordIndex

__all__ = ["awaited", "completed", "to_come"]

COMPLETE: Mapping[str, Set[str]] = {
    "procedure": {"completed"},
    "report": REPORTED,
    "imaging": {"available"},
    "immunization": {"completed"},
}


def completed(event: Event) -> bool:
    """Is it a procedure, report, scan or vaccination on file that was carried out?"""
    return event.origin is Origin.RECORD and event.status in COMPLETE.get(event.kind, set())


def to_come(first: FhirDate, last: FhirDate, ahead: Duration | None, record: Record) -> bool:
    """Not over yet, and begins within `ahead` when given."""
    return last.end >= record.as_of and (ahead is None or first.start <= ahead.after(record.as_of))


def awaited(order: Event, ahead: Duration, index: RecordIndex) -> Truth:
    """Is what was ordered still to be done, within `ahead`? Without a day for it one written so lately is, an older one may be."""
    written = order.when
    if written is not None and any(
        completed(other) and (done := other.end or other.when) is not None and done.end >= written.start
        for other in index.pick(index.events, order.concepts)
    ):
        return False
    if order.due is not None:
        return to_come(order.due, order.end or order.due, ahead, index.record)
    return True if written is not None and written.within(index.record.as_of, ahead) else None
