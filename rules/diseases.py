"""Which neuromuscular diseases a patient has on file, for counting: the rules' condition `diagnosis`, asked of all diseases at once."""

from __future__ import annotations

from rules.facts import Record
from rules.patterns.base import Context
from rules.patterns.diagnosis import diagnosis
from rules.site import Site
from rules.terminology import Terminology

__all__ = ["Diseases"]

ROOT = "neuromuscular-disorder"


class Diseases:
    """Confirmed (or unstated) and active diagnoses below the root of the taxonomy; a lifelong disease marked resolved counts."""

    def __init__(self, terminology: Terminology, site: Site) -> None:
        self._terminology = terminology
        self._pattern = diagnosis(Context(terminology, site.thresholds, lifelong=True), {"diagnosis": ROOT})

    def of(self, record: Record) -> tuple[str, ...]:
        """Nodes of the taxonomy, the most specific of each line only, sorted."""
        counted = (fact for fact in record.conditions if self._pattern.counts(fact)[0])
        found = {self._terminology.node(concept) for fact in counted for concept in fact.concepts & self._pattern.names}
        above = {name for concept in found for name in self._terminology.ancestors(concept)}
        return tuple(sorted(found - above))
