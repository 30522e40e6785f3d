"""The faults that are planted: one small change of a rule each, on the parsed rule."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rules.fhir_date import Duration
from rules.findings import Indicator
from rules.knowledge import Knowledge
from rules.model import All, Any_, AtLeast, Branch, Derived, Leaf, Node, Not, Rule, nodes_of
from rules.patterns import Context, Pattern, PatternError, build, predicate_of

__all__ = ["KINDS", "Mutant", "leaves_in", "mutants", "words_of"]

KINDS = ("drop", "flip", "threshold", "age", "window", "flag", "member", "hook", "stage", "block", "conclusion", "indicator")
INDICATORS: tuple[Indicator, ...] = ("critical", "warning", "info")
TRUTHS = frozenset({"present", "absent", "unknown"})
AGES = {"age_from", "age_below", "onset_age_below", "recorded_age_below"}
NAMED = {
    "reason",
    "not_reason",
    "not_coded",
    "reason_outside",
    "after",
    "since_first",
    "after_diagnosis",
    "before_first",
    "after_last",
    "after_first",
    "later_than",
    "earlier_than",
    "after_procedure",
}
MEMBERS = 3
"""Members that are taken out of each value set of a rule; which ones is drawn with the rule's id as the seed."""

Variant = tuple[str, str, Node | None]
"""Kind of change, the change in words, and what stands in the place of the condition (None: nothing)."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed rule. `rule` None: the loader refuses it. `swaps`: the only change is that these conditions became those."""

    kind: str
    place: str
    change: str
    critical: bool
    rule: Rule | None
    patterns: Mapping[Leaf, Pattern] = field(default_factory=dict)
    swaps: tuple[tuple[Leaf, Leaf], ...] = ()

    @property
    def name(self) -> str:
        """Kind, place and change: unique within a rule and the same in every run."""
        return f"{self.kind}: {self.place}: {self.change}"


class _Without(Context):
    """A context in which one name is expanded without one of its members."""

    def __init__(self, context: Context, name: str, member: str) -> None:
        super().__init__(context.terminology, context.settings, context.lifelong)
        object.__setattr__(self, "hole", (name, member))

    __slots__ = ("hole",)
    hole: tuple[str, str]

    def names(self, value: object) -> frozenset[str]:
        name, member = self.hole
        listed = value if isinstance(value, list | tuple) else [value]
        found = super().names(value)
        if name not in listed or any(member in super(_Without, self).names(other) for other in listed if other != name):
            return found
        return found - {member}


def mutants(rule: Rule, knowledge: Knowledge) -> Iterator[Mutant]:
    """Every fault for one rule but another stage, which needs its file (`tools.mutate.trial`)."""
    maker = _Maker(rule, knowledge)
    yield from maker.conditions()
    yield from maker.members()
    yield from maker.parts()


class _Maker:
    def __init__(self, rule: Rule, knowledge: Knowledge) -> None:
        self.rule = rule
        self.knowledge = knowledge

    def mutant(self, kind: str, place: str, change: str, branches: dict[str, Branch], **more: object) -> Mutant:
        """The rule with these branches instead of its own of the same id."""
        rule = replace(self.rule, branches=tuple(branches.get(branch.id, branch) for branch in self.rule.branches))
        critical = self.rule.card is not None and any(one.indicator == "critical" for one in self.rule.branches if one.id in branches)
        refused = any(not branch.include.parts for branch in rule.branches)
        return Mutant(kind, place, change, critical, None if refused else rule, **more)  # type: ignore[arg-type]

    def conditions(self) -> Iterator[Mutant]:
        """Changes of single conditions. What stands in every branch is written once in the file and changed in all at once."""
        branches = self.rule.branches
        for section in ("include", "unless"):
            parts = dict.fromkeys(part for branch in branches for part in _parts(branch, section))
            for part in parts:
                holders = [branch for branch in branches if part in _parts(branch, section)]
                groups = [holders] if len(holders) == len(branches) else [[holder] for holder in holders]
                for group in groups:
                    place = section if len(group) == len(branches) else f"{group[0].id} {section}"
                    for kind, change, new in _rebuilt(part, self.vary):
                        changed = {branch.id: _with(branch, section, part, new) for branch in group}
                        built, swaps = self.built(part, new, kind)
                        if built is None:
                            yield replace(self.mutant(kind, place, change, changed), rule=None)
                        else:
                            yield self.mutant(kind, place, change, changed, patterns=built, swaps=swaps)

    def built(self, old: Node, new: Node | None, kind: str) -> tuple[dict[Leaf, Pattern] | None, tuple[tuple[Leaf, Leaf], ...]]:
        """Patterns of conditions that no rule had before, None when the vocabulary refuses one; and the swap, if it is one."""
        if new is None or kind in {"drop", "flip"}:
            return {}, ()
        before, after = list(leaves_in(old)), list(leaves_in(new))
        built: dict[Leaf, Pattern] = {}
        for leaf in after:
            key = Leaf(leaf.table, leaf.lifelong)
            if key not in self.knowledge.patterns:
                try:
                    built[key] = build(self.context(leaf), _table(leaf))
                except PatternError:
                    return None, ()
        pairs = tuple((one, two) for one, two in zip(before, after, strict=True) if one != two)
        return built, pairs

    def context(self, leaf: Leaf) -> Context:
        return Context(self.knowledge.terminology, self.knowledge.site.thresholds, leaf.lifelong)

    def vary(self, node: Node) -> Iterator[Variant]:
        """Every change of one condition."""
        words = words_of(node)
        match node:
            case AtLeast(count, parts):
                for step in (-1, 1):
                    if 1 <= count + step <= len(parts):
                        yield "threshold", f"at least {count} of {len(parts)} -> {count + step}", AtLeast(count + step, parts)
            case Leaf() | Derived():
                yield "drop", words, None
                flipped: Node = replace(node, answers=TRUTHS - node.answers) if node.answers else Not(node)
                yield "flip", words, flipped
                if isinstance(node, Leaf):
                    for kind, key, old, new in self.shifts(node):
                        table = tuple((name, new if name == key else value) for name, value in node.table)
                        yield kind, f"{words}: {key} {old} -> {new}", Leaf(table, node.lifelong, node.answers)

    def shifts(self, leaf: Leaf) -> Iterator[tuple[str, str, object, object]]:
        """(kind, key, old, new) for every number, duration and switch of a condition, one step each way."""
        for key, value in leaf.table:
            raw = self.knowledge.site.thresholds.get(value[1:]) if isinstance(value, str) and value.startswith("@") else value
            if isinstance(raw, bool):
                yield "flag", key, raw, not raw
            elif isinstance(raw, int | float):
                exponent = Decimal(str(raw)).as_tuple().exponent
                step = Decimal(1).scaleb(min(0, int(exponent)))
                for sign in (-1, 1):
                    moved = Decimal(str(raw)) + sign * step
                    yield "threshold", key, raw, int(moved) if isinstance(raw, int) else float(moved)
            elif isinstance(raw, str):
                try:
                    length = Duration.parse(raw)
                except ValueError:
                    continue
                for sign in (-1, 1):
                    if length.count + sign >= 0:
                        yield "age" if key in AGES else "window", key, raw, str(Duration(length.count + sign, length.unit))

    def members(self) -> Iterator[Mutant]:
        """A value set or taxonomy concept without one of its members, wherever the rule's branches read it."""
        read: dict[str, dict[Leaf, None]] = {}
        card_free = replace(self.rule, card=None)
        for node in nodes_of(card_free):
            if isinstance(node, Leaf):
                for name in self.names(node):
                    read.setdefault(name, {})[node] = None
        for name in sorted(read):
            expansion = self.knowledge.terminology.expand(name) - {name}
            dice = random.Random(f"{self.rule.id} {name}")  # noqa: S311 - a sample, not a secret
            for member in dice.sample(sorted(expansion), min(MEMBERS, len(expansion))):
                yield self.without(name, member, list(read[name]))

    def names(self, leaf: Leaf) -> set[str]:
        """The collections that a condition names."""
        predicate = predicate_of(dict(leaf.table))
        found: set[str] = set()
        for key, value in leaf.table:
            if key == predicate or key in NAMED:
                listed = value if isinstance(value, tuple) else (value,)
                found |= {name for name in listed if isinstance(name, str) and self.knowledge.terminology.knows(name)}
        return {name for name in found if len(self.knowledge.terminology.expand(name) - {name}) > 1}

    def without(self, name: str, member: str, leaves: list[Leaf]) -> Mutant:
        swaps: dict[Leaf, Leaf] = {}
        built: dict[Leaf, Pattern] = {}
        for leaf in leaves:
            new = Leaf((*leaf.table, ("without", f"{name} {member}")), leaf.lifelong, leaf.answers)
            swaps[leaf] = new
            built[Leaf(new.table, new.lifelong)] = build(_Without(self.context(leaf), name, member), _table(leaf))
        changed = {}
        for branch in self.rule.branches:
            include = All(tuple(_swapped(node, swaps) for node in branch.include.parts))
            unless = tuple(_swapped(node, swaps) for node in branch.unless)
            if include != branch.include or unless != branch.unless:
                changed[branch.id] = replace(branch, include=include, unless=unless)
        return self.mutant("member", name, f"without {member}", changed, patterns=built, swaps=tuple(swaps.items()))

    def parts(self) -> Iterator[Mutant]:
        """Hooks, blocks, conclusions and indicators."""
        rule = self.rule
        critical = rule.card is not None and any(branch.indicator == "critical" for branch in rule.branches)
        for hook in sorted(rule.hooks):
            yield Mutant("hook", "hooks", f"without {hook}", critical, replace(rule, hooks=rule.hooks - {hook}))
        for kind, key in (("block", "blocks"), ("conclusion", "concludes")):
            names = dict.fromkeys(name for branch in rule.branches for name in getattr(branch, key))
            for name in names:
                holders = [branch for branch in rule.branches if name in getattr(branch, key)]
                groups = [holders] if len(holders) == len(rule.branches) else [[holder] for holder in holders]
                for group in groups:
                    changed = {one.id: _lacking(one, key, name) for one in group}
                    place = key if len(group) == len(rule.branches) else f"{group[0].id} {key}"
                    yield self.mutant(kind, place, f"without {name}", changed)
        yield from self.indicators()

    def indicators(self) -> Iterator[Mutant]:
        """Every other indicator; questions are always info. Rows of a table share the indicator of their template."""
        speaking = [branch for branch in self.rule.branches if not branch.silent and not branch.ask]
        groups: dict[str, list[Branch]] = {}
        for branch in speaking:
            groups.setdefault(f"rows {branch.indicator}" if branch.id.startswith("row-") else branch.id, []).append(branch)
        for place, group in groups.items():
            for level in INDICATORS:
                if level != group[0].indicator:
                    changed = {branch.id: replace(branch, indicator=level) for branch in group}
                    yield self.mutant("indicator", place, f"{group[0].indicator} -> {level}", changed)


def _lacking(branch: Branch, key: str, name: str) -> Branch:
    if key == "blocks":
        return replace(branch, blocks=tuple(other for other in branch.blocks if other != name))
    return replace(branch, concludes=tuple(other for other in branch.concludes if other != name))


def _parts(branch: Branch, section: str) -> tuple[Node, ...]:
    return branch.include.parts if section == "include" else branch.unless


def _with(branch: Branch, section: str, part: Node, new: Node | None) -> Branch:
    parts = tuple(one for old in _parts(branch, section) if (one := new if old == part else old) is not None)
    return replace(branch, include=All(parts)) if section == "include" else replace(branch, unless=parts)


def _rebuilt(node: Node, vary: Callable[[Node], Iterator[Variant]]) -> Iterator[Variant]:
    """The node with one single condition in it varied, for every condition and every variant."""
    yield from vary(node)
    match node:
        case Not(part):
            for kind, change, new in _rebuilt(part, vary):
                yield kind, f"not {change}", None if new is None else (new.part if isinstance(new, Not) else Not(new))
        case All(parts) | Any_(parts) | AtLeast(_, parts):
            for place, part in enumerate(parts):
                for kind, change, new in _rebuilt(part, vary):
                    rest = (*parts[:place], *(() if new is None else (new,)), *parts[place + 1 :])
                    group = replace(node, count=min(node.count, len(rest))) if isinstance(node, AtLeast) else node
                    yield kind, f"[{place}] {change}", replace(group, parts=rest) if rest else None
        case _:
            return


def leaves_in(node: Node) -> Iterator[Leaf]:
    """Its single conditions, in order."""
    match node:
        case Leaf():
            yield node
        case Not(part):
            yield from leaves_in(part)
        case All(parts) | Any_(parts) | AtLeast(_, parts):
            for part in parts:
                yield from leaves_in(part)
        case _:
            return


def _swapped(node: Node, swaps: Mapping[Leaf, Leaf]) -> Node:
    match node:
        case Leaf():
            return swaps.get(node, node)
        case Not(part):
            return Not(_swapped(part, swaps))
        case All(parts) | Any_(parts) | AtLeast(_, parts):
            return replace(node, parts=tuple(_swapped(part, swaps) for part in parts))
        case _:
            return node


def _table(leaf: Leaf) -> dict[str, object]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in leaf.table if key != "without"}


def words_of(node: Node) -> str:
    """A condition as the rule file has it, shortened."""
    if isinstance(node, Leaf):
        text = ", ".join(f"{key} = {list(value) if isinstance(value, tuple) else value!r}" for key, value in node.table)
        return text if not node.answers else f"{text}, is = {sorted(node.answers)}"
    if isinstance(node, Derived):
        return f"{node.kind} = {node.name!r}" + (f", is = {sorted(node.answers)}" if node.answers else "")
    return type(node).__name__
