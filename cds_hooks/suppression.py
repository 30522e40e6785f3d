"""A card that this user dismissed for this patient is not shown again for a while: the rule's own period, else a setting.

Only the very same card stays away (`Card.identity`). Critical cards always come. The last word counts: a card that was accepted after it
was dismissed comes again, and so does one that somebody let through (`lift`). What is held back is counted in the log, the audit, the
metrics and the table `suppression`. When storage is down or slow, every card is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cds_hooks.cards import REASONS, slug
from cds_hooks.errors import StorageUnavailable
from cds_hooks.joint import Group
from cds_hooks.knowledge import Knowledge
from cds_hooks.store.database import Database, Keys
from cds_hooks.store.dismissal import Dismissal, Whose, dismissals, lift
from cds_hooks.store.writer import fingerprint, gap_print
from rules.dismissal import Period
from rules.findings import Evaluation

LONGEST = 366  # days; no setting and no period of a rule is longer
__all__ = ["Dismissals", "Held", "Suppression", "Whose"]


@dataclass(frozen=True, slots=True)
class Held:
    """A dismissal that is in force, and until when."""

    dismissal: Dismissal
    until: datetime


@dataclass(frozen=True, slots=True)
class Dismissals:
    """What is in force for one user and patient; with no keys, nothing is."""

    keys: Keys | None = None
    held: Mapping[str, Held] = field(default_factory=dict)

    def covers(self, one: Group) -> bool:
        """Whether a card that says just this was dismissed, not too long ago."""
        return bool(self.held) and self.keys is not None and fingerprint(self.keys, one.identity) in self.held

    def has_told(self, gaps: str) -> bool:
        """Whether a dismissed card had told these gaps."""
        return self.keys is not None and gap_print(self.keys, gaps) in {one.dismissal.gaps for one in self.held.values()}


@dataclass(frozen=True, slots=True)
class Suppression:
    """`days` is how long a dismissal holds where a rule says nothing; 0 turns all off. `wait_s`: how long a call waits for storage."""

    database: Database
    knowledge: Knowledge
    days: float
    clock: Callable[[], datetime]
    wait_s: float = 0.2

    async def look(self, who: Whose, evaluation: Evaluation) -> Dismissals:
        """What this user dismissed for this patient, when there is anything that could be held back."""
        if not self.days or self.database.is_resting or all(finding.indicator == "critical" for finding in evaluation.findings):
            return Dismissals()
        try:
            return await self.database.use(self.wait_s, self.in_force, who)
        except StorageUnavailable:
            return Dismissals()

    def in_force(self, who: Whose) -> Dismissals:
        """The dismissals that hold now. Raises StorageUnavailable."""
        return Dismissals(self.database.keys, {one.dismissal.fingerprint: one for one in self._held(who)})

    def lift(self, who: Whose, card: str) -> bool:
        """Let a card through again from now on; false when nothing holds it back. Raises StorageUnavailable."""
        found = card in self.in_force(who).held
        if found:
            lift(self.database, who, card, self.clock())
        return found

    def _held(self, who: Whose) -> Iterator[Held]:
        now = self.clock()
        for one in dismissals(self.database, who, since=now - timedelta(days=LONGEST)):
            until = one.at + timedelta(days=min((self._days(rule, one) for rule, _ in one.rules), default=0))
            if one.indicator != "critical" and until > now:
                yield Held(one, until)

    def _days(self, rule: str, dismissal: Dismissal) -> float:
        return next((period.days for period in self.knowledge.periods(rule) if _fits(period, dismissal)), self.days)


def _fits(period: Period, dismissal: Dismissal) -> bool:
    reasons = {slug(reason) for reason in period.reasons}
    return not reasons or (dismissal.reason_system == REASONS and dismissal.reason_code in reasons)
