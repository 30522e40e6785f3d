"""Every name a rule may write, with what satisfies it, its label and its kind."""

from __future__ import annotations

from dataclasses import dataclass, field

from rules.code_lists import CodeLists
from rules.taxonomy import Taxonomy

__all__ = ["Names"]


@dataclass(slots=True)
class Names:
    """`expansion` of each name, the name itself included; `labels` for people; `kinds` (condition, medication, question ...);
    `collections` are the names that only gather others: value sets and drug classes that are no ingredient."""

    expansion: dict[str, frozenset[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    collections: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, lists: CodeLists, taxonomy: Taxonomy) -> Names:
        """Concepts stand for themselves, taxonomy concepts for their descendants, drug classes and value sets for their members."""
        names = cls()
        for row in lists.rows:
            names._add(row.concept, frozenset(), row.kind, row.label)
        for node in taxonomy.nodes.values():
            names._add(node.id, taxonomy.below(node.id), "condition", node.label)
        for row in lists.rows:
            if row.drug_class:
                if row.drug_class not in names.expansion:
                    names.collections.add(row.drug_class)
                names._add(row.drug_class, frozenset({row.concept}), "medication", row.drug_class)
        for word in lists.vocabulary:
            names._add(word.code, frozenset(), word.means, word.display)
        names._value_sets(lists, taxonomy)
        names._label_collections()
        names.labels.update(lists.labels)
        return names

    def _label_collections(self) -> None:
        """Value sets and drug classes as a clinician says them; a set of one is called as its member."""
        for name in self.collections:
            inside = self.expansion[name] - {name}
            if len(inside) == 1:
                self.labels[name] = self.labels[next(iter(inside))]
            elif self.kinds.get(name) == "medication" and self.labels[name] == name:
                self.labels[name] = name.removeprefix("vs-").removeprefix("VS-").replace("-", " ")

    def _add(self, name: str, members: frozenset[str], kind: str, label: str) -> None:
        self.expansion[name] = self.expansion.get(name, frozenset({name})) | members
        self.kinds.setdefault(name, kind)
        self.labels.setdefault(name, label)

    def _value_sets(self, lists: CodeLists, taxonomy: Taxonomy) -> None:
        members: dict[str, list[str]] = {}
        for member in lists.members:
            # What a taxonomy concept means the taxonomy says; a value set of the same name is a hint how to derive it.
            if member.value_set not in taxonomy.nodes:
                members.setdefault(member.value_set, []).append(member.concept)
                if member.kind not in ("", "value-set"):
                    self.kinds.setdefault(member.value_set, member.kind)
        for name in members:
            if name not in self.expansion:
                self.collections.add(name)
            self._add(name, _inside(name, members, ()), "finding", name)
        for name, inside in members.items():
            inner = (self.kinds[member] for member in inside if self.kinds.get(member, "finding") != "finding")
            if self.kinds[name] == "finding":
                self.kinds[name] = next(inner, "finding")


def _inside(name: str, members: dict[str, list[str]], path: tuple[str, ...]) -> frozenset[str]:
    """The members of a value set, and of the value sets among them; a circle ends where it closes."""
    found = {name}
    for member in members.get(name, ()):
        if member and member not in path:
            found |= _inside(member, members, (*path, name))
    return frozenset(found)
