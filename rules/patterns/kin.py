"""What a FamilyMemberHistory or an AllergyIntolerance says."""

from __future__ import annotations

from dataclasses import dataclass

from rules.facts import Allergy, Presence, Relative
from rules.findings import NotChecked
from rules.patterns.base import Names, Support, Truth, Verdict, both, gaps, nothing_found
from rules.patterns.index import RecordIndex

__all__ = ["Kin"]


@dataclass(frozen=True, slots=True)
class Kin:
    """FamilyMemberHistory and AllergyIntolerance; neither ever satisfies a diagnosis."""

    predicate: str
    names: Names
    reads: tuple[str, ...]
    first_degree: bool
    severity: frozenset[str] = frozenset()
    reaction: Names = frozenset()
    relationships: frozenset[str] = frozenset()
    listed: bool = True
    """Whether a code list says what the reaction asked for looks like."""

    @property
    def triggers(self) -> Names:
        """The concepts asked for."""
        return self.names

    def quiet(self, index: RecordIndex) -> Verdict:
        """Looked and found nothing, unless it could not be read."""
        return nothing_found(gaps(index, self.reads))

    def match(self, index: RecordIndex) -> Verdict:
        """Any entry that counts."""
        found: list[Relative | Allergy] = []
        unsure: list[NotChecked] = []
        if self.predicate == "family":
            found.extend(relative for relative in index.pick(index.relatives, self.names) if self.is_meant(relative))
        else:
            for allergy in index.pick(index.allergies, self.names):
                truth = both((allergy.counts, self.was_severe(allergy), self.was_reaction(allergy)))
                if truth:
                    found.append(allergy)
                elif truth is None:
                    why = "status not understood" if allergy.counts is None else "reaction not stated"
                    unsure.append(NotChecked(f"allergy:{min(allergy.concepts & self.names)}", why, "AllergyIntolerance"))
        if not found:
            return Verdict(Presence.UNKNOWN, missing=tuple(unsure)) if unsure else self.quiet(index)
        return Verdict(Presence.PRESENT, tuple(self.support(fact) for fact in found))

    def is_meant(self, relative: Relative) -> bool:
        """Is it one of the relatives asked for? Of a relationship that the record leaves open: `unclear`."""
        if self.first_degree and not relative.first_degree:
            return False
        return not self.relationships or bool(self.relationships & (relative.relations or {"unclear"}))

    def was_severe(self, allergy: Allergy) -> Truth:
        """Whether a reaction had one of the severities asked for; unknown when none states any."""
        if not self.severity or self.severity & allergy.severities:
            return True
        return False if allergy.severities else None

    def was_reaction(self, allergy: Allergy) -> Truth:
        """Whether it manifested as what is asked for; unknown when no manifestation is coded, or none that a list could tell apart."""
        if not self.reaction or self.reaction & allergy.reactions:
            return True
        return False if allergy.reaction_coded and (self.listed or not allergy.reaction_strange) else None

    def support(self, fact: Relative | Allergy) -> Support:
        """An entry as a reason."""
        by_name = isinstance(fact, Allergy) and fact.matched_by_name
        return Support(f"{self.predicate}:{min(fact.concepts & self.names)}", fact.ref, by_name=by_name)
