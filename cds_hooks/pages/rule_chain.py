"""Where a rule stands in the chain: the rules whose conclusions it reads, and the rules that read its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rules.knowledge import Knowledge
from rules.model import Derived, Rule, nodes_of

__all__ = ["Neighbours", "neighbours"]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Both in the order of their ids; only rules that speak on this service."""

    below: tuple[Rule, ...]
    above: tuple[Rule, ...]


def neighbours(knowledge: Knowledge, rule: Rule) -> Neighbours:
    """The rules right below and right above `rule`."""
    above = (other for other in knowledge.rules if rule.id in {one.id for one in _read(knowledge, other)})
    return Neighbours(_sorted(_read(knowledge, rule), rule), _sorted(above, rule))


def _read(knowledge: Knowledge, rule: Rule) -> Iterable[Rule]:
    names = {f"{node.kind}:{node.name}" for node in nodes_of(rule) if isinstance(node, Derived)}
    return [producer.rule for name in names for producer in knowledge.compiled.producers.get(name, ())]


def _sorted(rules: Iterable[Rule], without: Rule) -> tuple[Rule, ...]:
    found = {one.id: one for one in rules if one.id != without.id}
    return tuple(found[name] for name in sorted(found))
