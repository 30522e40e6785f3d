"""What the demo EHR lets a clinician order, refer to, diagnose or book: the coded concepts of the loaded knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cds_hooks.body import JsonObject
from rules.proposals import draft_resource
from rules.terminology import Terminology

__all__ = ["Catalogue", "Choice", "catalogue", "draft"]

KINDS: Mapping[str, str] = {
    "MedicationRequest": "medication",
    "ServiceRequest": "service",
    "Condition": "condition",
    "Appointment": "specialty",
}
ROUTES: Mapping[str, str] = {
    "oral": "by mouth",
    "iv": "into a vein",
    "sc": "under the skin",
    "im": "into a muscle",
    "topical": "on the skin",
}
HL7 = "http://terminology.hl7.org/CodeSystem/"


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a list."""

    concept: str
    label: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The lists, each by label; `kinds` maps a resource type to its choices."""

    kinds: Mapping[str, tuple[Choice, ...]]
    routes: Mapping[str, str]


def catalogue(terminology: Terminology) -> Catalogue:
    """Every concept with an official code."""
    found = {}
    for kind, wanted in KINDS.items():
        names = [name for name in terminology.of_kind(wanted) if not terminology.is_collection(name) and terminology.coding(name)]
        found[kind] = tuple(sorted((Choice(name, terminology.label(name)) for name in names), key=lambda one: one.label.lower()))
    return Catalogue(found, {word: said for word, said in ROUTES.items() if terminology.route_coding(word)})


def draft(kind: str, concept: str, route: str, patient: str, terminology: Terminology) -> JsonObject | None:
    """The unsigned order (or new problem, or appointment) for a patient; None when the catalogue does not have it."""
    if KINDS.get(kind) is None or terminology.kind(concept) != KINDS[kind] or terminology.coding(concept) is None:
        return None
    label = terminology.label(concept)
    if kind == "Condition":
        return _problem(concept, label, patient, terminology)
    order = draft_resource({"resourceType": kind, "concept": concept}, label, f"Patient/{patient}", terminology)
    if kind in ("MedicationRequest", "ServiceRequest"):
        order["intent"] = "order"
    coded = terminology.route_coding(route) if kind == "MedicationRequest" and route else None
    if coded is not None:
        order["dosageInstruction"] = [{"text": f"{ROUTES.get(route, route)}", "route": {"coding": [dict(coded)]}}]
    return order


def _problem(concept: str, label: str, patient: str, terminology: Terminology) -> JsonObject:
    coding = terminology.coding(concept)
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": HL7 + "condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": HL7 + "condition-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": HL7 + "condition-category", "code": "problem-list-item"}]}],
        "code": {"coding": [dict(coding or {})], "text": label},
        "subject": {"reference": f"Patient/{patient}"},
    }
