"""Where an unknown code matters: the neuromuscular chapters of ICD-10 and the ATC groups that hold drugs of ours (watched.csv)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rules.code_lists import Word

__all__ = ["KINDS", "Watch"]

KINDS: Final = ("condition", "medication")


class Watch:
    """Prefixes of codes by kind: `condition` for both editions of ICD-10, `medication` for ATC.

    Codes are given without a dot; a prefix has three characters or more.
    """

    def __init__(self, words: Iterable[Word]) -> None:
        self._prefixes: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for word in words:
            self._prefixes.setdefault(word.means, set()).add(word.code.replace(".", ""))
        self._heads = {kind: frozenset(prefix[:3] for prefix in prefixes) for kind, prefixes in self._prefixes.items()}
        self._lengths = {kind: sorted({len(prefix) for prefix in prefixes}, reverse=True) for kind, prefixes in self._prefixes.items()}

    def chapter(self, kind: str, code: str) -> str | None:
        """The longest watched prefix of a code, None when it is not watched."""
        if code[:3] not in self._heads[kind]:
            return None
        prefixes = self._prefixes[kind]
        return next((start for length in self._lengths[kind] if (start := code[:length]) in prefixes), None)
