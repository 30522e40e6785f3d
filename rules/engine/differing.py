"""Sets given by how they differ from a fixed one.

What holds for a patient is nearly what holds for a typical one: of thousands of propositions a few hundred differ. Nobody copies or
compares the rest; it is what grows with the number of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Generic, TypeVar

__all__ = ["Differing"]

N = TypeVar("N")


class Differing(Set[N], Generic[N]):
    """All of `base` but what `changed` names of it, and what else `changed` names. Two with the very same base are compared by `changed`.

    `name in one` is `(name in one.base) is not (name in one.changed)`, which is written out where it is asked very often.
    """

    __slots__ = ("base", "changed")

    def __init__(self, base: frozenset[N], changed: Iterable[N] = ()) -> None:
        """`changed` is copied."""
        self.base = base
        self.changed = set(changed)

    @classmethod
    def of(cls, names: Set[N]) -> Differing[N]:
        """Any set; one of this kind as it is."""
        return names if isinstance(names, Differing) else cls(frozenset(), names)

    @classmethod
    def _from_iterable(cls, names: Iterable[N]) -> frozenset[N]:  # type: ignore[override]  # what operators make of it has no base
        return frozenset(names)

    def __contains__(self, name: object) -> bool:
        return (name in self.base) is not (name in self.changed)

    def __iter__(self) -> Iterator[N]:
        return iter(self.base ^ self.changed)

    def __len__(self) -> int:
        return len(self.base) + len(self.changed) - 2 * len(self.base & self.changed)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Differing) and other.base is self.base:
            return self.changed == other.changed
        return isinstance(other, Set) and self.base ^ self.changed == set(other)

    __hash__ = None  # type: ignore[assignment]

    def __xor__(self, other: Set[N]) -> Set[N]:  # type: ignore[override]
        """The names that are in one of them alone."""
        if isinstance(other, Differing) and other.base is self.base:
            return self.changed ^ other.changed
        return self.base ^ self.changed ^ set(other)

    __rxor__ = __xor__

    def among(self, names: Set[N]) -> Set[N]:
        """Those of `names` that are in it."""
        return (self.base & names) ^ (self.changed & names)

    def put(self, name: N, holds: bool) -> bool:
        """Let `name` be in it, or not. Returns whether that is new."""
        was_changed = name in self.changed
        if ((name in self.base) is not was_changed) is holds:
            return False
        (self.changed.remove if was_changed else self.changed.add)(name)
        return True

    def decide(self, names: Set[N], held: Set[N]) -> None:
        """Of `names` let those be in it that are in `held`, which has no others."""
        self.changed -= names
        self.changed |= (self.base & names) ^ held

    def drop(self, names: Set[N]) -> None:
        """Let none of `names` be in it."""
        self.decide(names, frozenset())
