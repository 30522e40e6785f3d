"""The disease taxonomy: which concept stands above which, and what an undecided code may claim."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rules.code_lists import Node

__all__ = ["Taxonomy"]

# Branches whose concepts are single findings: their names do not stand for wider code lists.
_FINDINGS: Final = frozenset({"symptom", "manual-therapy-indication", "cause", "onset-axis"})


class Taxonomy:
    """The tree of disease-taxonomy.csv and the code lists hanging on its nodes."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = {node.id: node for node in nodes}
        self._children: dict[str, list[str]] = {}
        for node in self.nodes.values():
            self._children.setdefault(node.parent, []).append(node.id)
        self._node_of: dict[str, str] = {}
        for node in sorted(self.nodes.values(), key=lambda node: len(self.line(node.id))):  # the deepest node speaks for a list
            if not self.is_finding(node.id):
                self._node_of.update(dict.fromkeys(node.lists, node.id))
        self._node_of.update({name: name for name in self.nodes})
        self._disease_lines = {name: self.line(node) for name, node in self._node_of.items() if not self.is_finding(node)}

    def line(self, node: str) -> tuple[str, ...]:
        """The node and everything above it, nearest first."""
        found: list[str] = []
        while node in self.nodes and node not in found:
            found.append(node)
            node = self.nodes[node].parent
        return tuple(found)

    def is_finding(self, node: str) -> bool:
        """Is this a sign, symptom, cause or occasion rather than a disease?"""
        return not _FINDINGS.isdisjoint(self.line(node))

    def ancestors(self, concept: str) -> tuple[str, ...]:
        """The nodes above a concept, nearest first; the node a code list hangs on counts as above the list."""
        line = self.line(self._node_of.get(concept, ""))
        return line[1:] if line[:1] == (concept,) else line

    def wider(self, concepts: Iterable[str]) -> frozenset[str]:
        """What is above these diseases and says less than they do: the nodes, and the code lists that hang on those and on none deeper."""
        nodes = {node for concept in concepts if self.places(concept) for node in self.ancestors(concept)}
        return frozenset(nodes | {name for node in nodes for name in self.nodes[node].lists if self._node_of.get(name) == node})

    def places(self, concept: str) -> bool:
        """Does the tree hold this concept as a disease, so that what is above it is known here?"""
        node = self._node_of.get(concept)
        return node is not None and not self.is_finding(node)

    def node(self, concept: str) -> str:
        """The node a concept hangs on; the concept itself when it is a node, or hangs on none."""
        return self._node_of.get(concept, concept)

    def below(self, node: str) -> frozenset[str]:
        """The node, its descendants and the code lists of them all; findings stand for themselves only."""
        found = {node}
        if not self.is_finding(node):
            found.update(self.nodes[node].lists)
        for child in self._children.get(node, ()):
            found |= self.below(child)
        return frozenset(found)

    def narrowed(self, found: Iterable[str]) -> frozenset[str]:
        """Sibling diseases of one code become their nearest common ancestor: the code does not say which one it is."""
        concepts = frozenset(found)
        lines = {concept: self.line(self._node_of[concept]) for concept in concepts if concept in self._node_of}
        undecided = {
            one
            for one, above_one in lines.items()
            for above_two in lines.values()
            if above_one[0] not in above_two and above_two[0] not in above_one
        }
        if not undecided:
            return concepts
        common = next((node for node in lines[min(undecided)] if all(node in lines[concept] for concept in undecided)), None)
        return concepts - undecided | ({common} if common else frozenset())

    def disputed(self, claims: Sequence[frozenset[str]]) -> frozenset[str]:
        """The diseases that the codings of one element name and that exclude each other: siblings under one common ancestor.

        `claims` are the concepts of each coding. A disease and its parent agree; so do diseases of different trees, and
        what a single coding claims. Findings never disagree.
        """
        found: set[str] = set()
        for number, one in enumerate(claims):
            for other in claims[number + 1 :]:
                for left in one - other:
                    for right in other - one:
                        if self._exclude(left, right):
                            found |= {left, right}
        return frozenset(found)

    def above_all(self, concepts: Iterable[str]) -> frozenset[str]:
        """The nearest node above all of these diseases; empty when there is none."""
        lines = [self._disease_lines[concept] for concept in concepts]
        return frozenset({next(node for node in lines[0] if all(node in line for line in lines))}) if lines else frozenset()

    def _exclude(self, left: str, right: str) -> bool:
        """Are these two diseases of one tree, neither above the other?"""
        one, other = self._disease_lines.get(left, ()), self._disease_lines.get(right, ())
        return one[-1:] == other[-1:] != () and one[0] not in other and other[0] not in one
