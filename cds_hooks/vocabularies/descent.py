"""From our codes down to everything below them, in one pass from the top: which of our codes stand above each code of a release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cds_hooks.vocabularies.seeds import Seed

__all__ = ["CycleError", "Meaning", "Meanings", "descend"]

Codes = frozenset[int]


class CycleError(ValueError):
    """A code stands above itself; `parent` and `child` are one step of the circle."""

    def __init__(self, parent: int, child: int) -> None:
        super().__init__(f"{child} stands above and below {parent}")
        self.parent = parent
        self.child = child


@dataclass(frozen=True, slots=True)
class Meaning:
    """Concepts of the nearest of our codes at or above a code, and those of the codes further up."""

    near: frozenset[str]
    far: frozenset[str]


def descend(starts: Mapping[int, Iterable[int]], children: Callable[[int], list[int]]) -> dict[int, Codes]:
    """For every code at or below a start: the seeds above it. `starts` has the seeds (by code) that begin at each code.

    Raises CycleError. Memory grows with the codes reached, not with the size of the release.
    """
    order = _parents_first(sorted(starts), children)
    above: dict[int, Codes] = {}
    shared: dict[Codes, Codes] = {}  # thousands of codes have the same few seeds above them
    for code in order:
        found = above.get(code, frozenset()) | frozenset(starts.get(code, ()))
        found = above[code] = shared.setdefault(found, found)
        for child in children(code):
            known = above.get(child)
            above[child] = found if known is None else known | found
    return above


def _parents_first(starts: Iterable[int], children: Callable[[int], list[int]]) -> list[int]:
    """Every code reached, each after all codes above it (depth-first, without recursion)."""
    finished: list[int] = []
    open_or_done: dict[int, bool] = {}  # False while on the way down from it
    for start in starts:
        if start in open_or_done:
            continue
        open_or_done[start] = False
        way: list[tuple[int, Iterator[int]]] = [(start, iter(children(start)))]
        while way:
            code, rest = way[-1]
            for child in rest:
                state = open_or_done.get(child)
                if state is False:
                    raise CycleError(code, child)
                if state is None:
                    open_or_done[child] = False
                    way.append((child, iter(children(child))))
                    break
            else:
                open_or_done[code] = True
                finished.append(code)
                way.pop()
    return finished[::-1]


@dataclass
class Meanings:
    """Seeds above a code to the concepts it means."""

    seeds: Mapping[int, Seed]
    above: Mapping[int, Codes]  # of every seed: the seeds strictly above it
    _known: dict[Codes, Meaning] = field(default_factory=dict)

    @classmethod
    def of(cls, seeds: Iterable[Seed], starts: Mapping[int, Iterable[int]], above: Mapping[int, Codes]) -> Meanings:
        """`starts` and `above` are what `descend` was given and what it returned."""
        higher = {seed: above[code] - frozenset(here) for code, here in starts.items() for seed in here}
        known = {seed.code: seed for seed in seeds}
        return cls(known, {code: higher.get(code, frozenset()) for code in known})

    def of_codes(self, codes: Codes) -> Meaning:
        """What a code with these seeds at or above it means.

        Nearest are the seeds with no other seed between; one that stands for itself only gives nothing to what is below it. What stands
        above a fixed seed counts neither as near nor as far.
        """
        known = self._known.get(codes)
        if known is None:
            higher = frozenset[int]().union(*(self.above[code] for code in codes))
            hidden = frozenset[int]().union(*(self.above[code] for code in codes if self.seeds[code].fixed))
            near = self._concepts(codes - higher)
            far = self._concepts((codes & higher) - hidden)
            known = self._known[codes] = Meaning(near, far - near)
        return known

    def _concepts(self, codes: Codes) -> frozenset[str]:
        return frozenset[str]().union(*(self.seeds[code].concepts for code in codes if self.seeds[code].below))
