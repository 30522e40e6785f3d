"""What came of the cards, as sums only: by day, rule, reason and resource type. No row of a person leaves this module."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.sql.elements import ColumnElement

from cds_hooks.store.database import Database
from cds_hooks.store.moment import moment
from cds_hooks.store.tables import audit, card_shown, feedback, firing

__all__ = ["FLAG_SHARE", "FLAG_SHOWN", "Insights", "RuleSums", "insights"]

FLAG_SHOWN = 30
FLAG_SHARE = 0.9


@dataclass(slots=True)
class RuleSums:
    """One rule in the period. `shown` counts cards in which it spoke, `accepted` and `overridden` cards that a user answered so, `reasons`
    override reasons by code ("no reason given" without one)."""

    rule: str
    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    indicators: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Overridden cards as a share of those shown; more than 1 when older cards are answered in the period."""
        return self.overridden / self.shown if self.shown else 0.0

    @property
    def flagged(self) -> bool:
        """Overridden more than 90 % over at least 30 showings: the rule needs a look."""
        return self.shown >= FLAG_SHOWN and self.share > FLAG_SHARE


@dataclass(slots=True)
class Insights:
    """The sums of a period. `days` maps each day to calls and cards, `unread` resource types to calls that lacked them."""

    since: str
    calls: int = 0
    cards: int = 0
    suppressed: int = 0
    days: dict[str, tuple[int, int]] = field(default_factory=dict)
    hooks: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    rules: dict[str, RuleSums] = field(default_factory=dict)


def insights(database: Database, now: datetime, days: int, service: str = "") -> Insights:
    """The sums of the last `days` days, of one service or of all; raises StorageUnavailable."""
    start = now - timedelta(days=days)
    found = Insights(since=moment(start)[:10])
    with database.reading() as connection:
        _calls(connection, found, start, service)
        _showings(connection, found, service)
        _answers(connection, found, start, service)
    return found


def _calls(connection: Connection, found: Insights, start: datetime, service: str) -> None:
    day = func.substr(audit.c.at, 1, 10)
    sums = [func.count(), func.sum(audit.c.cards), func.sum(audit.c.suppressed)]
    wanted = _wanted(audit.c.at >= moment(start), service, audit.c.service)
    by_day: dict[str, tuple[int, int]] = {}
    for at, name, calls, cards, suppressed in connection.execute(
        select(day, audit.c.service, *sums).where(*wanted).group_by(day, audit.c.service)
    ):
        before = by_day.get(at, (0, 0))
        by_day[at] = (before[0] + calls, before[1] + cards)
        found.calls += calls
        found.cards += cards
        found.suppressed += suppressed
        found.hooks[name] += calls
    found.days = dict(sorted(by_day.items()))
    for unread, calls in connection.execute(select(audit.c.unread, func.count()).where(*wanted).group_by(audit.c.unread)):
        for kind in json.loads(unread):
            found.unread[kind] += calls


def _showings(connection: Connection, found: Insights, service: str) -> None:
    wanted = _wanted(firing.c.day >= found.since, service, firing.c.service)
    query = select(firing.c.rule, firing.c.indicator, func.sum(firing.c.count)).where(*wanted).group_by(firing.c.rule, firing.c.indicator)
    for rule, indicator, count in connection.execute(query):
        sums = found.rules.setdefault(rule, RuleSums(rule))
        sums.shown += count
        sums.indicators[indicator] += count


def _answers(connection: Connection, found: Insights, start: datetime, service: str) -> None:
    """Each answered card counts once for an outcome, for every rule that spoke in it."""
    wanted = _wanted(feedback.c.received >= moment(start), service, feedback.c.service)
    rules_of, reason_of = card_shown.c.rules, feedback.c.reason_code
    query = (
        select(rules_of, feedback.c.outcome, reason_of, func.count(feedback.c.card.distinct()))
        .join(card_shown, card_shown.c.uuid == feedback.c.card)
        .where(*wanted)
        .group_by(rules_of, feedback.c.outcome, reason_of)
    )
    by_rules: Mapping[str, Counter[tuple[str, str | None]]] = defaultdict(Counter)
    for rules, outcome, reason, count in connection.execute(query):
        by_rules[rules][outcome, reason] += count
        found.outcomes[outcome] += count
    for rules, answers in by_rules.items():
        for rule, _version in json.loads(rules):
            sums = found.rules.setdefault(rule, RuleSums(rule))
            for (outcome, reason), count in answers.items():
                if outcome == "accepted":
                    sums.accepted += count
                else:
                    sums.overridden += count
                    sums.reasons[reason or "no reason given"] += count


def _wanted(since: ColumnElement[bool], service: str, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    return [since, *([column == service] if service else [])]
