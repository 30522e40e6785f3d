"""The codes that can make a rule speak: every name in its conditions and proposals, with the official codes behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.model import Derived, Leaf, Rule, nodes_of
from rules.terminology import Terminology

__all__ = ["Coded", "codes_of"]

MOST = 400  # codes shown of one name; the rest is counted


@dataclass(frozen=True, slots=True)
class Coded:
    """One name of the rule: its label, and (system, code, display) of all it stands for; `more` were left out."""

    name: str
    label: str
    codes: tuple[tuple[str, str, str], ...]
    more: int


def codes_of(rule: Rule, terminology: Terminology) -> tuple[Coded, ...]:
    """In alphabetical order of the names; each code once per name."""
    names = sorted({name for name in _names(rule) if terminology.knows(name)})
    return tuple(_coded(name, terminology) for name in names)


def _coded(name: str, terminology: Terminology) -> Coded:
    found = sorted(
        {
            (coding["system"], coding["code"], coding["display"])
            for concept in terminology.expand(name)
            for coding in terminology.codings(concept)
        }
    )
    return Coded(name, terminology.label(name), tuple(found[:MOST]), max(len(found) - MOST, 0))


def _names(rule: Rule) -> Iterator[str]:
    for node in nodes_of(rule):
        if isinstance(node, Leaf):
            for _, value in node.table:
                yield from _texts(value)
        elif isinstance(node, Derived) and node.kind == "blocked":
            yield node.name
    for branch in rule.branches:
        yield from branch.blocks
    for proposal in rule.card.proposals if rule.card else ():
        yield from _texts(proposal.concept)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list | frozenset):
        for one in value:
            yield from _texts(one)
