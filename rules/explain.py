"""Why a branch holds, and what keeps one from being certain: walks conditions and the rules that concluded them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from rules.compile import Compiled, Producer
from rules.facts import Presence
from rules.findings import Because, ChainStep, NotChecked
from rules.model import All, Any_, AtLeast, Derived, Leaf, Node, Not
from rules.patterns import Support
from rules.patterns.base import any_of, both
from rules.world import World

__all__ = ["Explainer", "Reasons", "named"]

MOST_NAMED: Final = 50  # resources that say the same; nobody reads more
_COUNTED: Final = {"ingredients_at_least", "at_least_times"}


@dataclass(slots=True)
class Reasons:
    """Collected facts, chain and gaps, each once, in the order met."""

    because: dict[Because, None] = field(default_factory=dict)
    chain: dict[ChainStep, None] = field(default_factory=dict)
    missing: dict[NotChecked, None] = field(default_factory=dict)
    drafts: dict[str, set[str]] = field(default_factory=dict)  # each with what of it a condition named
    seen: set[tuple[str, str]] = field(default_factory=set)


class Explainer:
    """Reads the rules' trees against a world; holds no patient."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled

    def truth(self, node: Node, world: World) -> bool | None:
        """Three-valued truth of a node; Derived ones by the engine's outcome."""
        found = world.known.get(id(node))
        if found is None:
            found = world.known[id(node)] = (node, self._truth(node, world))
        return found[1]

    def _truth(self, node: Node, world: World) -> bool | None:
        match node:
            case Leaf():
                presence = world.verdicts[node].presence
                return None if presence is Presence.UNKNOWN else presence is Presence.PRESENT
            case Derived(kind, name, answers):
                value = world.truth(f"{kind}:{name}")
                if not answers:
                    return value
                return {True: "present", False: "absent", None: "unknown"}[value] in answers
            case Not(part):
                inner = self.truth(part, world)
                return None if inner is None else not inner
            case All(parts):
                return both(self.truth(part, world) for part in parts)
            case Any_(parts):
                return any_of(self.truth(part, world) for part in parts)
            case AtLeast(count, parts):
                values = [self.truth(part, world) for part in parts]
                if values.count(True) >= count:
                    return True
                return None if values.count(True) + values.count(None) >= count else False

    def why(self, node: Node, world: World, reasons: Reasons) -> None:
        """Collect the facts and conclusions that make `node` hold, and what is on file but does not say enough where that was asked."""
        match node:
            case Leaf():
                verdict = world.verdicts[node]
                if verdict.presence is not Presence.PRESENT:
                    return
                reasons.missing.update(_worth_telling(verdict.missing, world))
                reasons.because.update(named(verdict.support))
                for support in verdict.support:
                    if support.fact.startswith(("draft:", "stop_draft:")) and support.ref:
                        reasons.drafts.setdefault(support.ref, set()).add(support.fact.partition(":")[2])
            case Derived(kind, name, answers) if not answers or "present" in answers:
                self.conclusions(f"{kind}:{name}", world, reasons)
            case Derived(kind, name, answers) if "unknown" in answers and world.truth(f"{kind}:{name}") is None:
                unsaid = Reasons()
                self.gaps(Derived(kind, name), world, unsaid)
                reasons.missing.update(_worth_telling(unsaid.missing, world))
            case All(parts) | Any_(parts) | AtLeast(_, parts):
                possibly = self.truth(node, world) is None
                for part in parts:
                    truth = self.truth(part, world)
                    if truth or (possibly and truth is None):
                        self.why(part, world, reasons)
            case _:
                pass

    def conclusions(self, name: str, world: World, reasons: Reasons) -> None:
        """The branches that concluded `name` surely, with their own reasons first."""
        for producer in self.makers(name):
            if world.truth(f"fires:{producer.rule.id}/{producer.branch.id}"):
                key = (producer.rule.id, name)
                if key in reasons.seen:
                    continue
                reasons.seen.add(key)
                self.why(producer.branch.include, world, reasons)
                reasons.chain[ChainStep(producer.rule.id, name)] = None

    def gaps(self, node: Node, world: World, reasons: Reasons) -> None:
        """Collect what is missing wherever `node` is only possible."""
        if self.truth(node, world) is not None:
            return
        match node:
            case Leaf():
                for missing in world.verdicts[node].missing:
                    reasons.missing[missing] = None
            case Derived(kind, name):
                for producer in self.makers(f"{kind}:{name}"):
                    if world.truth(f"fires:{producer.rule.id}/{producer.branch.id}") is None:
                        key = (f"?{producer.rule.id}/{producer.branch.id}", name)
                        if key not in reasons.seen:
                            reasons.seen.add(key)
                            for part in (producer.branch.include, *producer.branch.unless):
                                self.gaps(part, world, reasons)
            case Not(part):
                self.gaps(part, world, reasons)
            case All(parts) | Any_(parts) | AtLeast(_, parts):
                for part in parts:
                    self.gaps(part, world, reasons)

    def unknowns(self, node: Node, world: World, reasons: Reasons) -> None:
        """Collect all of which `node` knows that it is missing: of a proposal that is made when a datum is missing, what it obtains."""
        match node:
            case Leaf():
                reasons.missing.update(dict.fromkeys(world.verdicts[node].missing))
            case Derived(kind, name):
                self.gaps(Derived(kind, name), world, reasons)
            case Not(part):
                self.unknowns(part, world, reasons)
            case All(parts) | Any_(parts) | AtLeast(_, parts):
                for part in parts:
                    self.unknowns(part, world, reasons)

    def provisional(self, node: Node, world: World) -> bool:
        """Does `node` hold only thanks to a diagnosis that is provisional or unconfirmed?"""
        return self._only(node, world, _is_provisional)

    def unstated(self, node: Node, world: World) -> bool:
        """Does `node` hold only thanks to a diagnosis that does not say whether it is confirmed?"""
        return any(fact.verification is None for fact in world.record.conditions) and self._only(node, world, _is_unstated)

    def by_name(self, node: Node, world: World) -> bool:
        """Does `node` hold only thanks to a drug recognised by its name?"""
        return self._only(node, world, _is_by_name)

    def _only(self, node: Node, world: World, weak: Callable[[Support], bool]) -> bool:
        """Does `node` hold only thanks to resources that are `weak`?"""
        key = (id(node), weak)
        found = world.weak.get(key)
        if found is None:
            found = world.weak[key] = (node, self._rests(node, world, weak))
        return found[1]

    def _rests(self, node: Node, world: World, weak: Callable[[Support], bool]) -> bool:
        match node:
            case Leaf():
                support = world.verdicts[node].support if world.verdicts[node].presence is Presence.PRESENT else ()
                every = any if _COUNTED & {key for key, _ in node.table} else all  # two drugs of which one is weak are not two
                return bool(support) and every(weak(one) for one in support)
            case Derived(kind, name):
                makers = [one for one in self.makers(f"{kind}:{name}") if world.truth(f"fires:{one.rule.id}/{one.branch.id}")]
                return bool(makers) and all(self._only(one.branch.include, world, weak) for one in makers)
            case All(parts):
                return any(self._only(part, world, weak) for part in parts)
            case Any_(parts):
                return self._short(1, parts, world, weak)
            case AtLeast(count, parts):
                return self._short(count, parts, world, weak)
            case Not():
                return False

    def _short(self, count: int, parts: tuple[Node, ...], world: World, weak: Callable[[Support], bool]) -> bool:
        """Do `count` parts hold, but fewer without what is weak?"""
        true = [part for part in parts if self.truth(part, world)]
        return len(true) >= count > sum(not self._only(part, world, weak) for part in true)

    def makers(self, name: str) -> Iterable[Producer]:
        """Branches that can conclude `name`."""
        return self.compiled.producers.get(name, ())


def named(support: tuple[Support, ...]) -> dict[Because, None]:
    """The resources that make a condition hold; of very many the latest, and how many more there are."""
    more = len(support) - MOST_NAMED
    if more > 0:
        support = tuple(sorted(support, key=lambda one: (one.date or "", one.ref or ""), reverse=True))
    found = dict.fromkeys(Because(one.fact, one.ref, one.date, one.by_name) for one in support[:MOST_NAMED])
    if more > 0:
        found[Because(support[0].fact, more=more)] = None
    return found


def _worth_telling(gaps: Iterable[NotChecked], world: World) -> dict[NotChecked, None]:
    """Of what is unknown where a rule asks for just that: what is on file and does not say enough, and what could not be read."""
    return dict.fromkeys(gap for gap in gaps if gap.on_file or gap.what in world.record.unread)


def _is_provisional(one: Support) -> bool:
    return one.provisional


def _is_unstated(one: Support) -> bool:
    return one.unstated


def _is_by_name(one: Support) -> bool:
    return one.by_name
