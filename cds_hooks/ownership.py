"""Whose resource is it? Only resources that say they belong to the patient in context are ever used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from cds_hooks.body import JsonObject

__all__ = ["Owner", "Patient", "named"]

# The element that names the patient, where it is not `subject` (FHIR R4).
ELEMENTS = {
    "AllergyIntolerance": "patient",
    "Consent": "patient",
    "Coverage": "beneficiary",
    "DetectedIssue": "patient",
    "Device": "patient",
    "EpisodeOfCare": "patient",
    "FamilyMemberHistory": "patient",
    "Immunization": "patient",
    "ImmunizationRecommendation": "patient",
    "NutritionOrder": "patient",
    "RelatedPerson": "patient",
    "Task": "for",
    "VisionPrescription": "patient",
}
REFERENCE = re.compile(r"(?:(?P<base>https?://[^?#]{1,2000})/)?Patient/(?P<id>[A-Za-z0-9._~-]{1,256})(?:/_history/[A-Za-z0-9._~-]{1,256})?")

BARE = re.compile(r"[A-Za-z0-9._~-]{1,256}")


class Owner(Enum):
    """`unsaid`: the resource names no patient, so it cannot be known to be this patient's."""

    THIS = "this"
    OTHER = "other"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient in context. `bases` are FHIR base URLs known to be the caller's; empty: an absolute reference is taken by its id.
    `urns` are urn: names under which this patient's own entry stood."""

    id: str
    bases: frozenset[str] = frozenset()
    urns: frozenset[str] = frozenset()

    def owner(self, resource: JsonObject) -> Owner:
        """Compare the resource's patient reference (or Patient.id) with the patient in context."""
        kind = resource.get("resourceType")
        if kind == "Patient":
            own = resource.get("id")
            return Owner.UNSAID if own is None else Owner.THIS if own == self.id else Owner.OTHER
        if kind == "Appointment":
            return self._participants(resource)
        return self._reference(resource.get(ELEMENTS.get(str(kind), "subject")))

    def _participants(self, appointment: JsonObject) -> Owner:
        said = [self._reference(actor) for actor in _actors(appointment)]
        if Owner.THIS in said:
            return Owner.THIS
        return Owner.OTHER if Owner.OTHER in said else Owner.UNSAID

    def _reference(self, value: object) -> Owner:
        reference = value.get("reference") if isinstance(value, dict) else None
        if not isinstance(reference, str):
            return Owner.UNSAID
        if reference.startswith("urn:"):
            return Owner.THIS if reference in self.urns or reference == f"urn:uuid:{self.id}" else Owner.OTHER
        if reference == self.id:
            return Owner.THIS
        found = REFERENCE.fullmatch(reference)
        if found is None or found["id"] != self.id:
            return Owner.OTHER
        if found["base"] is None or not self.bases or found["base"] in self.bases:
            return Owner.THIS
        return Owner.OTHER


def named(resource: JsonObject) -> tuple[str, ...]:
    """The patients that a resource says it belongs to: ids, or urn: names as they stand. `Patient(id).owner` says THIS of each id.

    Empty when it names none: no reference, a logical or conditional one, a contained patient, a Group."""
    kind = resource.get("resourceType")
    if kind == "Patient":
        own = resource.get("id")
        return (own,) if isinstance(own, str) else ()
    values = _actors(resource) if kind == "Appointment" else (resource.get(ELEMENTS.get(str(kind), "subject")),)
    return tuple(dict.fromkeys(found for value in values if (found := _name(value)) is not None))


def _name(value: object) -> str | None:
    reference = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(reference, str):
        return None
    if reference.startswith("urn:") or BARE.fullmatch(reference):
        return reference
    found = REFERENCE.fullmatch(reference)
    return found["id"] if found else None


def _actors(appointment: JsonObject) -> Iterator[object]:
    participants = appointment.get("participant")
    for participant in participants if isinstance(participants, list) else ():
        actor = participant.get("actor") if isinstance(participant, dict) else None
        reference = actor.get("reference") if isinstance(actor, dict) else None
        kind = actor.get("type") if isinstance(actor, dict) else None
        if isinstance(reference, str) and (reference.startswith("urn:") or "Patient/" in reference or kind == "Patient"):
            yield actor
