"""A card that this user dismissed for this patient is not shown again for a while; off unless a setting says how long.

Only the very same card stays away: the same rules in the same versions, the same urgency, the same facts. Critical cards always come.
What was left out is counted in the log, the audit and the metrics. When storage is down, every card is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from cds_hooks.cards import Card
from cds_hooks.errors import StorageUnavailable
from cds_hooks.store.database import Database
from cds_hooks.store.moment import moment
from cds_hooks.store.tables import card_shown, feedback
from cds_hooks.store.writer import fingerprint

__all__ = ["Suppression"]


@dataclass(frozen=True, slots=True)
class Suppression:
    """`days` 0 turns it off. `wait_s` limits how long a call waits for storage."""

    database: Database
    days: float
    clock: Callable[[], datetime]
    wait_s: float = 0.2

    async def apply(self, cards: list[Card], patient: str, user: str) -> tuple[list[Card], int]:
        """The cards to show, and how many were left out."""
        candidates = [card for card in cards if card.indicator != "critical" and card.rules]
        if not self.days or not candidates:
            return cards, 0
        try:
            async with asyncio.timeout(self.wait_s):
                hidden = await asyncio.to_thread(self._dismissed, candidates, patient, user)
        except (StorageUnavailable, TimeoutError):
            return cards, 0
        return [card for card in cards if card.uuid not in hidden], len(hidden)

    def _dismissed(self, cards: Sequence[Card], patient: str, user: str) -> set[str]:
        keys = self.database.keys
        prints = {fingerprint(keys, card): card.uuid for card in cards}
        since = moment(self.clock() - timedelta(days=self.days))
        query = (
            select(card_shown.c.fingerprint)
            .join(feedback, feedback.c.card == card_shown.c.uuid)
            .where(
                card_shown.c.patient == keys.patient(patient),
                card_shown.c.user == keys.user(user),
                card_shown.c.fingerprint.in_(prints),
                feedback.c.outcome == "overridden",
                feedback.c.received >= since,
            )
        )
        with self.database.reading() as connection:
            return {prints[row[0]] for row in connection.execute(query)}
