"""What is known about one patient after the engine ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.engine.differing import Differing
from rules.facts import Record
from rules.model import Leaf, Node
from rules.patterns import Verdict

__all__ = ["World"]


@dataclass(frozen=True, slots=True)
class World:
    """Verdicts of all conditions, and the propositions that hold in the sure and in the possible world.

    `known` and `weak` hold what `rules.explain` worked out about conditions, by their identity and with them, so that none goes
    away meanwhile: many reasons share a condition.
    """

    record: Record
    verdicts: Mapping[Leaf, Verdict]
    sure: Differing[str]
    possible: Differing[str]
    known: dict[int, tuple[Node, bool | None]] = field(default_factory=dict, compare=False, repr=False)
    weak: dict[tuple[int, object], tuple[Node, bool]] = field(default_factory=dict, compare=False, repr=False)

    def truth(self, proposition: str) -> bool | None:
        """True when sure, None when only possible, else False."""
        sure, possible = self.sure, self.possible
        if (proposition in sure.base) is not (proposition in sure.changed):
            return True
        return None if (proposition in possible.base) is not (proposition in possible.changed) else False
