"""How often each rule fired, day by day, among the calls of the services at which it fires."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select

from cds_hooks.control_chart import Day, Verdict, judge
from cds_hooks.store.database import Database
from cds_hooks.store.tables import calls, firing

__all__ = ["PAST_DAYS", "Rate", "rates"]

PAST_DAYS = 28  # four whole weeks: every weekday weighs the same


@dataclass(frozen=True, slots=True)
class Rate:
    """One rule on one day (UTC), against the four weeks before it."""

    rule: str
    day: date
    counted: Day
    verdict: Verdict

    @property
    def is_alarm(self) -> bool:
        """Whether the day is outside its limits."""
        return self.verdict.state in ("high", "low")


def rates(database: Database, today: date) -> list[Rate]:
    """Every rule that fired in these weeks, in id order: today as far as it goes, or yesterday when only that is an alarm.

    Raises StorageUnavailable.
    """
    first = today - timedelta(days=PAST_DAYS + 1)
    fired, called = _read(database, first, today)
    days = [first + timedelta(days=number) for number in range(PAST_DAYS + 2)]
    found = []
    for rule, services in sorted(fired.items()):
        counts = [
            Day(sum(called[one][day.isoformat()] for one in services), sum(by_day[day.isoformat()] for by_day in services.values()))
            for day in days
        ]
        found.append(_of(rule, days, counts))
    return found


def _of(rule: str, days: Sequence[date], counts: Sequence[Day]) -> Rate:
    yesterday = Rate(rule, days[-2], counts[-2], judge(counts[:-2], counts[-2]))
    today = Rate(rule, days[-1], counts[-1], judge(counts[1:-1], counts[-1]))
    return yesterday if yesterday.is_alarm and not today.is_alarm else today


def _read(database: Database, first: date, last: date) -> tuple[dict[str, dict[str, dict[str, int]]], dict[str, dict[str, int]]]:
    """Firings by rule, service and day; calls by service and day. What is not there is 0."""
    fired: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    called: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    since, until = first.isoformat(), last.isoformat()
    by_rule = (
        select(firing.c.rule, firing.c.service, firing.c.day, func.sum(firing.c.count))
        .where(firing.c.day >= since, firing.c.day <= until)
        .group_by(firing.c.rule, firing.c.service, firing.c.day)
    )
    with database.reading() as connection:
        for rule, service, day, count in connection.execute(by_rule):
            fired[rule][service][day] = int(count)
        for day, service, count in connection.execute(select(calls).where(calls.c.day >= since, calls.c.day <= until)):
            called[service][day] = count
    return fired, called
