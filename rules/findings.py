"""Findings: what the rules concluded about one patient, ready to become cards.

A finding carries everything a card must say and nothing about CDS Hooks; `cds_hooks.cards` renders it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rules.facts import Unmapped

__all__ = [
    "Because",
    "ChainStep",
    "Evaluation",
    "Evidence",
    "Finding",
    "Indicator",
    "NotChecked",
    "RuleRef",
    "Suggestion",
    "Withheld",
]

Indicator = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True, order=True)
class RuleRef:
    """A rule and the version that spoke."""

    id: str
    version: str


@dataclass(frozen=True, slots=True, order=True)
class Because:
    """One matched fact: `fact` such as "diagnosis:myasthenia-gravis", its resource "Condition/c1" and its date (ISO, as precise as known).

    `more`: so many further resources say the same and are not named.
    """

    fact: str
    resource: str | None = None
    date: str | None = None
    by_name: bool = False
    more: int = 0


@dataclass(frozen=True, slots=True, order=True)
class ChainStep:
    """`rule` concluded `concluded` ("fact:mg-generalized", "blocked:azathioprine", "fires:mg-gen-first-line")."""

    rule: str
    concluded: str


@dataclass(frozen=True, slots=True, order=True)
class NotChecked:
    """`what` ("lab:TPMT", "MedicationRequest") could not be checked, and `why` in words for a clinician.

    `type` is the FHIR type that would hold it; `on_file`: something is there, but does not say enough.
    """

    what: str
    why: str
    type: str = ""
    on_file: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Withheld:
    """A proposal that was removed: `what` (concept label), by which `rule`, and the `reason` shown to the clinician."""

    what: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One source of the rule as the file states it."""

    source: str
    says: str
    strength: str
    verified: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A proposal. `kind` create: `resource` is a FHIR R4 draft **without** id and subject (cards add subject); update/delete:

    `target` is the
    draft's reference ("MedicationRequest/m1"), `resource` the changed draft for update. `obtains` names the data that a Task asks for."""

    label: str
    kind: Literal["create", "update", "delete"] = "create"
    resource: Mapping[str, object] | None = None
    target: str | None = None
    concept: str | None = None
    recommended: bool = False
    obtains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's voice. `asks` findings are questions: indicator info, no drug proposed."""

    rule: RuleRef
    title: str
    pathway: str
    stage: str
    asks: bool
    indicator: Indicator
    summary: str
    detail: tuple[str, ...]
    branches: tuple[str, ...]
    because: tuple[Because, ...]
    chain: tuple[ChainStep, ...]
    not_checked: tuple[NotChecked, ...]
    withheld: tuple[Withheld, ...]
    suggestions: tuple[Suggestion, ...]
    evidence: tuple[Evidence, ...]
    override_reasons: tuple[str, ...]
    family: str | None = None
    joins: tuple[str, ...] = ()
    """Rules whose card this finding goes to, the first that speaks; one card for one problem."""
    yields: bool = False
    """On that card the other rule's level holds."""
    emergency: bool = False
    """Life is at risk now: first among cards of its level."""
    reviewed_by: str = ""
    provisional: bool = False
    unstated: bool = False
    """It rests on a diagnosis that does not say whether it is confirmed."""
    leaflets: tuple[str, ...] = ()
    """Plain-language pages for this patient, by name."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All findings of one call in rule order, what no rule could check, and whether a neuromuscular fact, symptom or watched

    drug was there at all.
    """

    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    relevant: bool
    at_most: int | None = None
    """The most cards that this patient's answer should have, when the knowledge says so."""
    unmapped: tuple[Unmapped, ...] = ()
    """Codes of watched chapters that mean nothing to us."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """FHIR types that could not be read completely, what the hook asks about included, with the reason."""
    lost: int = 0
    """How many orders, appointments or new problems of the call could not be understood, when that has to be said."""
