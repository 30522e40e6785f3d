"""A CDS Hooks request built from a patient's resources, as an EHR that answers every prefetch template would send it.

Contexts follow the hook definitions of HL7/cds-hooks-library; prefetch keys are `patient` and the plural of each type in camel case.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

__all__ = ["HOOKS", "PREFETCH_TYPES", "Resource", "prefetch_for", "prefetch_key", "problems_of", "request_for"]

Resource: TypeAlias = dict[str, object]

PREFETCH_TYPES = (
    "AllergyIntolerance",
    "Appointment",
    "CarePlan",
    "Communication",
    "Condition",
    "Consent",
    "Device",
    "DeviceUseStatement",
    "DiagnosticReport",
    "Encounter",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "ImagingStudy",
    "Immunization",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Procedure",
    "QuestionnaireResponse",
    "ServiceRequest",
)
_USER = "Practitioner/dr-example"
_HOOKS_NAMESPACE = uuid.UUID("5a9c1f0e-0d4c-4b8e-9f57-3c1b2a6d7e80")


def prefetch_key(resource_type: str) -> str:
    """Return the prefetch key of a resource type: Condition gives conditions, FamilyMemberHistory gives familyMemberHistories."""
    if resource_type == "Patient":
        return "patient"
    name = resource_type[0].lower() + resource_type[1:]
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name + "s"


def _searchset(found: Sequence[Resource], referenced: Sequence[Resource] = ()) -> Resource:
    entries: list[Resource] = [{"resource": resource, "search": {"mode": "match"}} for resource in found]
    entries += [{"resource": resource, "search": {"mode": "include"}} for resource in referenced]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    if entries:
        bundle["entry"] = entries
    return bundle


def _medications_named_by(found: Sequence[Resource], record: Sequence[Resource]) -> list[Resource]:
    named = {str(reference["reference"]) for one in found if isinstance(reference := one.get("medicationReference"), dict)}
    return [one for one in record if one["resourceType"] == "Medication" and f"Medication/{one['id']}" in named]


def prefetch_for(record: Sequence[Resource]) -> Resource:
    """Return the prefetch for `record`; a Medication travels with the resource that names it, as `_include` would bring it."""
    prefetch: Resource = {"patient": next(one for one in record if one["resourceType"] == "Patient")}
    for resource_type in PREFETCH_TYPES:
        found = [one for one in record if one["resourceType"] == resource_type]
        prefetch[prefetch_key(resource_type)] = _searchset(found, _medications_named_by(found, record))
    return prefetch


def _collection(resources: Sequence[Resource]) -> Resource:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in resources]}


def _encounter(record: Sequence[Resource]) -> Resource:
    encounters = [str(one["id"]) for one in record if one["resourceType"] == "Encounter"]
    return {"encounterId": encounters[-1] if encounters else "encounter-today"}


def _orders(drafts: Sequence[Resource]) -> list[Resource]:
    return [one for one in drafts if one["resourceType"] != "Appointment"]


def _draft_orders(drafts: Sequence[Resource]) -> Resource:
    return {"draftOrders": _collection(_orders(drafts))}


def _appointment(patient_id: str) -> Resource:
    """Return a plain visit, for a patient for whom no Appointment is proposed."""
    participants = [{"actor": {"reference": reference}, "status": "accepted"} for reference in (f"Patient/{patient_id}", _USER)]
    return {
        "resourceType": "Appointment",
        "id": "appointment-draft",
        "status": "proposed",
        "start": "2026-12-01T09:00:00Z",
        "end": "2026-12-01T09:30:00Z",
        "participant": participants,
    }


def _appointments(patient_id: str, drafts: Sequence[Resource]) -> Resource:
    proposed = [one for one in drafts if one["resourceType"] == "Appointment"]
    return {"appointments": _collection(proposed or [_appointment(patient_id)])}


def problems_of(record: Sequence[Resource]) -> tuple[Resource, ...]:
    """The entries of the problem list: what problem-list-item-create asks about."""
    return tuple(one for one in record if one["resourceType"] == "Condition" and "problem-list-item" in str(one.get("category")))


def _conditions(record: Sequence[Resource]) -> Resource:
    return {"conditions": _collection(problems_of(record))}


_Builder: TypeAlias = Callable[[str, Sequence[Resource], Sequence[Resource]], Resource]
_CONTEXTS: Mapping[str, _Builder] = {
    "patient-view": lambda _patient, record, _drafts: _encounter(record),
    "order-select": lambda _patient, record, drafts: {
        **_encounter(record),
        "selections": [f"{one['resourceType']}/{one['id']}" for one in _orders(drafts)],
        **_draft_orders(drafts),
    },
    "order-sign": lambda _patient, record, drafts: {**_encounter(record), **_draft_orders(drafts)},
    "encounter-start": lambda _patient, record, _drafts: _encounter(record),
    "encounter-discharge": lambda _patient, record, _drafts: _encounter(record),
    "problem-list-item-create": lambda _patient, record, _drafts: {**_encounter(record), **_conditions(record)},
    "appointment-book": lambda patient, _record, drafts: _appointments(patient, drafts),
}
HOOKS = tuple(_CONTEXTS)


def request_for(hook: str, name: str, record: Sequence[Resource], drafts: Sequence[Resource]) -> Resource:
    """Return the request of one hook for the patient of `record`; the hook instance is stable for `name` and `hook`.

    Raises ValueError for a hook the service does not have.
    """
    if hook not in _CONTEXTS:
        raise ValueError(f"hook {hook!r}: expected one of {', '.join(HOOKS)}")
    patient = next(str(one["id"]) for one in record if one["resourceType"] == "Patient")
    return {
        "hook": hook,
        "hookInstance": str(uuid.uuid5(_HOOKS_NAMESPACE, f"{name}/{hook}")),
        "context": {"userId": _USER, "patientId": patient, **_CONTEXTS[hook](patient, record, drafts)},
        "prefetch": prefetch_for(record),
    }
