"""What a site's own releases add to the code lists: subtypes of our SNOMED CT codes, products of our ingredients.

Rows come ready from outside (`cds_hooks.vocabularies`), are read once and kept as sorted arrays of numbers: some hundred thousand codes
take a few megabytes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Coded", "Expansion"]

_NONE: Final[frozenset[str]] = frozenset()
_NOTHING: Final[tuple[frozenset[str], str]] = (_NONE, "")
_LARGEST: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Coded:
    """One code of a release. `near` are the concepts of the nearest of our codes above it, `far` those of the codes further up.

    `form` is the dose form of a product in the words of the release ("Topical Cream"); empty when it has none or several.
    """

    system: str
    code: int
    near: frozenset[str]
    far: frozenset[str] = _NONE
    form: str = ""


class Expansion:
    """Codes of a release by system and number; nothing else of a row is kept."""

    def __init__(
        self, rows: Iterable[Coded], narrowed: Callable[[frozenset[str]], frozenset[str]], is_placed: Callable[[str], bool]
    ) -> None:
        """Read `rows`, in rising order of code within a system; raises ValueError otherwise.

        `is_placed` tells which concepts the disease taxonomy holds: for them the nearest code speaks alone, because the taxonomy knows
        what is above, and a list such as "muscular dystrophy (any or unspecified)" must not claim a muscular dystrophy that has a name.
        Of the others (kidney disease above its stage 3) a code means all, as it does with the prefixes of ICD-10.
        """
        self._codes: dict[str, tuple[array[int], array[int]]] = {}
        self._meanings: list[tuple[frozenset[str], str]] = []
        known: dict[tuple[frozenset[str], frozenset[str], str], int] = {}
        for row in rows:
            codes, meanings = self._codes.setdefault(row.system, (array("Q"), array("I")))
            if not 0 < row.code <= _LARGEST or (codes and codes[-1] >= row.code):
                raise ValueError(f"{row.system} {row.code}: codes must be numbers in rising order")
            key = (row.near, row.far, row.form)
            place = known.get(key)
            if place is None:
                place = known[key] = len(self._meanings)
                more = frozenset(name for name in row.far if not is_placed(name))
                self._meanings.append((narrowed(row.near) | more, row.form))
            codes.append(row.code)
            meanings.append(place)

    def __len__(self) -> int:
        return sum(len(codes) for codes, _ in self._codes.values())

    def _find(self, system: str, code: str) -> tuple[frozenset[str], str]:
        found = self._codes.get(system)
        if found is None or not code.isdecimal() or not code.isascii() or code[0] == "0" or len(code) > 19:
            return _NOTHING
        codes, meanings = found
        number = int(code)
        place = bisect_left(codes, number)
        return self._meanings[meanings[place]] if place < len(codes) and codes[place] == number else _NOTHING

    def concepts(self, system: str, code: str) -> frozenset[str]:
        """What a code means by the release alone; empty when it has nothing about it."""
        return self._find(system, code)[0]

    def form(self, system: str, code: str) -> str:
        """The dose form of a product; empty when unknown."""
        return self._find(system, code)[1]
