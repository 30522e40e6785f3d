"""ServiceRequest, Appointment, ImmunizationRecommendation, Immunization -> Event, and Medication where they carry a drug."""

from __future__ import annotations

from collections.abc import Iterable

from rules.extract.reading import Element, Reading, elements, flag, says_something
from rules.facts import STATUS_REASON, Event, Medication, Origin

__all__ = ["appointments", "immunizations", "orders", "recommendations"]

_STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
_PRIORITIES = frozenset({"routine", "urgent", "asap", "stat"})
# Procedures that rules treat as therapies: `draft = "VS-PLEX"` reads them beside drugs.
_THERAPIES = frozenset({"plasmapheresis", "immunoglobulin-infusion"})


def _therapy(concepts: frozenset[str], reading: Reading) -> frozenset[str]:
    """The drugs, vaccines and therapy procedures among `concepts`."""
    return frozenset(name for name in concepts if name in _THERAPIES or reading.terminology.kind(name) == "medication")


def _details(resource: Element, reading: Reading) -> frozenset[str]:
    """The priority of a ServiceRequest, and whether anybody said why it has its status. R4 has only an extension for that; a `reasonCode`
    that names nothing we know may be such a reason too ("patient declined"), one that names a disease is why it was ordered, and a
    note may be about anything."""
    priority = resource.get("priority")
    reasons = [item.get("valueCodeableConcept") for item in elements(resource.get("extension")) if item.get("url") == _STATUS_REASON]
    coded = elements(resource.get("reasonCode"))
    if not reading.concepts(coded):
        reasons += coded
    stated = any(isinstance(reason, dict) and (reason.get("coding") or reason.get("text")) for reason in reasons)
    return frozenset({priority} if isinstance(priority, str) and priority in _PRIORITIES else ()) | ({STATUS_REASON} if stated else set())


def orders(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event | Medication]:
    """A ServiceRequest (R4 12.2): an order, and a Medication when it orders a drug, a vaccine or plasma exchange."""
    concepts = reading.concepts(reading.codeable(resource, "code"), resource.get("orderDetail"))
    reasons, has_reason = reading.reasons(resource)
    if not concepts:
        if origin is not Origin.RECORD and not says_something(resource.get("code")):
            reading.malformed(resource)  # masked, or without a code: it could order anything
        return
    status = reading.status(resource)
    forbidden = flag(resource.get("doNotPerform")) is True
    when = reading.when(resource, "occurrenceDateTime", "occurrencePeriod")
    authored = reading.date(resource.get("authoredOn"))
    drugs = _therapy(concepts, reading)
    if drugs:
        yield Medication(
            ref,
            "ServiceRequest",
            drugs,
            status=status,
            intent=reading.intent(resource),
            origin=origin,
            do_not_perform=forbidden,
            start=when or authored,
            authored=authored,
            as_needed=resource.get("asNeededBoolean") is True,
            reasons=reasons,
            has_reason=has_reason,
        )
    start, end = reading.period(resource.get("occurrencePeriod"))
    yield Event(
        ref,
        "order",
        concepts,
        status=status,
        when=authored or when,
        end=end,
        origin=origin,
        do_not_perform=forbidden,
        tags=_details(resource, reading),
        reasons=reasons,
        has_reason=has_reason,
        due=reading.date(resource.get("occurrenceDateTime")) or start or end,
    )


def appointments(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event | Medication]:
    """An Appointment (R4 12.9) by service type and reason; every appointment has the concept `any`."""
    reasons, has_reason = reading.reasons(resource)
    coded = [reading.codeables(resource, name) for name in ("serviceType", "specialty", "serviceCategory")]
    concepts = reading.concepts(*coded) | reasons | {"any"}
    status = reading.status(resource)
    start = reading.date(resource.get("start"))
    drugs = _therapy(concepts, reading)
    if drugs:
        yield Medication(ref, "Appointment", drugs, status=status, origin=origin, start=start, reasons=reasons, has_reason=has_reason)
    yield Event(
        ref,
        "appointment",
        concepts,
        status=status,
        when=start,
        end=reading.date(resource.get("end")),
        origin=origin,
        reasons=reasons,
        has_reason=has_reason,
    )


def recommendations(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """An ImmunizationRecommendation (R4 11.7). It has no status: a drafted one counts as draft, a recorded one as a proposal."""
    for entry in elements(resource.get("recommendation")):
        concepts = reading.concepts(entry.get("vaccineCode"))
        if concepts and reading.usable({**entry, "resourceType": "ImmunizationRecommendation"}):
            yield Medication(
                ref,
                "ImmunizationRecommendation",
                concepts,
                status=None if origin is Origin.RECORD else "draft",
                intent="proposal",
                origin=origin,
                authored=reading.date(resource.get("date")),
            )


def immunizations(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """An Immunization (R4 11.6)."""
    concepts = reading.concepts(reading.codeable(resource, "vaccineCode"))
    reasons, has_reason = reading.reasons(resource)
    if concepts:
        yield Event(
            ref,
            "immunization",
            concepts,
            status=reading.status(resource),
            when=reading.date(resource.get("occurrenceDateTime")) or reading.date(resource.get("recorded")),
            origin=origin,
            reasons=reasons,
            has_reason=has_reason,
        )
