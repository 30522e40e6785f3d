"""The disease taxonomy: which concept stands above which, and what an undecided code may claim."""

from __future__ import annotations

from collections.abc import Iterable
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
