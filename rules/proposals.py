"""Draft FHIR R4 resources for suggestions: status draft, intent proposal, never a dose (design, section 4)."""

from __future__ import annotations

from collections.abc import Mapping

from rules.terminology import Terminology

__all__ = ["draft_resource"]


def draft_resource(template: Mapping[str, object], label: str, patient: str, terminology: Terminology) -> dict[str, object]:
    """The proposed resource for `patient` ("Patient/p1"). `template` has resourceType and concept and/or text."""
    kind = str(template["resourceType"])
    concept = template.get("concept")
    text = str(template.get("text") or (terminology.label(concept) if isinstance(concept, str) else label))
    coded: dict[str, object] = {"text": text}
    coding = terminology.coding(concept) if isinstance(concept, str) else None
    if coding:
        coded = {"coding": [dict(coding)], "text": text}
    subject = {"reference": patient}
    match kind:
        case "ServiceRequest":
            return {"resourceType": kind, "status": "draft", "intent": "proposal", "code": coded, "subject": subject}
        case "MedicationRequest":
            return {"resourceType": kind, "status": "draft", "intent": "proposal", "medicationCodeableConcept": coded, "subject": subject}
        case "Task":
            return {"resourceType": kind, "status": "draft", "intent": "proposal", "description": text, "for": subject}
        case "CarePlan":
            return {"resourceType": kind, "status": "draft", "intent": "proposal", "title": text, "subject": subject}
        case "Appointment":
            return {
                "resourceType": kind,
                "status": "proposed",
                "serviceType": [coded],
                "description": text,
                "participant": [{"actor": subject, "status": "needs-action"}],
            }
        case _:
            return {"resourceType": kind, "status": "draft", "subject": subject, "payload": [{"contentString": text}]}
