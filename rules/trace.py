"""The chain behind a finding as a tree: which facts and which earlier conclusions made each rule speak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.evaluate import Evaluator
from rules.explain import named
from rules.facts import Presence
from rules.findings import Because, Finding
from rules.model import All, Any_, AtLeast, Derived, Leaf, Node
from rules.world import World

__all__ = ["Step", "trace"]


@dataclass(frozen=True, slots=True)
class Step:
    """`rule` concluded `concluded` from its own `facts` and from what earlier rules concluded (`after`)."""

    rule: str
    concluded: str
    facts: tuple[Because, ...]
    after: tuple[Step, ...]


def trace(evaluator: Evaluator, world: World, finding: Finding) -> Step:
    """The tree of one finding of this world; a conclusion that was already told is not told again."""
    rule = next(one for one in evaluator.speaker.rules if one.id == finding.rule.id)
    nodes = tuple(branch.include for branch in rule.branches if branch.id in finding.branches)
    verb = "asks" if finding.asks else "fires"
    return _step(evaluator, world, rule.id, f"{verb}:{rule.id}", nodes, {(rule.id, "")})


def _step(evaluator: Evaluator, world: World, rule: str, concluded: str, nodes: tuple[Node, ...], told: set[tuple[str, str]]) -> Step:
    facts: dict[Because, None] = {}
    after: list[Step] = []
    for node in (one for tree in nodes for one in _holding(evaluator, world, tree)):
        match node:
            case Leaf():
                support = world.verdicts[node].support if world.verdicts[node].presence is Presence.PRESENT else ()
                facts.update(named(support))
            case Derived(kind, name, answers) if not answers or "present" in answers:
                for producer in evaluator.explainer.makers(f"{kind}:{name}"):
                    key = (producer.rule.id, f"{kind}:{name}")
                    if key not in told and world.truth(f"fires:{producer.rule.id}/{producer.branch.id}"):
                        told.add(key)
                        after.append(_step(evaluator, world, *key, (producer.branch.include,), told))
            case _:
                pass
    return Step(rule, concluded, tuple(facts), tuple(after))


def _holding(evaluator: Evaluator, world: World, node: Node) -> Iterator[Node]:
    """The single conditions that make `node` hold."""
    match node:
        case All(parts) | Any_(parts) | AtLeast(_, parts):
            for part in parts:
                if evaluator.explainer.truth(part, world):
                    yield from _holding(evaluator, world, part)
        case _:
            yield node
