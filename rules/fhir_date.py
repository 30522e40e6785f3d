"""FHIR dates as intervals, durations and ages.

A FHIR date, dateTime or instant (R4 2.24.0.1, datatypes) names an interval: "2024" is a year, "2024-05-02" a day.
Comparisons answer True, False or None; None means the interval straddles the boundary, so the answer is unknown.

Rules of this file, each with a test:

* A date without a time is taken as that day in UTC, for the true time zone is not known.
* A time without an offset is malformed (FHIR requires one); only its day is used.
* A leap second (":60") counts as the second before it; fractions finer than a microsecond are cut off.
* `within` looks back from `as_of`. Nothing in the future is within: an instant may run ahead of our clock by 10 minutes
  (`CLOCK_SKEW`), a date without time by 24 hours (`ZONE_SKEW`), because "today" begins up to 14 hours early in the east.
* `within` counts whole days for dates without time: 14 days before 25 November is 11 November, all of it.
  Durations in hours or minutes are exact, so such a date may be unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal

__all__ = ["CLOCK_SKEW", "ZONE_SKEW", "Age", "Duration", "FhirDate", "Precision", "age", "reached"]

CLOCK_SKEW = timedelta(minutes=10)
ZONE_SKEW = timedelta(hours=24)

Precision = Literal["year", "month", "day", "minute", "second"]

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:(Z)|([+-])(\d\d):(\d\d))?", re.ASCII)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_DURATION = re.compile(r"(\d{1,4}) (minute|hour|day|week|month|year)s?", re.ASCII)
_TICK = timedelta(microseconds=1)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_DAY = timedelta(days=1)
_FINENESS = ("year", "month", "day", "minute", "second")


@dataclass(frozen=True, slots=True)
class Duration:
    """A calendar length such as "14 days", "48 hours" or "24 months"; months and years follow the calendar."""

    count: int
    unit: Literal["minute", "hour", "day", "week", "month", "year"]
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Hash once: durations are keys in every evaluation."""
        object.__setattr__(self, "_hash", hash((self.count, self.unit)))

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    @lru_cache(maxsize=512)  # rules name the same few lengths; one object each is quickly found as a key
    def parse(cls, text: str) -> Duration:
        """Read "<whole number> <minutes|hours|days|weeks|months|years>"; raises ValueError naming the text and the form."""
        match = _DURATION.fullmatch(text)
        if match is None:
            raise ValueError(f'"{text}" is not a duration; write a whole number and a unit, such as "14 days" or "24 months"')
        return cls(int(match[1]), match[2])  # type: ignore[arg-type]

    @property
    def is_exact(self) -> bool:
        """True for minutes and hours, which are measured on the clock and not in calendar days."""
        return self.unit in ("minute", "hour")

    def before(self, moment: datetime) -> datetime:
        """The moment this long before `moment`; stops at the first representable one."""
        return self._shift(moment, -1)

    def after(self, moment: datetime) -> datetime:
        """The moment this long after `moment`; stops at the last representable one."""
        return self._shift(moment, 1)

    def _shift(self, moment: datetime, sign: int) -> datetime:
        count = self.count * sign
        try:
            if self.unit in ("month", "year"):
                return _add_months(moment, count * (12 if self.unit == "year" else 1))
            return moment + timedelta(**{f"{self.unit}s": count})
        except (OverflowError, ValueError):
            return _LAST if sign > 0 else _FIRST

    def __str__(self) -> str:
        return f"{self.count} {self.unit}" + ("" if self.count == 1 else "s")


@dataclass(frozen=True, slots=True)
class FhirDate:
    """The closed interval [start, end] (aware, UTC) that `text` names, as precise as known."""

    text: str
    start: datetime
    end: datetime
    precision: Precision

    @classmethod
    def parse(cls, text: object) -> FhirDate | None:
        """Read a FHIR date, dateTime or instant; anything else is None. Never raises."""
        if not isinstance(text, str) or not 4 <= len(text) <= 40:
            return None
        try:
            return _partial(text) if len(text) <= 10 else _instant(text)
        except (ValueError, OverflowError):
            return None

    @classmethod
    def of(cls, moment: datetime | date) -> FhirDate:
        """The FhirDate of an aware datetime (to the second) or of a date."""
        if isinstance(moment, datetime):
            whole = moment.astimezone(UTC).replace(microsecond=0)
            return cls(whole.strftime("%Y-%m-%dT%H:%M:%SZ"), whole, whole + timedelta(seconds=1) - _TICK, "second")
        start = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        return cls(moment.isoformat(), start, start + _DAY - _TICK, "day")

    @property
    def has_time(self) -> bool:
        """True when the value says more than the day."""
        return self.precision in ("minute", "second")

    def before(self, moment: datetime) -> bool | None:
        """Does all of the interval lie before `moment`? None when it straddles it."""
        if self.end < moment:
            return True
        return False if self.start >= moment else None

    def after(self, moment: datetime) -> bool | None:
        """Does all of the interval lie after `moment`? None when it straddles it."""
        if self.start > moment:
            return True
        return False if self.end <= moment else None

    def is_future(self, as_of: datetime) -> bool:
        """True when even the earliest reading lies ahead of `as_of` by more than clock and time-zone differences."""
        return self.start > as_of + (CLOCK_SKEW if self.has_time else ZONE_SKEW)

    def within(self, as_of: datetime, duration: Duration) -> bool | None:
        """Is it dated in the `duration` up to `as_of`? A future value never is; see the head of this file."""
        if self.is_future(as_of):
            return False
        limit = _limit(as_of, duration, not self.has_time and not duration.is_exact)
        if self.start >= limit:
            return True
        return False if min(self.end, as_of) < limit else None

    def is_ago(self, as_of: datetime, duration: Duration) -> bool | None:
        """Is it dated at least `duration` before `as_of`? The 14th day before counts, all of it; a future value never is."""
        limit = duration.before(as_of)
        return self.before(limit if duration.is_exact else _midnight(limit) + _DAY)

    def plus_age(self, age_: Duration) -> FhirDate | None:
        """When a person born on this date had the completed age `age_` (onsetAge): an interval one unit of the age long."""
        unit = Duration(1, age_.unit)
        start, end = age_.after(self.start), unit.after(age_.after(_midnight(self.end))) - _TICK  # up to the day before the next one
        if end >= _LAST - _DAY:
            return None
        precision: Precision = "year" if age_.unit == "year" else "month" if age_.unit == "month" else "day"
        text = start.isoformat()[: {"year": 4, "month": 7}.get(min(precision, self.precision, key=_FINENESS.index), 10)]
        return FhirDate(text, start, end, precision)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Age:
    """Completed months and years: between `min_` and `max_`, equal when the birth date is known to the day."""

    min_months: int
    max_months: int

    @property
    def min_years(self) -> int:
        """The fewest completed years."""
        return self.min_months // 12

    @property
    def max_years(self) -> int:
        """The most completed years."""
        return self.max_months // 12


def age(birth: FhirDate, as_of: datetime) -> Age:
    """Completed months between `birth` and `as_of`; a birth after `as_of` counts as zero."""
    today = as_of.astimezone(UTC).date()
    return Age(_whole_months(birth.end.date(), today), _whole_months(birth.start.date(), today))


def reached(birth: FhirDate, as_of: datetime, limit: Duration) -> bool | None:
    """Has a person born at `birth` completed the age `limit` at `as_of`? None when a partial birth date straddles it."""
    today = as_of.astimezone(UTC).date()
    if limit.after(_midnight(birth.end)).date() <= today:
        return True
    return False if limit.after(_midnight(birth.start)).date() > today else None


@lru_cache(maxsize=256)  # the moment of one call and the lengths that rules name; nothing of a patient
def _limit(as_of: datetime, duration: Duration, whole_days: bool) -> datetime:
    """The first moment that is within."""
    limit = duration.before(as_of)
    return _midnight(limit) if whole_days else limit


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _whole_months(earlier: date, later: date) -> int:
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    if later.day < earlier.day and later.day < _days_in(later.year, later.month):
        months -= 1
    return max(months, 0)


def _days_in(year: int, month: int) -> int:
    if month == 12:
        return 31
    return (date(year, month + 1, 1) - date(year, month, 1)).days


def _add_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError("year out of range")
    return moment.replace(year=year, month=month + 1, day=min(moment.day, _days_in(year, month + 1)))


def _partial(text: str) -> FhirDate | None:
    match = _PARTIAL.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    start = datetime(year, month, day, tzinfo=UTC)
    if match[3]:
        return FhirDate(text, start, start + (_DAY - _TICK), "day")
    if match[2]:
        return FhirDate(text, start, start + timedelta(days=_days_in(year, month)) - _TICK, "month")
    return FhirDate(text, start, datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "year")


def _instant(text: str) -> FhirDate | None:
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    day, hour, minute, second, fraction, zulu, sign, zone_hour, zone_minute = match.groups()
    seconds = min(int(second or 0), 59)
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        return None
    if zulu is None and sign is None:
        return _partial(day)
    micro = int(((fraction or "") + "000000")[:6])
    local = datetime(int(day[:4]), int(day[5:7]), int(day[8:]), int(hour), int(minute), seconds, micro, tzinfo=UTC)
    if sign:
        if int(zone_hour) > 14 or int(zone_minute) > 59:
            return None
        offset = timedelta(hours=int(zone_hour), minutes=int(zone_minute))
        local = local - offset if sign == "+" else local + offset
    if second is None:
        return FhirDate(text, local, local + timedelta(minutes=1) - _TICK, "minute")
    if fraction:
        return FhirDate(text, local, local, "second")
    return FhirDate(text, local, local + (timedelta(seconds=1) - _TICK), "second")
