"""Draft FHIR R4 resources for suggestions: status draft, intent proposal, never a dose (design, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rules.fhir_date import Duration
from rules.terminology import Terminology

__all__ = ["draft_resource"]


def draft_resource(
    template: Mapping[str, object], label: str, patient: str, terminology: Terminology, as_of: datetime | None = None
) -> dict[str, object]:
    """The proposed resource for `patient` ("Patient/p1"). `template` has resourceType and concept and/or text; `due`, a pair of
    durations from `as_of`, says when a service or visit is proposed for; `priority` how soon a service is needed (R4
    request-priority; without one: routine)."""
    kind = str(template["resourceType"])
    concept = template.get("concept")
    text = str(template.get("text") or (terminology.label(concept) if isinstance(concept, str) else label))
    coded: dict[str, object] = {"text": text}
    coding = terminology.coding(concept) if isinstance(concept, str) else None
    if coding:
        coded = {"coding": [dict(coding)], "text": text}
    subject = {"reference": patient}
    due = _period(template.get("due"), as_of)
    match kind:
        case "ServiceRequest":
            soon = {"priority": template["priority"]} if "priority" in template else {}
            when = {"occurrencePeriod": due} if due else {}
            return {"resourceType": kind, "status": "draft", "intent": "proposal", **soon, "code": coded, "subject": subject, **when}
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
                **({"requestedPeriod": [due]} if due else {}),
                "participant": [{"actor": subject, "status": "needs-action"}],
            }
        case _:
            return {"resourceType": kind, "status": "draft", "subject": subject, "payload": [{"contentString": text}]}


def _period(due: object, as_of: datetime | None) -> dict[str, str]:
    """A Period of days; the rule file was checked when it was loaded."""
    if not isinstance(due, list) or as_of is None:
        return {}
    first, last = (Duration.parse(str(length)).after(as_of).date().isoformat() for length in due)
    return {"start": first, "end": last}
