"""Where a rule stands in the chain: the rules whose conclusions it reads, and the rules that read its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rules.knowledge import Knowledge
from rules.model import Rule

__all__ = ["Neighbours", "neighbours"]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Both in the order of their ids; only rules that speak on this service."""

    below: tuple[Rule, ...]
    above: tuple[Rule, ...]


def neighbours(knowledge: Knowledge, rule: Rule) -> Neighbours:
    """The rules right below and right above `rule`."""
    below = knowledge.compiled.below
    above = (other.id for other in knowledge.rules if rule.id in below(other))
    return Neighbours(_sorted(knowledge, below(rule), rule), _sorted(knowledge, above, rule))


def _sorted(knowledge: Knowledge, names: Iterable[str], without: Rule) -> tuple[Rule, ...]:
    found = (knowledge.rule(name) for name in sorted({*names} - {without.id}))
    return tuple(rule for rule in found if rule is not None)
