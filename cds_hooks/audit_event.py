"""An audit row as a FHIR R4 AuditEvent (https://hl7.org/fhir/R4/auditevent.html), for a site's audit repository.

People are keyed hashes in `identifier`; rules are ids and versions in `entity.detail`. There is no clinical content to export.
"""

from __future__ import annotations

from cds_hooks.body import JsonObject
from cds_hooks.store.audit import AuditRow

__all__ = ["audit_event"]

DCM = "http://dicom.nema.org/resources/ontology/DCM"
TERMS = "http://terminology.hl7.org/CodeSystem"
OURS = "urn:x-neuromuscular-cds"
SUCCESS, MINOR, SERIOUS = "0", "4", "8"  # FHIR AuditEventOutcome


def audit_event(row: AuditRow) -> JsonObject:
    """The event: an operation that an application executed for a user, about a patient, and the rules that spoke."""
    event: JsonObject = {
        "resourceType": "AuditEvent",
        "id": f"nmcds-{row.id}",
        "type": _coding(f"{TERMS}/audit-event-type", "rest", "RESTful Operation"),
        "subtype": [_coding("http://hl7.org/fhir/restful-interaction", "operation"), _coding(f"{OURS}:service", row.service)],
        "action": "E",
        "recorded": row.at,
        "outcome": SUCCESS if row.outcome == "answered" else SERIOUS if row.status >= 500 or row.outcome == "not-checked" else MINOR,
        "agent": _agents(row),
        "source": {
            "observer": {"display": "neuromuscular-cds"},
            "type": [_coding(f"{TERMS}/security-source-type", "4", "Application Server")],
        },
        "entity": [*_patient(row), _call(row)],
    }
    if row.outcome != "answered":
        event["outcomeDesc"] = row.number or row.outcome
    return event


def _coding(system: str, code: str, display: str = "") -> JsonObject:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def _agents(row: AuditRow) -> list[JsonObject]:
    application: JsonObject = {
        "type": {"coding": [_coding(DCM, "110153", "Source Role ID")]},
        "who": {"identifier": {"system": f"{OURS}:caller", "value": row.caller}},
        "requestor": not row.user,
    }
    if not row.user:
        return [application]
    user: JsonObject = {
        "type": {"coding": [_coding(f"{TERMS}/extra-security-role-type", "humanuser", "human user")]},
        "who": {"identifier": {"system": f"{OURS}:user-hash", "value": row.user}},
        "requestor": True,
    }
    return [application, user]


def _patient(row: AuditRow) -> list[JsonObject]:
    if not row.patient:
        return []
    return [
        {
            "what": {"identifier": {"system": f"{OURS}:patient-hash", "value": row.patient}},
            "type": _coding(f"{TERMS}/audit-entity-type", "1", "Person"),
            "role": _coding(f"{TERMS}/object-role", "1", "Patient"),
        }
    ]


def _call(row: AuditRow) -> JsonObject:
    """The call itself, by its hook instance: what the service knew and said."""
    details = [
        ("knowledge", row.knowledge), ("status", str(row.status)), ("outcome", row.outcome), ("cards", str(row.cards)),
        ("suppressed", str(row.suppressed)), *(("unread", kind) for kind in row.unread),
        *(("rule", f"{rule} {version}") for rule, version in row.rules),
    ]  # fmt: skip
    call: JsonObject = {
        "type": _coding(f"{TERMS}/audit-entity-type", "2", "System Object"),
        "role": _coding(f"{TERMS}/object-role", "24", "Query"),
        "detail": [{"type": f"{OURS}:{name}", "valueString": value} for name, value in details],
    }
    if row.instance:
        call["what"] = {"identifier": {"system": f"{OURS}:hook-instance", "value": row.instance}}
    return call
