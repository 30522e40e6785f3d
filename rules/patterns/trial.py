"""RESPONSE-INADEQUATE: was a drug tried long enough before it was stopped? The settings `trial` and `trial_courses` say how long."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rules.facts import Medication
from rules.patterns.base import Context, Names, Truth
from rules.patterns.index import RecordIndex
from rules.patterns.therapy import given, past_days
from rules.patterns.when import class_table, duration, in_days

__all__ = ["Trials"]

ONE_COURSE = timedelta(days=30)
"""What is given within 30 days is one course: `ivig-risk-check` of the specification calls no course fresh that long after one."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What is an adequate trial of some drugs: so many days without a break, or so many courses."""

    days: tuple[tuple[Names, Decimal], ...]
    courses: tuple[tuple[Names, int], ...]

    @classmethod
    def read(cls, context: Context) -> Trials:
        """Read the settings."""
        lengths = tuple((drugs, in_days(duration(context, value))) for drugs, value in class_table(context, "trial"))
        return cls(lengths, tuple((drugs, int(str(value))) for drugs, value in class_table(context, "trial_courses")))

    def failed(self, fact: Medication, index: RecordIndex) -> Truth:
        """Ineffective after an adequate trial, or not tolerated. Stopped without a reason is unknown."""
        if "intolerance" in fact.status_reasons:
            return True
        if "ineffective" not in fact.status_reasons:
            return None
        for drugs, count in self.courses:
            if fact.concepts & drugs:  # the record shows the least that there was: fewer are unknown
                return _courses(drugs, index, fact) >= count or None
        need = next((days for drugs, days in self.days if fact.concepts & drugs), Decimal(0))
        return need == 0 or _lasted(fact, need, index)


def _lasted(fact: Medication, need: Decimal, index: RecordIndex) -> Truth:
    """Had this drug been taken so long without a break when `fact` ended? Repeat prescriptions are one course."""
    start, end, now = fact.began, fact.end, index.record.as_of
    before = past_days(fact.concepts, index, start.start) if start is not None else None
    own = fact.days if start is None or end is None else Decimal((min(end.end, now) - start.start).days + 1)
    if own is None:
        return True if before is not None and before >= need else None
    return (before or Decimal(0)) + own >= need


def _courses(drugs: Names, index: RecordIndex, fact: Medication) -> int:
    """How many courses of these drugs the record shows until `fact` ended."""
    if drugs not in index.course_starts:
        index.course_starts[drugs] = _course_starts(drugs, index)
    now = index.record.as_of
    return bisect_right(index.course_starts[drugs], min(fact.end.end, now) if fact.end else now)


def _course_starts(drugs: Names, index: RecordIndex) -> tuple[datetime, ...]:
    """When each course began; an order that went on longer than one shows a second."""
    days: list[datetime] = []
    for other in index.pick(index.medications, drugs):
        if given(other) and other.began is not None:
            days += [other.began.start, min(other.end.start, index.record.as_of) if other.end else other.began.start]
    firsts: list[datetime] = []
    for day in sorted(days):
        if not firsts or day >= firsts[-1] + ONE_COURSE:
            firsts.append(day)
    return tuple(firsts)
