"""FHIR dates as intervals, durations and ages."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from rules.fhir_date import Duration, FhirDate, age, reached

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def known(text: str) -> FhirDate:
    found = FhirDate.parse(text)
    assert found is not None, text
    return found


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "start", "end", "precision"),
    [
        ("2024", utc(2024, 1, 1), utc(2024, 12, 31, 23, 59, 59, 999999), "year"),
        ("2024-02", utc(2024, 2, 1), utc(2024, 2, 29, 23, 59, 59, 999999), "month"),
        ("2024-12", utc(2024, 12, 1), utc(2024, 12, 31, 23, 59, 59, 999999), "month"),
        ("2024-05-02", utc(2024, 5, 2), utc(2024, 5, 2, 23, 59, 59, 999999), "day"),
        ("2024-05-02T10:11Z", utc(2024, 5, 2, 10, 11), utc(2024, 5, 2, 10, 11, 59, 999999), "minute"),
        ("2024-05-02T10:11:12Z", utc(2024, 5, 2, 10, 11, 12), utc(2024, 5, 2, 10, 11, 12, 999999), "second"),
        ("2024-05-02T10:11:12.5Z", utc(2024, 5, 2, 10, 11, 12, 500000), utc(2024, 5, 2, 10, 11, 12, 500000), "second"),
        ("2024-05-02T23:30:00-05:00", utc(2024, 5, 3, 4, 30), utc(2024, 5, 3, 4, 30, 0, 999999), "second"),
        ("2024-05-02T01:30:00+05:45", utc(2024, 5, 1, 19, 45), utc(2024, 5, 1, 19, 45, 0, 999999), "second"),
        ("2024-05-02T01:30:00+14:00", utc(2024, 5, 1, 11, 30), utc(2024, 5, 1, 11, 30, 0, 999999), "second"),
    ],
)
def test_a_date_names_the_interval_it_leaves_open(text: str, start: datetime, end: datetime, precision: str) -> None:
    found = known(text)
    assert (found.start, found.end, found.precision, found.text, str(found)) == (start, end, precision, text, text)


def test_a_leap_second_counts_as_the_second_before_it() -> None:
    assert known("2016-12-31T23:59:60Z").start == utc(2016, 12, 31, 23, 59, 59)


def test_fractions_finer_than_a_microsecond_are_cut_off() -> None:
    assert known("2024-05-02T10:11:12.123456789Z").start == utc(2024, 5, 2, 10, 11, 12, 123456)


def test_a_time_without_an_offset_counts_as_its_day_only() -> None:
    found = known("2024-05-02T10:11:12")
    assert (found.text, found.precision) == ("2024-05-02", "day")


@pytest.mark.parametrize(
    "text",
    [
        None, 2024, [], "", "24", "0000", "2024-13", "2024-02-30", "2024-5-2", " 2024-05-02", "2024-05-02Z", "20240502",
        "2024-05-02T24:00:00Z", "2024-05-02T10:60:00Z", "2024-05-02T10:10:61Z", "2024-05-02T10:10:10+15:00", "2024-05-02T10:10:10+05:60",
        "2024-05-02T24:00:00", "2024-05-02T10:60:00",
        "2024-05-02T10Z", "2024-05-02 10:10:10Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "２０２４", "yesterday-ish",
        "2024-05-02T10:10:10Z" + "0" * 40, "2024-02-30T10:10:10Z",
    ],
)  # fmt: skip
def test_what_is_no_fhir_date_is_nothing(text: object) -> None:
    assert FhirDate.parse(text) is None


def test_comparisons_answer_nothing_when_the_interval_straddles_the_moment() -> None:
    year = known("2024")
    assert (year.before(utc(2025, 1, 1)), year.before(utc(2024, 6, 1)), year.before(utc(2024, 1, 1))) == (True, None, False)
    assert (year.after(utc(2023, 12, 31)), year.after(utc(2024, 6, 1)), year.after(utc(2025, 1, 1))) == (True, None, False)


@pytest.mark.parametrize(
    ("text", "duration", "answer"),
    [
        ("2026-11-11", "14 days", True),  # whole days: all of that day counts
        ("2026-11-10", "14 days", False),
        ("2026-11-11T11:00:00Z", "14 days", False),  # an instant is measured on the clock
        ("2026-11-11T12:00:00Z", "14 days", True),
        ("2026-11-23", "48 hours", None),  # half of that day lies inside
        ("2026-11-24", "48 hours", True),
        ("2026-11", "1 month", True),
        ("2026-10", "1 month", None),
        ("2025", "12 months", None),
        ("2026", "12 months", True),
        ("2024", "12 months", False),
        ("2024-11-25", "24 months", True),
        ("2024-11-24", "2 years", False),
    ],
)
def test_within_looks_back_from_the_moment(text: str, duration: str, answer: bool | None) -> None:
    assert known(text).within(NOON, Duration.parse(duration)) is answer


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("2026-11-25", True),
        ("2026-11-26", True),  # today in the east, where the day begins up to 14 hours early
        ("2026-11-27", False),
        ("2026-11-25T12:09:00Z", True),  # clocks differ a little
        ("2026-11-25T12:11:00Z", False),
        ("2027", False),
    ],
)
def test_a_value_in_the_future_is_not_within_the_last_days(text: str, inside: bool) -> None:
    assert known(text).within(NOON, Duration.parse("7 days")) is inside
    assert known(text).is_future(NOON) is not inside


@pytest.mark.parametrize(
    ("text", "duration", "answer"),
    [
        ("2026-11-11", "14 days", True),
        ("2026-11-11T23:00:00Z", "14 days", True),  # days count whole
        ("2026-11-12", "14 days", False),
        ("2026-11-12T00:00:00Z", "14 days", False),
        ("2026-10", "14 days", True),
        ("2026-11", "14 days", None),
        ("2026", "14 days", None),
        ("2025", "14 days", True),
        ("2027-01-05", "14 days", False),
        ("2026-11-25T09:00:00Z", "2 hours", True),
        ("2026-11-25T11:00:00Z", "2 hours", False),
        ("2026-11-25", "2 hours", None),
    ],
)
def test_ago_is_at_least_so_long_before_the_moment(text: str, duration: str, answer: bool | None) -> None:
    assert known(text).is_ago(NOON, Duration.parse(duration)) is answer


@pytest.mark.parametrize("text", ["", "14", "14days", "-1 days", "1.5 days", "14 fortnights", "99999 days", "14  days", "14 days ago"])
def test_a_wrong_duration_names_itself_and_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write a whole number and a unit"):
        Duration.parse(text)


def test_months_and_years_follow_the_calendar() -> None:
    assert Duration.parse("1 month").before(utc(2024, 3, 31)) == utc(2024, 2, 29)
    assert Duration.parse("1 year").after(utc(2024, 2, 29)) == utc(2025, 2, 28)
    assert Duration.parse("2 weeks").after(utc(2024, 12, 25)) == utc(2025, 1, 8)
    assert Duration.parse("90 minutes").before(utc(2024, 1, 1)) == utc(2023, 12, 31, 22, 30)


def test_a_duration_beyond_the_calendar_stops_at_its_end() -> None:
    assert Duration.parse("9999 years").before(NOON) == datetime.min.replace(tzinfo=UTC)
    assert Duration.parse("9999 years").after(NOON) == datetime.max.replace(tzinfo=UTC)
    assert Duration.parse("9999 weeks").after(utc(9999, 1, 1)) == datetime.max.replace(tzinfo=UTC)


def test_a_duration_is_written_as_it_is_read() -> None:
    assert [str(Duration.parse(text)) for text in ("1 day", "2 days", "1 months")] == ["1 day", "2 days", "1 month"]


def test_an_age_is_a_span_when_the_birth_date_is_partial() -> None:
    exact, partial = age(known("2008-11-25"), NOON), age(known("2008"), NOON)
    assert (exact.min_years, exact.max_years, exact.min_months) == (18, 18, 216)
    assert (partial.min_years, partial.max_years) == (17, 18)


@pytest.mark.parametrize(
    ("birth", "today", "months"),
    [
        ("2024-11-26", utc(2026, 11, 25), 23),
        ("2024-11-25", utc(2026, 11, 25), 24),
        ("2024-01-31", utc(2024, 2, 29), 1),  # the month ends before the 31st
        ("2023-12-31", utc(2024, 12, 30), 11),
        ("2027-01-01", utc(2026, 11, 25), 0),  # not born yet
    ],
)
def test_months_are_counted_when_completed(birth: str, today: datetime, months: int) -> None:
    assert age(known(birth), today).min_months == months


@pytest.mark.parametrize(
    ("birth", "limit", "answer"),
    [
        ("2008-11-25", "18 years", True),
        ("2008-11-26", "18 years", False),
        ("2008", "18 years", None),
        ("2007", "18 years", True),
        ("2009", "18 years", False),
        ("2026-10-28", "28 days", True),
        ("2026-10-29", "28 days", False),
    ],
)
def test_an_age_is_reached_on_the_birthday(birth: str, limit: str, answer: bool | None) -> None:
    assert reached(known(birth), NOON, Duration.parse(limit)) is answer


def test_an_onset_age_becomes_the_span_of_that_age() -> None:
    born = known("1980-02-03")
    onset = born.plus_age(Duration.parse("30 years"))
    assert onset is not None
    assert (onset.text, onset.start, onset.end) == ("2010", utc(2010, 2, 3), utc(2011, 2, 3, 23, 59, 59, 999998))
    days = born.plus_age(Duration.parse("10 days"))
    assert days is not None
    assert (days.text, days.precision) == ("1980-02-13", "day")
    months = known("1980").plus_age(Duration.parse("5 months"))
    assert months is not None
    assert months.text == "1980"
    assert born.plus_age(Duration.parse("9000 years")) is None


def test_a_moment_and_a_day_become_fhir_dates() -> None:
    moment = FhirDate.of(datetime(2026, 11, 25, 12, 0, 5, 123, tzinfo=UTC))
    assert (moment.text, moment.has_time) == ("2026-11-25T12:00:05Z", True)
    day = FhirDate.of(date(2026, 11, 25))
    assert day == known("2026-11-25")
