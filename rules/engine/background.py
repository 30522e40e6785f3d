"""Solved typical patients, from the nearest of which a run starts, so that it pays only for what is different.

Most propositions of a call are those of every patient, or of every patient with the same disease: nothing on file, results unknown. An
engine solves such *backgrounds* once, with the whole program. A run takes over what no difference reaches and works out the rest. The
outcome is the same, whatever the background: it is no cache, and nothing of a request stays behind.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from rules.engine.interface import Facts

__all__ = ["NOTHING", "Background", "Backgrounds"]

NOTHING: Final[Facts] = (frozenset(), frozenset())
"""The background of an engine that was told no typical patient."""

N = TypeVar("N")
"""What an engine calls a proposition."""


@dataclass(frozen=True, slots=True)
class Background(Generic[N]):
    """One typical patient: the facts, how they differ from those of the first, and, in each world, what holds in the end and which
    numbers fired (clauses, or what the engine makes of them)."""

    facts: Facts
    apart: Facts
    held: tuple[frozenset[N], frozenset[N]]
    fired: tuple[frozenset[int], frozenset[int]]


class Backgrounds(Generic[N]):
    """Typical patients in a fixed order; at least one. For each world a bit stands for a name that tells one of them from the first."""

    def __init__(self) -> None:
        self.all: list[Background[N]] = []
        self._bits: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._apart: list[tuple[int, int, int]] = []

    def add(self, one: Background[N]) -> None:
        """Append one; `one.apart` is from the first."""
        for name_bits, names in zip(self._bits, one.apart, strict=True):
            for name in sorted(names):
                name_bits.setdefault(name, 1 << len(name_bits))
        sure, possible = (sum(map(bits.__getitem__, names)) for bits, names in zip(self._bits, one.apart, strict=True))
        self.all.append(one)
        self._apart.append((sure, possible, len(one.apart[0]) + len(one.apart[1])))

    def nearest(self, sure: Set[str], possible: Set[str]) -> tuple[Background[N], Set[str]]:
        """The background from which these facts differ in the fewest places, the first of equals; and the facts that are not as in it."""
        first = self.all[0]
        own_sure, own_possible = sure ^ first.facts[0], possible ^ first.facts[1]
        of_sure, of_possible = self._bits
        mine = sum([of_sure[name] for name in own_sure if name in of_sure])
        maybe = sum([of_possible[name] for name in own_possible if name in of_possible])
        further = [  # in how many places more than the first
            size - 2 * ((mine & apart).bit_count() + (maybe & apart_possible).bit_count()) for apart, apart_possible, size in self._apart
        ]
        found = self.all[further.index(min(further))]
        return found, (own_sure ^ found.apart[0]) | (own_possible ^ found.apart[1])
