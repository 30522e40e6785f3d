"""Solved typical patients, from the nearest of which a run starts, so that it pays only for what is different.

Most propositions of a call are those of every patient, or of every patient with the same disease: nothing on file, results unknown. An
engine solves such *backgrounds* once, with the whole program. A run takes over what no difference reaches and works out the rest. The
outcome is the same, whatever the background: it is no cache, and nothing of a request stays behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from rules.engine.differing import Differing
from rules.engine.interface import Facts, FactsError

__all__ = ["NOTHING", "Background", "Backgrounds", "Bases", "Listening"]


NOTHING: Final[Facts] = (frozenset(), frozenset())
"""The background of an engine that was told no typical patient."""

NOT_ALL_POSSIBLE: Final = "sure must be a subset of possible"

N = TypeVar("N")
"""What an engine calls a proposition."""

M = TypeVar("M")

Listening = Mapping[N, tuple[int, ...]]
"""Who has to look again when a name differs: numbers of whatever the engine works out at once."""


class Bases:
    """One object for equal sets, so that two engines with the same typical patients compare what differs from them and nothing else."""

    def __init__(self) -> None:
        self._known: dict[frozenset[Any], frozenset[Any]] = {}

    def whole(self, names: Differing[M]) -> frozenset[M]:
        """All of them."""
        found = frozenset(names)
        return self._known.setdefault(found, found)


@dataclass(frozen=True, slots=True)
class Background(Generic[N]):
    """One typical patient: the facts and, in each world, what holds in the end and which clauses fired. `listening`: who listens here, and
    not with the first. `beside`: what holds besides, in each world, that only the engine has a name for."""

    facts: Facts
    held: tuple[frozenset[str], frozenset[str]]
    fired: tuple[frozenset[int], frozenset[int]]
    listening: Listening[N] = field(default_factory=dict)
    beside: tuple[Set[N], Set[N]] = (frozenset(), frozenset())


class Backgrounds(Generic[N]):
    """Typical patients in a fixed order; at least one. For each world a bit stands for a name that tells one of them from the first."""

    def __init__(self) -> None:
        self.all: list[Background[N]] = []
        self._bits: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._apart: list[Facts] = []
        self._apart_bits: list[tuple[int, int, int]] = []

    def add(self, one: Background[N]) -> None:
        """Append one. Raises FactsError."""
        if not one.facts[0] <= one.facts[1]:
            raise FactsError(NOT_ALL_POSSIBLE)
        self.all.append(one)
        first = self.all[0].facts
        apart = one.facts[0] ^ first[0], one.facts[1] ^ first[1]
        for name_bits, names in zip(self._bits, apart, strict=True):
            for name in sorted(names):
                name_bits.setdefault(name, 1 << len(name_bits))
        sure, possible = (sum(map(bits.__getitem__, names)) for bits, names in zip(self._bits, apart, strict=True))
        self._apart.append(apart)
        self._apart_bits.append((sure, possible, len(apart[0]) + len(apart[1])))

    def nearest(self, sure: Set[str], possible: Set[str]) -> tuple[Background[N], Set[str]]:
        """The background from which these facts differ in the fewest places, the first of equals; and the facts that are not as in it.

        Raises FactsError when one of these is sure and not possible; the others are as in the background."""
        first = self.all[0]
        own_sure, own_possible = sure ^ first.facts[0], possible ^ first.facts[1]
        of_sure, of_possible = self._bits
        mine = sum([of_sure[name] for name in own_sure if name in of_sure])
        maybe = sum([of_possible[name] for name in own_possible if name in of_possible])
        further = [  # in how many places more than the first
            size - 2 * ((mine & apart).bit_count() + (maybe & apart_possible).bit_count())
            for apart, apart_possible, size in self._apart_bits
        ]
        place = further.index(min(further))
        differing = (own_sure ^ self._apart[place][0]) | (own_possible ^ self._apart[place][1])
        if any(name in sure and name not in possible for name in differing):
            raise FactsError(NOT_ALL_POSSIBLE)
        return self.all[place], differing
