"""Writes what is good to have but not worth a wait: cards shown, firing counts, audit. One thread, many calls in one transaction."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete

from cds_hooks.cards import Card
from cds_hooks.errors import StorageUnavailable, Unexpected
from cds_hooks.observe import log_event
from cds_hooks.store.answered import mark_since
from cds_hooks.store.database import Database, Keys
from cds_hooks.store.insert import add_counts, insert
from cds_hooks.store.moment import moment
from cds_hooks.store.tables import audit, calls, card_shown, firing, suppression, unmapped, unsaid
from cds_hooks.store.unmapped import count_unmapped
from cds_hooks.store.unsaid import Unsaid, count_unsaid
from rules.facts import Unmapped

__all__ = ["Shown", "Writer", "fingerprint", "gap_print"]

BATCH = 500
WAITING = 2_000
PRUNE_S = 3600.0
GATHER_S = 0.1  # a transaction costs as much CPU as the rules for an ordinary patient; calls of this time share one


@dataclass(frozen=True, slots=True)
class Shown:
    """One call of a known caller. `patient` and `user` are hashed before they are stored; `facts` of cards go into a hash only.

    `outcome` is answered, not-checked (the rules failed and a card says so) or refused (`status`, `number` of the error); a call that was
    refused before it was read has no instance, patient and user.

    `held` are the identities of what was held back because this user had dismissed it, `unsaid` what the answer left out.
    """

    at: datetime
    service: str
    instance: str
    caller: str
    patient: str
    user: str
    knowledge: str
    cards: tuple[Card, ...]
    suppressed: int
    unread: tuple[str, ...]
    ms: int
    outcome: str = "answered"
    status: int = 200
    number: str = ""
    unmapped: tuple[Unmapped, ...] = ()
    held: tuple[str, ...] = ()
    unsaid: tuple[Unsaid, ...] = ()


def fingerprint(keys: Keys, identity: str) -> str:
    """A keyed hash of what a card says (`Card.identity`)."""
    return keys.mac("card", identity)


def gap_print(keys: Keys, gaps: str) -> str:
    """A keyed hash of the gaps that a card told (`Card.gaps`); "" for none."""
    return keys.mac("gaps", gaps) if gaps else ""


class Writer:
    """A bounded queue and its thread; when storage is down or too slow, entries are dropped and counted, calls are not held up."""

    def __init__(self, database: Database, *, keep_days: float, dropped: Callable[[int], None]) -> None:
        self._database = database
        self._keep = timedelta(days=keep_days)
        self._dropped = dropped
        self._queue: queue.Queue[Shown | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()
        self._pruned = 0.0

    def add(self, entry: Shown) -> None:
        """Take an entry; never waits. Of its cards only what will be stored is kept meanwhile."""
        entry = replace(entry, cards=tuple(_slim(card) for card in entry.cards))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait(entry)
        except queue.Full:
            self._dropped(1)

    def hurry(self) -> None:
        """Write what waits now, because somebody is about to read it."""
        self._hurry.set()

    def flush(self) -> None:
        """Wait until all that was added is written or dropped."""
        self.hurry()
        self._queue.join()

    def close(self) -> None:
        """Write what waits and stop."""
        if self._thread is not None:
            self._queue.put(None)
            self.hurry()
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            batch = self._next()
            entries = [entry for entry in batch if entry is not None]
            try:
                if entries:
                    self._write(entries)
            except StorageUnavailable:
                self._dropped(len(entries))
                log_event("storage-unavailable", logging.WARNING, cards=len(entries))
            except Exception as error:  # noqa: BLE001 - a thread that ended would leave every later call out of the audit
                self._dropped(len(entries))
                log_event("defect", logging.ERROR, kind=type(error).__name__, number=Unexpected.number, cards=len(entries))
            finally:
                for _ in batch:
                    self._queue.task_done()
            if None in batch:
                return

    def _next(self) -> list[Shown | None]:
        batch = [self._queue.get()]
        if self._queue.qsize() < BATCH:
            self._hurry.wait(GATHER_S)
        self._hurry.clear()
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, entries: Sequence[Shown]) -> None:
        keys = self._database.keys
        with self._database.begin() as connection:
            shown = [row for entry in entries for row in _shown(keys, entry)]
            if shown:
                connection.execute(insert(connection, card_shown).on_conflict_do_nothing(), shown)
            add_counts(connection, firing, _firings(entries))
            add_counts(connection, calls, _calls(entries))
            for day, codes in _unmapped(entries).items():
                count_unmapped(connection, day, codes)
            count_unsaid(connection, Counter((moment(entry.at)[:10], entry.service, one) for entry in entries for one in entry.unsaid))
            for row in _held(keys, entries):
                held = insert(connection, suppression).values(row)
                key = [column.name for column in suppression.primary_key]
                news = {"held_back": suppression.c.held_back + row["held_back"], "last": row["last"]}
                connection.execute(held.on_conflict_do_update(index_elements=key, set_=news))
            connection.execute(audit.insert(), [_audit(keys, entry) for entry in entries])
            if time.monotonic() - self._pruned > PRUNE_S or not self._pruned:
                oldest = moment(entries[-1].at - self._keep)
                connection.execute(delete(audit).where(audit.c.at < oldest))
                connection.execute(delete(card_shown).where(card_shown.c.at < oldest))
                connection.execute(delete(unmapped).where(unmapped.c.day < oldest[:10]))
                connection.execute(delete(unsaid).where(unsaid.c.day < oldest[:10]))
                connection.execute(delete(suppression).where(suppression.c.last < oldest))
                self._pruned = time.monotonic()
        if shown:
            with self._database.begin() as connection:
                mark_since(connection, min(entry.at for entry in entries))


def _slim(card: Card) -> Card:
    suggestions = card.body.get("suggestions")
    uuids = [{"uuid": one["uuid"]} for one in suggestions] if isinstance(suggestions, list) else []
    return replace(card, facts=(), body={"suggestions": uuids})


def _rules(card: Card) -> list[list[str]]:
    return [[rule.id, rule.version] for rule in card.rules]


def _shown(keys: Keys, entry: Shown) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for card in entry.cards:
        suggestions = card.body["suggestions"]
        uuids = [one["uuid"] for one in suggestions] if isinstance(suggestions, list) else []
        rows.append(
            {
                "uuid": card.uuid, "at": moment(entry.at), "service": entry.service, "instance": entry.instance, "caller": entry.caller,
                "patient": keys.patient(entry.patient), "user": keys.user(entry.user), "indicator": card.indicator,
                "rules": json.dumps(_rules(card)), "suggestions": json.dumps(uuids), "knowledge": entry.knowledge,
                "fingerprint": fingerprint(keys, card.identity), "gaps": gap_print(keys, card.gaps),
            }
        )  # fmt: skip
    return rows


def _firings(entries: Sequence[Shown]) -> list[dict[str, object]]:
    counts = Counter(
        (moment(entry.at)[:10], rule.id, rule.version, entry.service, card.indicator)
        for entry in entries
        for card in entry.cards
        for rule in card.rules
    )
    names = ("day", "rule", "version", "service", "indicator")
    return [{**dict(zip(names, key, strict=True)), "count": count} for key, count in sorted(counts.items())]


def _unmapped(entries: Sequence[Shown]) -> dict[str, Counter[Unmapped]]:
    """By day: in how many calls each code was seen."""
    found: dict[str, Counter[Unmapped]] = {}
    for entry in entries:
        if entry.unmapped:
            found.setdefault(moment(entry.at)[:10], Counter()).update(entry.unmapped)
    return found


def _calls(entries: Sequence[Shown]) -> list[dict[str, object]]:
    counts = Counter((moment(entry.at)[:10], entry.service) for entry in entries if entry.outcome == "answered")
    return [{"day": day, "service": service, "count": count} for (day, service), count in sorted(counts.items())]


def _held(keys: Keys, entries: Sequence[Shown]) -> list[dict[str, object]]:
    counts: Counter[tuple[str, str, str, str]] = Counter()
    last: dict[tuple[str, str, str, str], str] = {}
    for entry in entries:
        for identity in entry.held:
            key = (entry.caller, keys.patient(entry.patient), keys.user(entry.user), fingerprint(keys, identity))
            counts[key] += 1
            last[key] = moment(entry.at)
    names = ("caller", "patient", "user", "fingerprint")
    return [{**dict(zip(names, key, strict=True)), "held_back": count, "last": last[key]} for key, count in sorted(counts.items())]


def _audit(keys: Keys, entry: Shown) -> dict[str, object]:
    rules = sorted({(rule.id, rule.version) for card in entry.cards for rule in card.rules})
    return {
        "at": moment(entry.at), "service": entry.service, "instance": entry.instance, "caller": entry.caller,
        "patient": keys.patient(entry.patient) if entry.patient else "", "user": keys.user(entry.user) if entry.user else "",
        "outcome": entry.outcome, "status": entry.status, "number": entry.number, "knowledge": entry.knowledge,
        "rules": json.dumps(rules), "cards": len(entry.cards), "suppressed": entry.suppressed, "unread": json.dumps(entry.unread),
        "ms": entry.ms,
    }  # fmt: skip
