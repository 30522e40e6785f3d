"""The status codes of FHIR R4, by resource type; Condition and AllergyIntolerance have theirs as CodeableConcepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["INTENTS", "STATUSES"]

STATUSES: Final[Mapping[str, frozenset[str]]] = {
    "Appointment": frozenset(
        {"arrived", "booked", "cancelled", "checked-in", "entered-in-error", "fulfilled", "noshow", "pending", "proposed", "waitlist"}
    ),
    "CarePlan": frozenset({"active", "completed", "draft", "entered-in-error", "on-hold", "revoked", "unknown"}),
    "Communication": frozenset(
        {"completed", "entered-in-error", "in-progress", "not-done", "on-hold", "preparation", "stopped", "unknown"}
    ),
    "Consent": frozenset({"active", "draft", "entered-in-error", "inactive", "proposed", "rejected"}),
    "Device": frozenset({"active", "entered-in-error", "inactive", "unknown"}),
    "DeviceUseStatement": frozenset({"active", "completed", "entered-in-error", "intended", "on-hold", "stopped"}),
    "DiagnosticReport": frozenset(
        {"amended", "appended", "cancelled", "corrected", "entered-in-error", "final", "partial", "preliminary", "registered", "unknown"}
    ),
    "Encounter": frozenset(
        {"arrived", "cancelled", "entered-in-error", "finished", "in-progress", "onleave", "planned", "triaged", "unknown"}
    ),
    "FamilyMemberHistory": frozenset({"completed", "entered-in-error", "health-unknown", "partial"}),
    "Flag": frozenset({"active", "entered-in-error", "inactive"}),
    "Goal": frozenset({"accepted", "active", "cancelled", "completed", "entered-in-error", "on-hold", "planned", "proposed", "rejected"}),
    "ImagingStudy": frozenset({"available", "cancelled", "entered-in-error", "registered", "unknown"}),
    "Immunization": frozenset({"completed", "entered-in-error", "not-done"}),
    "MedicationAdministration": frozenset({"completed", "entered-in-error", "in-progress", "not-done", "on-hold", "stopped", "unknown"}),
    "MedicationDispense": frozenset(
        {"cancelled", "completed", "declined", "entered-in-error", "in-progress", "on-hold", "preparation", "stopped", "unknown"}
    ),
    "MedicationRequest": frozenset({"active", "cancelled", "completed", "draft", "entered-in-error", "on-hold", "stopped", "unknown"}),
    "MedicationStatement": frozenset({"active", "completed", "entered-in-error", "intended", "not-taken", "on-hold", "stopped", "unknown"}),
    "Observation": frozenset({"amended", "cancelled", "corrected", "entered-in-error", "final", "preliminary", "registered", "unknown"}),
    "Procedure": frozenset({"completed", "entered-in-error", "in-progress", "not-done", "on-hold", "preparation", "stopped", "unknown"}),
    "QuestionnaireResponse": frozenset({"amended", "completed", "entered-in-error", "in-progress", "stopped"}),
    "ServiceRequest": frozenset({"active", "completed", "draft", "entered-in-error", "on-hold", "revoked", "unknown"}),
}

INTENTS: Final = frozenset(
    {"directive", "filler-order", "instance-order", "option", "order", "original-order", "plan", "proposal", "reflex-order"}
)
