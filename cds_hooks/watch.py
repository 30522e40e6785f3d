"""The firing-rate watch: once an hour, does every rule fire as often as in the four weeks before? An alarm is a metric and a log line.

A rule that suddenly fires for everybody, or for nobody, is often not the patients but a changed code system, a changed feed or a changed
rule. The live canary cannot see that: its examples bring their own data.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cds_hooks.errors import StorageUnavailable
from cds_hooks.observe import Metrics, log_event
from cds_hooks.store.database import Database
from cds_hooks.store.rates import Rate, rates

__all__ = ["RateWatch"]

BEGIN_S = 60.0
EVERY_S = 3600.0


@dataclass(slots=True)
class RateWatch:
    """Looks while `run` is awaited; `alarms` are the rules out of their limits, with the direction, when last looked at."""

    database: Database
    metrics: Metrics
    clock: Callable[[], datetime]
    alarms: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Look until cancelled."""
        await asyncio.sleep(BEGIN_S)
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(EVERY_S)

    def look(self) -> None:
        """Judge every rule once; without storage the alarms stay as they are."""
        try:
            found = rates(self.database, self.clock().astimezone(UTC).date())
        except StorageUnavailable:
            log_event("storage-unavailable", logging.WARNING, number=StorageUnavailable.number)
            return
        for rate in found:
            self._note(rate)

    def _note(self, rate: Rate) -> None:
        self.metrics.rate_alarm.labels(rate.rule).set(rate.is_alarm)
        state = rate.verdict.state
        if rate.is_alarm and self.alarms.get(rate.rule) != state:
            log_event("rule-rate-alarm", logging.WARNING, rule=rate.rule, kind=state, cards=rate.counted.fired)
        if rate.is_alarm:
            self.alarms[rate.rule] = state
        else:
            self.alarms.pop(rate.rule, None)
