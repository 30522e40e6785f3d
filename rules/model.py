"""What a rule means: conditions, branches, card text, evidence, review, vignettes. Running it is the engine's business."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rules.findings import Evidence, Indicator

__all__ = [
    "BORROWING",
    "STAGES",
    "All",
    "Any_",
    "AtLeast",
    "Branch",
    "Card",
    "Derived",
    "Leaf",
    "Line",
    "Node",
    "Not",
    "Proposal",
    "Review",
    "Rule",
    "Vignette",
    "lent",
    "nodes_of",
]
__all__.sort()

STAGES = ("derive", "safety", "pathway", "monitoring")
Unknown = Literal["ask", "note", "silent"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A condition about one resource: its canonical table and whether lifelong diseases marked resolved count."""

    table: tuple[tuple[str, object], ...]
    lifelong: bool
    answers: frozenset[str] = frozenset()
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Hash once: leaves are keys in every evaluation."""
        object.__setattr__(self, "_hash", hash((self.table, self.lifelong, self.answers)))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Derived:
    """Something another rule concluded: kind fact, fires or blocked."""

    kind: Literal["fact", "fires", "blocked"]
    name: str
    answers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - Any is typing's
    """At least one part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; unknown stays unknown."""

    part: Node


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `count` parts hold."""

    count: int
    parts: tuple[Node, ...]


Node = Leaf | Derived | All | Any_ | Not | AtLeast


@dataclass(frozen=True, slots=True)
class Branch:
    """One way for a rule to fire."""

    id: str
    include: All
    unless: tuple[Node, ...]
    unknown: Unknown
    indicator: Indicator
    summary: str
    lines: tuple[str, ...] = ()
    ask: bool = False
    silent: bool = False
    concludes: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A detail line with its own condition."""

    when: Node
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A suggestion as the rule file states it. `action` create proposes `resource`; delete removes the offending draft, of `removes` only
    (any when empty).

    `treats`: a drug or a treatment service (value set `treatment-services`), which a question never proposes.
    """

    label: str
    action: Literal["create", "delete"]
    resource: Mapping[str, object]
    removes: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()
    when: Node | None = None
    recommended: bool = False
    treats: bool = False

    @property
    def concept(self) -> str | None:
        """The concept that codes the proposal, if any."""
        value = self.resource.get("concept")
        return value if isinstance(value, str) else None

    @property
    def is_drug(self) -> bool:
        """A MedicationRequest is withheld when blocked or when an exclusion could not be checked."""
        return self.resource.get("resourceType") == "MedicationRequest"


@dataclass(frozen=True, slots=True)
class Card:
    """What the clinician reads."""

    indicator: Indicator
    summary: str
    detail: tuple[str, ...]
    override_reasons: tuple[str, ...]
    keep_level: bool = False
    family: str | None = None
    alone: frozenset[str] = frozenset()
    """Branches that take the finding out of its family: a card of its own."""
    joins: tuple[str, ...] = ()
    yields: bool = False
    emergency: bool = False
    """Life is at risk now: it stands first among cards of its level."""
    ask_summary: str = ""
    lines: tuple[Line, ...] = ()
    leaflets: tuple[Line, ...] = ()
    """Names in `rules/leaflets` with the condition under which the card links to them."""
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """Who wrote and checked the rule, and when it is due again."""

    authored_by: str
    checked_by: str
    date: dt.date
    next: dt.date


@dataclass(frozen=True, slots=True)
class Vignette:
    """A short patient and what the rule must do with it."""

    name: str
    on: dt.date
    hook: str
    patient: Mapping[str, object]
    expect: Literal["fires", "asks", "silent"]
    branch: str | None = None
    indicator: Indicator | None = None
    suggests: tuple[str, ...] = ()
    withholds: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    """The finding names these among what it could not check."""
    branches: tuple[str, ...] = ()
    """Exactly these fired (or asked), when given."""
    blocks: tuple[str, ...] | None = None
    concludes: tuple[str, ...] | None = None
    """The rule blocks and concludes exactly these for this patient, its silent branches too; None: not stated."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One TOML file."""

    id: str
    version: str
    status: Literal["draft", "active", "retired"]
    title: str
    pathway: str
    stage: str
    hooks: frozenset[str]
    branches: tuple[Branch, ...]
    card: Card | None
    evidence: tuple[Evidence, ...]
    review: Review
    vignettes: Sequence[Vignette]
    area: str = ""
    line: str = ""
    population: str = ""
    draft_reason: str = ""


BORROWING = frozenset({"encounter-start", "encounter-discharge"})


def lent(hooks: frozenset[str], stage: str) -> frozenset[str]:
    """The hooks of others at which a rule with these hooks speaks as it does at patient-view: where a problem is added any of them, where
    an encounter begins or ends those of safety."""
    if "patient-view" not in hooks:
        return frozenset()
    borrowing = BORROWING if stage == "safety" else frozenset[str]()
    return (borrowing | {"problem-list-item-create"}) - hooks


def nodes_of(rule: Rule) -> Iterator[Node]:
    """Every single condition a rule reads, its card's lines and proposals included."""
    waiting: list[Node] = [node for branch in rule.branches for node in (branch.include, *branch.unless)]
    if rule.card is not None:
        waiting += [line.when for line in (*rule.card.lines, *rule.card.leaflets)]
        waiting += [proposal.when for proposal in rule.card.proposals if proposal.when is not None]
    while waiting:
        node = waiting.pop()
        match node:
            case Not(part):
                waiting.append(part)
            case All(parts) | Any_(parts) | AtLeast(_, parts):
                waiting.extend(parts)
            case _:
                yield node
