"""The requests that are measured, built from the invented patients: one with neuromuscular disease, one without, one with a long chart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from fhir_fixtures import Resource, patient, patients
from fhir_fixtures.requests_for import request_for

__all__ = ["CASES", "Case", "cases", "everybody", "prefetched", "view"]

CASES = ("affected", "affected-200", "affected-500", "treated", "ordering", "worst", "unaffected")
Case = tuple[str, bytes]
"""Hook and body."""

_OTHER_PROBLEMS = (
    "I10", "E78.5", "J30.9", "K21.9", "M17.11", "H52.4", "L40.0", "N40.0", "E66.9", "K57.30", "H91.90", "Z87.891", "M19.90", "I83.90",
    "L57.0", "K64.9", "H25.9", "D64.9", "E03.9", "J45.909",
)  # fmt: skip
_CROWD = (
    "mg_azathioprine_allopurinol", "pdn_kidney_disease", "gbs_second_ivig", "dermatomyositis_refractory",
    "opioid_and_pregabalin_als", "imnm_on_statin", "steroid_switched", "ciclosporin_simvastatin",
)  # fmt: skip
_VITAL = {
    "8867-4": ("Heart rate", 72, "/min"),
    "29463-7": ("Body weight", 78, "kg"),
    "8310-5": ("Body temperature", 36.8, "Cel"),
    "2345-7": ("Glucose", 95, "mg/dL"),
}


def _problem(code: str, who: str) -> Resource:
    return {
        "resourceType": "Condition",
        "id": f"other-{code.replace('.', '-').lower()}",
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
        "subject": {"reference": who},
        "recordedDate": "2025-03-01",
    }


def _vital(number: int, who: str, day: datetime) -> Resource:
    code, (display, value, unit) = list(_VITAL.items())[number % len(_VITAL)]
    return {
        "resourceType": "Observation",
        "id": f"vital-{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]},
        "subject": {"reference": who},
        "effectiveDateTime": (day - timedelta(days=number)).date().isoformat(),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def view(name: str, conditions: int, resources: int) -> bytes:
    """A patient-view of an invented patient, filled up to so many Conditions and resources."""
    today = datetime.now(UTC)
    who = patient(name).moved_to(today.date())
    record = list(who.record)
    about = f"Patient/{who.patient_id}"
    have = sum(one["resourceType"] == "Condition" for one in record)
    record += [_problem(code, about) for code in _OTHER_PROBLEMS[: max(0, conditions - have)]]
    record += [_vital(number, about, today) for number in range(max(0, resources - len(record)))]
    return orjson.dumps(request_for("patient-view", name, record, ()))


def _merged(names: tuple[str, ...]) -> tuple[str, list[Resource], list[Resource]]:
    """The first patient with the diseases, medicines and drafts of the others too: name, record, three drafts."""
    today = datetime.now(UTC)
    first = patient(names[0]).moved_to(today.date())
    about = f"Patient/{first.patient_id}"
    record, drafts = list(first.record), list(first.drafts)
    for name in names[1:]:
        other = patient(name).moved_to(today.date())
        mine, theirs = about.encode(), f"Patient/{other.patient_id}".encode()
        more = [orjson.loads(orjson.dumps(one).replace(theirs, mine)) for one in (*other.record, *other.drafts)]
        drafts += more[len(other.record) :]
        record += [one for one in more[: len(other.record)] if one["resourceType"] != "Patient"]
    return first.name, record, drafts[:3]


def prefetched(request: Mapping[str, Any]) -> list[Resource]:
    """The resources of a request's prefetch, the patient first."""
    prefetch = request["prefetch"]
    bundles = [value for name, value in prefetch.items() if name != "patient" and value]
    return [prefetch["patient"], *(entry["resource"] for bundle in bundles for entry in bundle.get("entry", ()))]


def _medicines(record: list[Resource]) -> list[Resource]:
    return [one for one in record if one["resourceType"] == "MedicationRequest" and one["status"] == "active"]


def _treated() -> bytes:
    """Viewing a patient with myasthenia, 20 Conditions, 15 medicines and 40 Observations."""
    request = orjson.loads(view("mg_generalised_new", 20, 40))
    record, who = prefetched(request), request["context"]["patientId"]
    others = [one for one in record if one["resourceType"] not in {"MedicationRequest", "Observation"}]
    observed = [one for one in record if one["resourceType"] == "Observation"]
    medicines = [{**one, "subject": {"reference": f"Patient/{who}"}} for one in _medicines(_merged(_CROWD)[1])]
    more = [_vital(1000 + number, f"Patient/{who}", datetime.now(UTC)) for number in range(40 - len(observed))]
    found = [*others, *medicines[:15], *observed, *more]
    return orjson.dumps(request_for("patient-view", "mg_generalised_new", found, ()))


def _ordering() -> bytes:
    """Signing three orders for a patient with three diseases and ten medicines."""
    name, record, drafts = _merged(_CROWD)
    diseases = [one for one in record if one["resourceType"] == "Condition"]
    others = [one for one in record if one["resourceType"] not in {"Condition", "MedicationRequest"}]
    return orjson.dumps(request_for("order-sign", name, [*others, *diseases[:3], *_medicines(record)[:10]], drafts))


def _worst() -> bytes:
    """Signing three orders for a patient with three diseases, all the medicines of eight patients and 500 resources."""
    name, record, drafts = _merged(_CROWD)
    diseases = [one for one in record if one["resourceType"] == "Condition"]
    record = [*(one for one in record if one["resourceType"] != "Condition"), *diseases[:3]]
    about = f"Patient/{patient(name).patient_id}"
    record += [_vital(number, about, datetime.now(UTC)) for number in range(500 - len(record))]
    return orjson.dumps(request_for("order-sign", name, record, drafts))


def cases() -> Mapping[str, Case]:
    """Every measured request by name."""
    bodies = {
        "affected": view("mg_generalised_new", 20, 40),
        "affected-200": view("mg_generalised_new", 20, 200),
        "affected-500": view("mg_generalised_new", 20, 500),
        "treated": _treated(),
        "unaffected": view("healthy_adult", 20, 40),
    }
    orders = {"ordering": ("order-sign", _ordering()), "worst": ("order-sign", _worst())}
    return {name: ("patient-view", body) for name, body in bodies.items()} | orders


def everybody() -> list[tuple[str, str, bytes]]:
    """Every hook of every invented patient, each with a patient id of its own, for the search for mixed-up patients: hook, id, body."""
    today = datetime.now(UTC).date()
    calls = [(who.moved_to(today), hook) for who in patients() for hook in who.hooks]
    return [
        (hook, f"soak-{number:04d}", _renamed(request_for(hook, who.name, who.record, who.drafts), who.patient_id, f"soak-{number:04d}"))
        for number, (who, hook) in enumerate(calls)
    ]


def _renamed(request: Resource, old: str, new: str) -> bytes:
    return (
        orjson.dumps(request)
        .replace(f'"{old}"'.encode(), f'"{new}"'.encode())
        .replace(f"Patient/{old}".encode(), f"Patient/{new}".encode())
    )
