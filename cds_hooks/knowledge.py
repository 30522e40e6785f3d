"""What this package needs of the rules: `rules.knowledge.Knowledge` has it, and so have the doubles in tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from rules.dismissal import Period
from rules.engine.interface import ORDINARY, Budget
from rules.extract import Input
from rules.findings import Evaluation

__all__ = ["Knowledge", "RuleSummary"]


class RuleSummary(Protocol):
    """What may be said about a rule without a patient."""

    @property
    def id(self) -> str:
        """The rule's public id."""
        ...


class Knowledge(Protocol):
    """Loaded rules. `evaluate` is pure and raises `rules.engine.interface.EngineError` when a run did not end properly."""

    @property
    def version(self) -> str:
        """Version of the knowledge, such as 2026.11.0."""
        ...

    @property
    def rules(self) -> Sequence[RuleSummary]:
        """Every rule."""
        ...

    @property
    def titles(self) -> Mapping[str, str]:
        """By id, the title of every rule that has a card."""
        ...

    def in_words(self, fact: str) -> str:
        """A fact or a gap of a finding for a clinician."""
        ...

    def periods(self, identifier: str) -> Sequence[Period]:
        """How long a dismissed card of a rule stays away; the first that fits counts, none means the default."""
        ...

    def reads(self, hook: str) -> tuple[str, ...]:
        """FHIR resource types that the rules of this hook read."""
        ...

    def evaluate(
        self, resources: Iterable[Input], *, as_of: datetime, hook: str, unread: Mapping[str, str], budget: Budget = ORDINARY
    ) -> Evaluation:
        """Findings about one patient, within the budget."""
        ...
