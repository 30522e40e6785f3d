"""What is known about one patient after the engine ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.facts import Record
from rules.model import Leaf
from rules.patterns import Verdict

__all__ = ["World"]


@dataclass(frozen=True, slots=True)
class World:
    """Verdicts of all conditions, and the propositions that hold in the sure and in the possible world."""

    record: Record
    verdicts: Mapping[Leaf, Verdict]
    sure: frozenset[str]
    possible: frozenset[str]

    def truth(self, proposition: str) -> bool | None:
        """True when sure, None when only possible, else False."""
        if proposition in self.sure:
            return True
        return None if proposition in self.possible else False
