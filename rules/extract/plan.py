"""CarePlan, Goal, Device, DeviceUseStatement -> Event."""

from __future__ import annotations

from collections.abc import Iterable

from rules.extract.reading import Element, Reading, elements
from rules.facts import Event, Origin

__all__ = ["devices", "goals", "plans", "uses"]

_ACHIEVED = frozenset(
    {"in-progress", "improving", "worsening", "no-change", "achieved", "sustaining", "not-achieved", "no-progress", "not-attainable"}
)
_OFF = frozenset({"cancelled", "stopped", "entered-in-error"})  # R4 care-plan-activity-status: what will not be done, or never was
_ACHIEVEMENT = "http://terminology.hl7.org/CodeSystem/goal-achievement"


def plans(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A CarePlan (R4 9.4) by category and the codes of its activities, without those that were called off or are not to be performed;
    `reasons` are what it addresses and why its activities are done."""
    details = [
        detail
        for item in elements(resource.get("activity"))
        if isinstance(detail := item.get("detail"), dict) and detail.get("status") not in _OFF and detail.get("doNotPerform") is not True
    ]
    concepts = reading.concepts(resource.get("category"), *(detail.get("code") for detail in details))
    if concepts:
        start, end = reading.period(resource.get("period"))
        whys = [reading.reasons({**detail, "contained": resource.get("contained")}) for detail in details]
        yield Event(
            ref,
            "plan",
            concepts,
            status=reading.status(resource),
            when=start or reading.date(resource.get("created")),
            end=end,
            origin=origin,
            reasons=reading.referred(resource.get("addresses"), resource).union(*(found for found, _ in whys)),
            has_reason=bool(resource.get("addresses")) or any(given for _, given in whys),
        )


def goals(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A Goal (R4 9.7): lifecycle as status, achievement as tag, the conditions addressed as reasons. Every one is a `goal` too."""
    reasons = reading.referred(resource.get("addresses"), resource)
    codings = resource.get("achievementStatus")
    codes = {
        code
        for coding in (elements(codings.get("coding")) if isinstance(codings, dict) else [])
        if isinstance(system := coding.get("system"), str)
        and isinstance(code := coding.get("code"), str)
        and code in _ACHIEVED
        and reading.terminology.system(system) == _ACHIEVEMENT
    }
    yield Event(
        ref,
        "goal",
        reading.concepts(resource.get("description"), resource.get("category")) | {"goal"},
        status=reading.status(resource, "lifecycleStatus"),
        when=reading.date(resource.get("statusDate")) or reading.date(resource.get("startDate")),
        origin=origin,
        tags=frozenset(codes),
        reasons=reasons,
        has_reason=bool(resource.get("addresses")),
    )


def devices(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A Device (R4 8.12) of the patient, unless DeviceUseStatements say how it is used."""
    concepts = reading.concepts(reading.codeable(resource, "type"))
    if concepts and not reading.has_use_statement(resource):
        yield Event(ref, "device", concepts, status=reading.status(resource), origin=origin)


def uses(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event]:
    """A DeviceUseStatement (R4 8.13) with the type of its device."""
    device = reading.resolve(resource.get("device"), resource)
    concepts = reading.concepts(device.get("type") if device is not None else None)
    reasons, has_reason = reading.reasons(resource)
    if concepts:
        start, end = reading.period(resource.get("timingPeriod"))
        yield Event(
            ref,
            "device",
            concepts,
            status=reading.status(resource),
            when=start or reading.date(resource.get("timingDateTime")) or reading.date(resource.get("recordedOn")),
            end=end,
            origin=origin,
            reasons=reasons,
            has_reason=has_reason,
        )
