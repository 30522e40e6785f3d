"""How far the loaded rules cover the specification: present, tried by vignettes, able to fire with the codes on file.

A condition on names that have no official code is never true until a site maps its own codes or records ours; a branch that needs such a
condition cannot fire before. Whether that cures it is worked out by judging the rule again with every such name taken as recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.knowledge import Knowledge
from rules.model import All, Any_, AtLeast, Derived, Leaf, Node, Not, Rule, nodes_of
from rules.own_codes import GIVEN, Input, inputs
from rules.patterns import Pattern, predicate_of
from rules.tables import rows

__all__ = ["Covered", "Judge", "coverage", "specified"]


@dataclass(frozen=True, slots=True)
class Covered:
    """One rule of the specification. `without_code` are the names that only our own code system or a site's map can make readable."""

    id: str
    specification: str
    state: str
    """active, draft, retired, off or missing."""
    vignettes: Mapping[str, int]
    """How many expect fires, asks, silent."""
    reads: tuple[str, ...] = ()
    without_code: tuple[str, ...] = ()
    silent_branches: tuple[str, ...] = ()
    """Branches that cannot fire without our own codes or a site's map."""
    can_fire: bool = False
    recorded_as: Mapping[str, str] = field(default_factory=dict)
    """How each name without a code is recorded with ours: the questionnaire, else the FHIR element."""
    still_silent: tuple[str, ...] = ()
    """Branches that could not fire even then."""

    @property
    def effect(self) -> str:
        """What the missing codes do to the rule: silent (it never fires), weaker (some of it does not work) or nothing."""
        if not self.without_code and not self.silent_branches:
            return ""
        return "weaker" if self.can_fire else "silent"

    @property
    def cure(self) -> str:
        """Whether our own codes or a site's map bring back every branch, some or none; empty when nothing is missing."""
        if not self.effect:
            return ""
        if not self.still_silent:
            return "yes"
        return "in part" if len(self.still_silent) < len(self.silent_branches) else "no"


def specified() -> dict[str, str]:
    """Rule id to the specification file that defines it, in its order."""
    return {row["id"]: row["specification"] for row in rows("rule-index.csv")}


def coverage(knowledge: Knowledge) -> tuple[Covered, ...]:
    """Every rule of the specification, in its order."""
    judge, mapped = Judge(knowledge), Judge(knowledge, recorded=True)
    told = {one.name: _recorded_as(one) for one in inputs(knowledge)}
    speaking = {rule.id for rule in knowledge.rules}
    found = []
    for identifier, specification in specified().items():
        rule = knowledge.rule(identifier)
        if rule is None:
            found.append(Covered(identifier, specification, "missing", {}))
            continue
        state = rule.status if rule.status != "active" or rule.id in speaking else "off"
        expected = Counter(vignette.expect for vignette in rule.vignettes)
        loud = [branch for branch in rule.branches if not branch.silent]
        mute = tuple(branch.id for branch in loud if not judge.can(branch.include))
        leaves = [node for node in nodes_of(rule) if isinstance(node, Leaf)]
        reads = sorted({name for leaf in leaves for name in judge.pattern(leaf).reads})
        missing = sorted({name for leaf in leaves for name in judge.uncoded(leaf)})
        counted = {word: expected[word] for word in ("fires", "asks", "silent")}
        found.append(
            Covered(
                rule.id,
                specification,
                state,
                counted,
                tuple(reads),
                tuple(missing),
                mute,
                len(mute) < len(loud),
                {name: told.get(name, "our own code in the element that official codes stand in") for name in missing},
                tuple(branch.id for branch in loud if branch.id in mute and not mapped.can(branch.include)),
            )
        )
    return tuple(found)


def _recorded_as(one: Input) -> str:
    return f"Questionnaire {one.questionnaire}" if one.questionnaire else " or ".join(one.elements)


class Judge:
    """Can a condition become true with the codes on file (`recorded`: with every name taken as recorded)?"""

    def __init__(self, knowledge: Knowledge, *, recorded: bool = False) -> None:
        self.knowledge = knowledge
        self.recorded = recorded
        self.open: set[str] = set()

    def pattern(self, leaf: Leaf) -> Pattern:
        """The built condition."""
        return self.knowledge.patterns[Leaf(leaf.table, leaf.lifelong)]

    def uncoded(self, leaf: Leaf) -> tuple[str, ...]:
        """The names of a condition none of whose concepts has a code."""
        predicate = predicate_of(dict(leaf.table))
        triggers = self.pattern(leaf).triggers
        if triggers is None or predicate == "gene" or GIVEN & triggers:
            return ()
        terminology = self.knowledge.terminology
        if any(terminology.recordable(name) or (self.recorded and terminology.knows(name)) for name in triggers):
            return ()
        value = dict(leaf.table)[predicate]
        return tuple(str(one) for one in value) if isinstance(value, tuple) else (str(value),)

    def can(self, node: Node) -> bool:
        """Can it become true?"""
        match node:
            case All(parts):
                return all(self.can(part) for part in parts)
            case Any_(parts):
                return any(self.can(part) for part in parts)
            case AtLeast(count, parts):
                return sum(self.can(part) for part in parts) >= count
            case Leaf():
                return bool(node.answers & {"absent", "unknown"}) or not self.uncoded(node)
            case Derived():
                return bool(node.answers & {"absent", "unknown"}) or self.concluded(f"{node.kind}:{node.name}")
            case Not():
                return True

    def concluded(self, name: str) -> bool:
        """Can some rule conclude it? A circle concludes nothing."""
        if name in self.open:
            return False
        self.open.add(name)
        try:
            return any(self.can(maker.branch.include) for maker in self.knowledge.compiled.producers.get(name, ()))
        finally:
            self.open.discard(name)


def summary(rows: tuple[Covered, ...]) -> dict[str, tuple[int, int, int]]:
    """By specification: rules specified, present and active, able to fire with official codes."""
    names = dict.fromkeys(row.specification for row in rows)
    return {
        name: (
            sum(row.specification == name for row in rows),
            sum(row.specification == name and row.state == "active" for row in rows),
            sum(row.specification == name and row.can_fire for row in rows),
        )
        for name in names
    }


def rules_outside(knowledge: Knowledge) -> tuple[Rule, ...]:
    """Rules with a card that the specification does not name."""
    known = specified()
    return tuple(rule for rule in knowledge.every if rule.card is not None and rule.id not in known)
