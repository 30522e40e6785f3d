"""The chart of one patient: problems, medicines, results and a timeline, read from FHIR as a person would read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from cds_hooks.body import JsonObject
from cds_hooks.pages.fhir_words import age, code_of, moments, name_of, reference_of, text_of, value_of
from cds_hooks.pages.record import OpenRecord
from rules.extract.reading import elements

__all__ = ["Chart", "Row", "chart"]

MEDICINES = ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense")
KINDS = {
    "AllergyIntolerance": "allergy",
    "Condition": "problem",
    "Encounter": "visit",
    "FamilyMemberHistory": "family",
    "MedicationAdministration": "given",
    "MedicationRequest": "medicine",
    "MedicationStatement": "medicine",
    "Observation": "result",
}
PAST = ("inactive", "resolved", "remission", "refuted", "error", "stopped", "completed", "cancelled")
FLAGS = {"H": "high", "HH": "very high", "L": "low", "LL": "very low", "A": "abnormal", "AA": "very abnormal", "POS": "positive"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what, its value, how it stands, since when, and the resource that says so."""

    what: str
    value: str
    status: str
    begin: str
    end: str
    reference: str
    kind: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the page shows about a patient."""

    name: str
    age: str
    gender: str
    born: str
    problems: tuple[Row, ...]
    medicines: tuple[Row, ...]
    results: tuple[Row, ...]
    others: tuple[Row, ...]
    timeline: tuple[Row, ...]


def chart(opened: OpenRecord, today: date) -> Chart:
    """Tell one record; drafts are not part of it."""
    resources = [item.resource for item in opened.record if item.kind not in ("Patient", "Medication")]
    names = {reference_of(item.resource): text_of(item.resource.get("code")) for item in opened.record if item.kind == "Medication"}
    rows = [_row(resource, names) for resource in resources]
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(row.reference.partition("/")[0], []).append(row)
    shown = {"Condition", "Observation", *MEDICINES}
    person = opened.person
    return Chart(
        name=name_of(person),
        age=age(person, today),
        gender=str(person.get("gender") or "sex not on file"),
        born=str(person.get("birthDate") or "not on file")[:10],
        problems=_sorted(kinds.get("Condition", ())),
        medicines=_sorted(row for kind in MEDICINES for row in kinds.get(kind, ())),
        results=_sorted(kinds.get("Observation", ())),
        others=_sorted(row for kind, found in kinds.items() if kind not in shown for row in found),
        timeline=tuple(sorted((row for row in rows if row.begin), key=lambda row: row.begin, reverse=True)),
    )


def _sorted(rows: Iterable[Row]) -> tuple[Row, ...]:
    """What counts now first, then the newest first."""
    return tuple(sorted(sorted(rows, key=lambda row: row.begin, reverse=True), key=lambda row: row.quiet))


def _row(resource: JsonObject, names: Mapping[str, str]) -> Row:
    kind = str(resource["resourceType"])
    begin, end = moments(resource)
    status = _STATUS.get(kind, _plain_status)(resource)
    quiet = any(word in status for word in PAST)
    return Row(
        _what(resource, kind, names), _value(resource, kind), status, begin, end, reference_of(resource), KINDS.get(kind, kind), quiet
    )


def _what(resource: JsonObject, kind: str, names: Mapping[str, str]) -> str:
    if kind in MEDICINES:
        return text_of(resource.get("medicationCodeableConcept")) or _named(resource, names) or "Medicine without a name"
    if kind == "FamilyMemberHistory":
        found = [text_of(one.get("code")) for one in elements(resource.get("condition"))]
        return f"{text_of(resource.get('relationship'))}: {', '.join(found)}"
    told = (resource.get(name) for name in ("code", "vaccineCode", "description", "type", "serviceType", "category"))
    return next((text for one in told if (text := text_of(one))), kind)


def _named(resource: JsonObject, names: Mapping[str, str]) -> str:
    reference = resource.get("medicationReference")
    if not isinstance(reference, dict):
        return ""
    wanted = str(reference.get("reference"))
    for one in elements(resource.get("contained")) if wanted.startswith("#") else ():
        if f"#{one.get('id')}" == wanted:
            return text_of(one.get("code"))
    return names.get(wanted, "") or text_of(reference)


def _value(resource: JsonObject, kind: str) -> str:
    if kind == "Observation":
        return value_of(resource)
    dosages = resource.get("dosageInstruction") or resource.get("dosage")
    first = dosages[0] if isinstance(dosages, list) and dosages else dosages
    return text_of(first) if isinstance(first, dict) else ""


def _problem(resource: JsonObject) -> str:
    verification = code_of(resource.get("verificationStatus"))
    words = [code_of(resource.get("clinicalStatus")), "" if verification == "confirmed" else verification]
    return ", ".join(word for word in words if word)


def _result(resource: JsonObject) -> str:
    found = resource.get("interpretation")
    flag = FLAGS.get(code_of(found[0]), "") if isinstance(found, list) and found else ""
    status = str(resource.get("status") or "")
    return ", ".join(word for word in (flag, "" if status == "final" else status) if word)


def _plain_status(resource: JsonObject) -> str:
    found = resource.get("status") or resource.get("lifecycleStatus")
    return found[:40] if isinstance(found, str) else code_of(resource.get("clinicalStatus"))


_STATUS: Mapping[str, Callable[[JsonObject], str]] = {"Condition": _problem, "Observation": _result}
