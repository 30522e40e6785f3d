"""Procedure, DiagnosticReport, ImagingStudy, Encounter, Flag, Communication, Consent -> Event."""

from __future__ import annotations

from collections.abc import Iterable

from rules.extract.reading import Element, Reading, elements
from rules.facts import Event, Origin

__all__ = ["communications", "consents", "encounters", "flags", "imaging", "procedures", "reports"]

_CLASS = frozenset({"AMB", "EMER", "FLD", "HH", "IMP", "ACUTE", "NONAC", "OBSENC", "PRENC", "SS", "VR"})
_INPATIENT = frozenset({"IMP", "ACUTE", "NONAC"})
_EMERGENCY = frozenset(
    {("http://terminology.hl7.org/CodeSystem/admit-source", "emd"), ("http://terminology.hl7.org/CodeSystem/v3-ActPriority", "EM")}
)
"""What an Encounter says of an admission that nobody planned: it came from the emergency department, or its priority is emergency."""


def procedures(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A Procedure (R4 9.3)."""
    concepts = reading.concepts(reading.codeable(resource, "code"))
    reasons, has_reason = reading.reasons(resource)
    if concepts:
        yield Event(
            ref,
            "procedure",
            concepts,
            status=reading.status(resource),
            when=reading.when(resource, "performedDateTime", "performedPeriod"),
            end=reading.period(resource.get("performedPeriod"))[1],
            origin=origin,
            tags=reading.answers(resource.get("outcome")),
            reasons=reasons,
            has_reason=has_reason,
        )


def reports(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A DiagnosticReport (R4 10.3); its coded conclusions become tags."""
    concepts = reading.concepts(reading.codeable(resource, "code"), resource.get("category"))
    if concepts:
        conclusions = resource.get("conclusionCode")
        yield Event(
            ref,
            "report",
            concepts,
            status=reading.status(resource),
            when=reading.when(resource, "effectiveDateTime", "effectivePeriod", "issued"),
            origin=origin,
            tags=reading.answers(conclusions) | reading.concepts(conclusions),
        )


def imaging(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """An ImagingStudy (R4 10.4) by its procedure codes."""
    procedure = reading.resolve(resource.get("procedureReference"), resource)
    concepts = reading.concepts(resource.get("procedureCode"), procedure.get("code") if procedure is not None else None)
    reasons, has_reason = reading.reasons(resource)
    if concepts:
        yield Event(
            ref,
            "imaging",
            concepts,
            status=reading.status(resource),
            when=reading.date(resource.get("started")),
            origin=origin,
            reasons=reasons,
            has_reason=has_reason,
        )


def encounters(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """An Encounter (R4 8.11); every encounter has the concept `any`, its class code is a tag, `unplanned` one of an admission."""
    reasons, has_reason = reading.reasons(resource)
    start, end = reading.period(resource.get("period"))
    kind = resource.get("class")
    code = kind.get("code") if isinstance(kind, dict) else None
    tags = {code} if isinstance(code, str) and code in _CLASS else set[str]()
    if tags & _INPATIENT and _is_emergency(resource, reading):
        tags.add("unplanned")
    yield Event(
        ref,
        "encounter",
        reading.concepts(resource.get("type"), resource.get("serviceType")) | {"any"},
        status=reading.status(resource),
        when=start or end,
        end=end,
        origin=origin,
        tags=frozenset(tags),
        reasons=reasons,
        has_reason=has_reason,
    )


def _is_emergency(resource: Element, reading: Reading) -> bool:
    stay = resource.get("hospitalization")
    said = (resource.get("priority"), stay.get("admitSource") if isinstance(stay, dict) else None)
    codings = [coding for one in said if isinstance(one, dict) for coding in elements(one.get("coding"))]
    return any((reading.terminology.system(str(coding.get("system"))), coding.get("code")) in _EMERGENCY for coding in codings)


def flags(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A Flag (R4 8.15)."""
    concepts = reading.concepts(reading.codeable(resource, "code"), resource.get("category"))
    if concepts:
        start, end = reading.period(resource.get("period"))
        yield Event(ref, "flag", concepts, status=reading.status(resource), when=start, end=end, origin=origin)


def communications(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A Communication (R4 12.6) by topic and category."""
    reasons, has_reason = reading.reasons(resource)
    concepts = reading.concepts(resource.get("topic"), resource.get("category"))
    if concepts:
        yield Event(
            ref,
            "communication",
            concepts,
            status=reading.status(resource),
            when=reading.date(resource.get("sent")) or reading.date(resource.get("received")),
            origin=origin,
            reasons=reasons,
            has_reason=has_reason,
        )


def consents(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A Consent (R4 6.2); the tags say whether its provisions deny or permit. What an exception permits is not refused, and of several
    periods the one that is over first counts: a refusal that is out of date silences nothing."""
    provision = resource.get("provision")
    rules = [provision, *elements(provision.get("provision"))] if isinstance(provision, dict) else []
    denied = [rule for rule in rules if rule.get("type") == "deny"]
    codes = [code for rule in denied or rules for code in elements(rule.get("code"))]
    ends = [end for rule in (*rules[:1], *denied) if (end := reading.period(rule.get("period"))[1]) is not None]
    concepts = reading.concepts(resource.get("category"), codes)
    if concepts:
        yield Event(
            ref,
            "consent",
            concepts,
            status=reading.status(resource),
            when=reading.date(resource.get("dateTime")),
            end=min(ends, key=lambda end: end.end, default=None),
            origin=origin,
            tags=frozenset(kind for rule in rules if isinstance(kind := rule.get("type"), str) and kind in ("deny", "permit")),
        )
