"""Episodes: two entries that began far enough apart are two of them, and not one that was coded twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rules.fhir_date import Duration, FhirDate
from rules.patterns.base import Truth

__all__ = ["far_apart"]

_EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def far_apart(begun: Sequence[FhirDate | None], least: Duration) -> Truth:
    """Did two of these begin so far apart? Whole days count; None when a partial or missing date leaves it open."""
    spans = [(date.start, date.end) if date else _EVER for date in begun]
    if len(spans) < 2:
        return False
    first, last = min(end for _, end in spans), max(start for start, _ in spans)
    if _later(first, least) <= last:
        return True
    earliest = sorted(range(len(spans)), key=lambda place: spans[place][0])[:2]
    latest = sorted(range(len(spans)), key=lambda place: spans[place][1])[-2:]
    possible = any(_later(spans[one][0], least) <= spans[other][1] for one in earliest for other in latest if one != other)
    return None if possible else False


def _later(moment: datetime, least: Duration) -> datetime:
    return least.after(moment.replace(hour=0, minute=0, second=0, microsecond=0))
