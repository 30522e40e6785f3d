"""What came of the cards, as sums only: by day, service, rule, reason and missing datum. No row of a person leaves this module."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.sql.elements import ColumnElement

from cds_hooks.store.database import Database
from cds_hooks.store.moment import moment
from cds_hooks.store.tables import audit, card_shown, feedback, firing, unsaid
from cds_hooks.store.unsaid import HELD, UNSURE

__all__ = ["FLAG_SHARE", "FLAG_SHOWN", "Insights", "RuleSums", "Sums", "insights"]

FLAG_SHOWN = 30
FLAG_SHARE = 0.9
NO_REASON = "no reason given"


@dataclass(slots=True)
class Sums:
    """One day, or one service in the period. `cards` were shown, `held` ones were not after a dismissal; the last two count cards."""

    calls: int = 0
    cards: int = 0
    held: int = 0
    accepted: int = 0
    overridden: int = 0

    @property
    def share(self) -> float | None:
        """Accepted cards as a share of those that were answered; None when none was."""
        answered = self.accepted + self.overridden
        return self.accepted / answered if answered else None


@dataclass(slots=True)
class RuleSums:
    """One rule in the period. `shown` counts cards in which it spoke, `accepted` and `overridden` cards that a user answered so, `reasons`
    override reasons by code ("no reason given" without one), `held` cards that were held back, `unsure` calls in which it spoke and could
    not check everything."""

    rule: str
    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    held: int = 0
    unsure: int = 0
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
    """The sums of a period. `unread` maps FHIR types to calls that lacked them, `missing` names of facts to calls in which one could not be
    checked; `ended` counts calls by how they ended (answered, not-checked, refused)."""

    since: str
    whole: Sums = field(default_factory=Sums)
    days: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    services: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    rules: dict[str, RuleSums] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)

    def of(self, day: str, service: str) -> Iterable[Sums]:
        """All sums that something on that day at that service belongs to."""
        return (self.whole, self.days[day], self.services[service])

    def rule(self, name: str) -> RuleSums:
        """The sums of one rule."""
        return self.rules.setdefault(name, RuleSums(name))


def insights(database: Database, now: datetime, days: int, service: str = "") -> Insights:
    """The sums of the last `days` days, of one service or of all; raises StorageUnavailable."""
    start = now - timedelta(days=days)
    found = Insights(since=moment(start)[:10])
    with database.reading() as connection:
        _calls(connection, found, start, service)
        _showings(connection, found, service)
        _unsaid(connection, found, service)
        _answers(connection, found, start, service)
    return found


def _calls(connection: Connection, found: Insights, start: datetime, service: str) -> None:
    day = func.substr(audit.c.at, 1, 10)
    sums = [func.count(), func.sum(audit.c.cards), func.sum(audit.c.suppressed)]
    wanted = _wanted(audit.c.at >= moment(start), service, audit.c.service)
    by = (day, audit.c.service, audit.c.outcome)
    for at, name, outcome, calls, cards, held in connection.execute(select(*by, *sums).where(*wanted).group_by(*by)):
        found.ended[outcome] += calls
        for one in found.of(at, name):
            one.calls += calls
            one.cards += cards
            one.held += held
    for unread, calls in connection.execute(select(audit.c.unread, func.count()).where(*wanted).group_by(audit.c.unread)):
        for kind in json.loads(unread):
            found.unread[kind] += calls


def _showings(connection: Connection, found: Insights, service: str) -> None:
    wanted = _wanted(firing.c.day >= found.since, service, firing.c.service)
    query = select(firing.c.rule, firing.c.indicator, func.sum(firing.c.count)).where(*wanted).group_by(firing.c.rule, firing.c.indicator)
    for rule, indicator, count in connection.execute(query):
        sums = found.rule(rule)
        sums.shown += count
        sums.indicators[indicator] += count


def _unsaid(connection: Connection, found: Insights, service: str) -> None:
    wanted = _wanted(unsaid.c.day >= found.since, service, unsaid.c.service)
    query = select(unsaid.c.kind, unsaid.c.name, func.sum(unsaid.c.count)).where(*wanted).group_by(unsaid.c.kind, unsaid.c.name)
    for kind, name, count in connection.execute(query):
        if kind == HELD:
            found.rule(name).held += count
        elif kind == UNSURE:
            found.rule(name).unsure += count
        else:
            found.missing[name] += count


def _answers(connection: Connection, found: Insights, start: datetime, service: str) -> None:
    """Each answered card counts once for an outcome, for every rule that spoke in it."""
    wanted = _wanted(feedback.c.received >= moment(start), service, feedback.c.service)
    by = (func.substr(feedback.c.received, 1, 10), feedback.c.service, card_shown.c.rules, feedback.c.outcome, feedback.c.reason_code)
    query = (
        select(*by, func.count(feedback.c.card.distinct()))
        .join(card_shown, card_shown.c.uuid == feedback.c.card)
        .where(*wanted)
        .group_by(*by)
    )
    by_rules: Mapping[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for day, name, rules, outcome, code, count in connection.execute(query):
        reason = code or NO_REASON
        by_rules[rules][outcome, reason] += count
        if outcome == "overridden":
            found.reasons[reason] += count
        for one in found.of(day, name):
            one.accepted += count if outcome == "accepted" else 0
            one.overridden += count if outcome == "overridden" else 0
    for rules, answers in by_rules.items():
        for rule, _version in json.loads(rules):
            sums = found.rule(rule)
            for (outcome, reason), count in answers.items():
                if outcome == "accepted":
                    sums.accepted += count
                else:
                    sums.overridden += count
                    sums.reasons[reason] += count


def _wanted(since: ColumnElement[bool], service: str, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    return [since, *([column == service] if service else [])]
