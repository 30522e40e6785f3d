"""From FHIR R4 resources to facts. The only place that reads FHIR JSON.

`extract` never raises, whatever the JSON: a malformed element counts as missing, a resource that cannot be understood makes
its type "unread" rather than a wrong fact. Facts come in the order of their references, so the order of the input does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Final, TypeAlias, TypeVar, cast

from rules.extract import answer, condition, event, medication, observation, order, plan
from rules.extract.patient import agreed, person
from rules.extract.reading import MOST_PARTS, Element, Input, Known, Reading, reference_of
from rules.facts import Allergy, Condition, Event, Medication, Observation, Origin, Record, Relative
from rules.terminology import Terminology

__all__ = ["LOST", "TYPES", "Input", "extract"]

MISTAKEN: Final = "entered-in-error"
CROWDED: Final = "one resource has more parts than this service reads"
LOST: Final = "what the hook asks about could not be read"

_Fact: TypeAlias = Condition | Medication | Observation | Event | Allergy | Relative
_F = TypeVar("_F")
_REF: Final = attrgetter("ref")

_READERS: Final[Mapping[str, Callable[[Element, str, Origin, Reading], Iterable[_Fact]]]] = {
    "AllergyIntolerance": condition.allergies,
    "Appointment": order.appointments,
    "CarePlan": plan.plans,
    "Communication": event.communications,
    "Condition": condition.conditions,
    "Consent": event.consents,
    "Device": plan.devices,
    "DeviceUseStatement": plan.uses,
    "DiagnosticReport": event.reports,
    "Encounter": event.encounters,
    "FamilyMemberHistory": condition.relatives,
    "Flag": event.flags,
    "Goal": plan.goals,
    "ImagingStudy": event.imaging,
    "Immunization": order.immunizations,
    "ImmunizationRecommendation": order.recommendations,
    "MedicationAdministration": medication.administrations,
    "MedicationDispense": medication.dispenses,
    "MedicationRequest": medication.requests,
    "MedicationStatement": medication.statements,
    "Observation": observation.observations,
    "Procedure": event.procedures,
    "QuestionnaireResponse": answer.answers,
    "ServiceRequest": order.orders,
}

_UNREADABLE: Final = {
    "DeviceUseRequest": "DeviceRequest",
    "DiagnosticOrder": "ServiceRequest",
    "MedicationOrder": "MedicationRequest",
    "OperationOutcome": "OperationOutcome",
    "ProcedureRequest": "ServiceRequest",
    "ReferralRequest": "ServiceRequest",
}
"""What cannot be read of what a hook asks about: orders as DSTU2 and STU3 call them, with what R4 calls them
(http://hl7.org/fhir/R4/history.html), and the word that not all of it came."""

TYPES: Final = tuple(sorted((*_READERS, "Medication", "Patient")))


def extract(
    resources: Iterable[Input],
    *,
    terminology: Terminology,
    as_of: datetime,
    hook: str,
    unread: Mapping[str, str],
    check: Callable[[], None] = lambda: None,
) -> Record:
    """All facts of one patient at `as_of` (aware, UTC). Resources of other types are passed over.

    Of resources with the same type, id and origin the one with the later meta.lastUpdated counts, else the last; of a Patient what all of
    them say. `check` is asked before each resource and may raise.
    """
    inputs = _distinct(resources)
    reading = Reading(inputs, terminology, unread)
    people = [
        person(item.resource, item.ref, as_of, reading)
        for item in inputs
        if item.resource.get("resourceType") == "Patient" and reading.usable(item.resource)
    ]
    who = agreed(people)
    reading.birth = who.birth if who is not None else None
    facts: list[_Fact] = []
    for place, item in enumerate(inputs):
        check()
        kind = str(item.resource.get("resourceType"))
        reader = _READERS.get(kind)
        reading.order = None if item.origin is Origin.RECORD else (place, _UNREADABLE.get(kind, kind))
        if reader is not None and reading.usable(item.resource) and not _is_mistaken(item.resource):
            before = len(facts)
            facts.extend(islice(reader(item.resource, item.ref, item.origin, reading), MOST_PARTS + 1))
            if len(facts) > before + MOST_PARTS:
                reading.trouble(item.resource, CROWDED)
                facts.pop()
        elif kind in _UNREADABLE and reading.order is not None:
            reading.lost.add(reading.order)
    by_kind: dict[type, list[_Fact]] = {}
    for fact in sorted(facts, key=_REF):
        by_kind.setdefault(type(fact), []).append(fact)
    return Record(
        as_of=as_of,
        hook=hook,
        person=who,
        conditions=_of(by_kind, Condition),
        medications=_of(by_kind, Medication),
        observations=_of(by_kind, Observation),
        events=_of(by_kind, Event),
        allergies=_of(by_kind, Allergy),
        relatives=_of(by_kind, Relative),
        unread=reading.unread,
        lost=tuple(sorted(kind for _, kind in reading.lost)),
        unmapped=tuple(sorted(reading.unmapped)),
    )


def _of(facts: Mapping[type, list[_Fact]], kind: type[_F]) -> tuple[_F, ...]:
    return cast("tuple[_F, ...]", tuple(facts.get(kind, ())))


def _is_mistaken(resource: Element) -> bool:
    """Whether it was entered in error and says nothing at all. Of a Condition and an AllergyIntolerance that is `verificationStatus`,
    for which rules may ask."""
    return resource.get("status") == MISTAKEN or resource.get("lifecycleStatus") == MISTAKEN


def _distinct(resources: Iterable[Input]) -> list[Known]:
    """One resource for each type and id. Resources without an id of FHIR all stay, and so do Patients, of whom what all say counts, and all
    that the hook asks about: two orders of one id are two orders."""
    found: dict[object, tuple[str, Known]] = {}
    for place, item in enumerate(resources):
        resource = item.resource
        if not isinstance(resource, dict):
            continue
        ref, is_named = reference_of(resource)
        is_one = is_named and item.origin is Origin.RECORD and resource.get("resourceType") != "Patient"
        key: object = ref if is_one else place
        meta = resource.get("meta")
        updated = meta.get("lastUpdated") if isinstance(meta, dict) else None
        stamp = updated if isinstance(updated, str) else ""
        before = found.get(key)
        if before is None or stamp >= before[0]:
            found[key] = (stamp, Known(ref, resource, item.origin, item.url))
    return [kept for _, kept in found.values()]
