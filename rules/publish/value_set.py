"""The names that rules write as R4 ValueSets: value sets, drug classes, diseases with everything below them.

`compose` keeps how a code matches: this code, this ICD code and its children, this SNOMED CT concept and its subtypes.
Source: FHIR R4 ValueSet (4.9), filter operators.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rules.knowledge import Knowledge
from rules.model import Derived, Leaf, Rule, nodes_of
from rules.publish.plan_definition import BASE, PUBLISHER, Json
from rules.terminology import CONCEPT_SYSTEM, Terminology

__all__ = ["identifier", "names_of", "names_read", "value_set"]

MEMORY: Final = "Codes known from memory alone are left out."


def names_read(knowledge: Knowledge) -> tuple[str, ...]:
    """Every name that a condition, block or proposal of some rule uses, sorted."""
    found = {name for rule in knowledge.every for name in names_of(rule)}
    return tuple(sorted(name for name in found if knowledge.terminology.knows(name)))


def identifier(name: str) -> str:
    """The logical id of a name: letters, digits, hyphens and dots, 64 at most (FHIR R4 id)."""
    return "".join(char if char.isalnum() or char in "-." else "-" for char in name)[:64]


def value_set(knowledge: Knowledge, name: str) -> Json:
    """One name; raises KeyError for one that is not known."""
    terminology = knowledge.terminology
    return {
        "resourceType": "ValueSet",
        "id": identifier(name),
        "url": f"{BASE}/ValueSet/{identifier(name)}",
        "version": knowledge.version,
        "name": "Vs" + "".join(part.capitalize() for part in identifier(name).replace(".", "-").split("-")),
        "title": terminology.label(name),
        "status": "active",
        "experimental": True,
        "publisher": PUBLISHER,
        "description": f"What counts as {terminology.label(name)}. {MEMORY}",
        "compose": {"include": list(_includes(terminology, name))},
    }


def _includes(terminology: Terminology, name: str) -> Iterator[Json]:
    concepts = sorted(terminology.expand(name))
    exact: dict[str, dict[str, str]] = {}
    wide: dict[tuple[str, str], None] = {}
    for concept in concepts:
        for row in terminology.rows_of(concept):
            if row.match == "exact":
                exact.setdefault(row.system, {})[row.code] = row.display
            else:
                wide[row.system, row.code] = None
    for system in sorted(exact):
        yield {"system": system, "concept": [{"code": code, "display": exact[system][code]} for code in sorted(exact[system])]}
    for system, code in sorted(wide):
        yield {"system": system, "filter": [{"property": "concept", "op": "is-a", "value": code}]}
    yield {"system": CONCEPT_SYSTEM, "concept": [{"code": concept, "display": terminology.label(concept)} for concept in concepts]}


def names_of(rule: Rule) -> Iterator[str]:
    """Every text of its conditions, blocks and proposals that may be a name; not each is one."""
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
