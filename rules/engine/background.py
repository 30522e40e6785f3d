"""Solved typical patients, from the nearest of which a run starts, so that it pays only for what is different.

Most propositions of a call are those of every patient, or of every patient with the same disease: nothing on file, results unknown. An
engine solves such *backgrounds* once, with the whole program. A run takes over what no difference reaches and works out the rest. The
outcome is the same, whatever the background: it is no cache, and nothing of a request stays behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from rules.engine.interface import Facts

__all__ = ["NOTHING", "Background", "nearest"]

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


def nearest(backgrounds: Sequence[Background[N]], sure: frozenset[str], possible: frozenset[str]) -> tuple[Background[N], frozenset[str]]:
    """The background from which these facts differ in the fewest places, the first of equals; and the facts that are not as in it."""
    found = backgrounds[0]
    own_sure, own_possible = sure ^ found.facts[0], possible ^ found.facts[1]
    best = 0
    for one in backgrounds[1:]:  # in how many places more than the first
        apart_sure, apart_possible = one.apart
        more = len(apart_sure) + len(apart_possible) - 2 * (len(own_sure & apart_sure) + len(own_possible & apart_possible))
        if more < best:
            found, best = one, more
    return found, (own_sure ^ found.apart[0]) | (own_possible ^ found.apart[1])
