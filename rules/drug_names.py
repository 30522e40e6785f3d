"""Drugs recognised by name in the text of a medication, for medications that come without a known code.

Names are whole words, longest first, without regard to case, accents, hyphens and punctuation. What a name is comes from
`drug-names.csv` and the official names of `medications.csv`; the words around it that mean "no such drug is taken here"
(gentamicin *level*, *allergic to* levofloxacin) come from `drug-contexts.csv`. A text with a number in it is an order for a
product ("do not crush; Mestinon 60 mg"): there only the word right after the name counts, for silence is the greater danger.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from rules.code_lists import CodeLists

__all__ = ["DrugNames"]

_WORD: Final = re.compile(r"[a-z0-9]+")
_NONE: Final[frozenset[str]] = frozenset()
_HYPHENS: Final = frozenset("-\u2010\u2011'\u2019")
_LONGEST_TEXT: Final = 300
_REACH: Final = 4
"""How many words before a name a word such as "avoid" still speaks about it; how many words a hyphenated name may have."""


class DrugNames:
    """The names of drugs, looked up in free text. Built once; never changes afterwards."""

    def __init__(self, names: Mapping[str, frozenset[str]], contexts: Mapping[str, frozenset[str]]) -> None:
        self._names = names
        self._before = contexts.get("before", _NONE)
        self._after = contexts.get("after", _NONE)
        self._anywhere = contexts.get("anywhere", _NONE)
        self._longest: dict[str, int] = {}
        for name in names:
            first, length = name.split(" ", 1)[0], name.count(" ") + 1
            self._longest[first] = max(length, self._longest.get(first, 0))

    @classmethod
    def of(cls, lists: CodeLists, official: Mapping[str, frozenset[str]]) -> DrugNames:
        """The names of the code lists; `official` are the labels of ingredients by concept set, already in words."""
        names: dict[str, frozenset[str]] = dict(official)
        for name in lists.drug_names:
            key = " ".join(words(name.name))
            names[key] = names.get(key, _NONE) | ({name.concept} if name.concept else _NONE)
        contexts: dict[str, set[str]] = {}
        for word in lists.drug_contexts:
            contexts.setdefault(word.means, set()).add(word.code)
        return cls(names, {place: frozenset(found) for place, found in contexts.items()})

    def named(self, texts: Iterable[str]) -> frozenset[str]:
        """Every drug that one of `texts` names; of a combination all ingredients."""
        found = _NONE
        for text in texts:
            found |= self._in(text[:_LONGEST_TEXT])
        return found

    def _in(self, text: str) -> frozenset[str]:
        tokens, glued = _tokens(text)
        ordered = any(token[0].isdigit() for token in tokens)
        if not ordered and not self._anywhere.isdisjoint(tokens):
            return _NONE
        found: set[str] = set()
        place = 0
        while place < len(tokens):
            length, drugs = self._at(tokens, glued, place)
            if drugs and not self._spoken_off(tokens, place, place + length, ordered=ordered):
                found |= drugs
            place += length
        return frozenset(found)

    def _at(self, tokens: list[str], glued: list[bool], place: int) -> tuple[int, frozenset[str]]:
        """How many words the longest name at `place` has (1 when there is none), and its drugs."""
        end = place + 1
        while end < min(len(tokens), place + _REACH) and glued[end]:
            end += 1
        if end > place + 1:  # "hydroxy-chloroquine" is one word
            for last in range(end, place + 1, -1):
                drugs = self._names.get("".join(tokens[place:last]))
                if drugs is not None:
                    return last - place, drugs
        for length in range(min(self._longest.get(tokens[place], 0), len(tokens) - place), 0, -1):
            drugs = self._names.get(" ".join(tokens[place : place + length]))
            if drugs is not None:
                return length, drugs
        return 1, _NONE

    def _spoken_off(self, tokens: list[str], start: int, end: int, *, ordered: bool) -> bool:
        """Do the words around the name say that it is not a drug taken here?"""
        if not ordered and not self._before.isdisjoint(tokens[max(0, start - _REACH) : start]):
            return True
        return end < len(tokens) and tokens[end] in self._after


def words(text: str) -> list[str]:
    """The words of a text in lower case, without accents."""
    return _WORD.findall(_plain(text))


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.lower().replace("\u00df", "ss"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _tokens(text: str) -> tuple[list[str], list[bool]]:
    """The words of a text, and whether only a hyphen stands before each."""
    plain = _plain(text)
    found, glued, last = list[str](), list[bool](), -1
    for match in _WORD.finditer(plain):
        found.append(match[0])
        glued.append(match.start() == last + 1 and plain[last] in _HYPHENS)
        last = match.end()
    return found, glued
