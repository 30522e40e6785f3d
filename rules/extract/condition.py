"""Condition -> Condition; AllergyIntolerance -> Allergy; FamilyMemberHistory -> Relative."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from rules.extract.reading import NOTHING, Element, Reading, elements, says_something
from rules.extract.unmapped import in_conditions
from rules.facts import NEVER, UNREADABLE, Allergy, Condition, Origin, Relative
from rules.fhir_date import Duration, FhirDate
from rules.quantity import number

__all__ = ["allergies", "conditions", "relatives"]

_CLINICAL = frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"})
_VERIFICATION = frozenset({"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"})
_SEVERITIES = frozenset({"mild", "moderate", "severe"})
_CERTAINTY = "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"
_CERTAINTIES: Mapping[str, tuple[str, str | None]] = {
    "G": ("confirmed", None), "V": ("provisional", None), "A": ("refuted", None), "Z": ("confirmed", "resolved"),
}  # fmt: skip
"""Diagnosesicherheit (KBV): gesichert, Verdacht, Ausschluss, Zustand nach; HL7 Germany basisprofil-de-r4, invariants icd-4 to icd-7."""
_AGE_UNITS: Mapping[str, Literal["day", "week", "month", "year"]] = {"d": "day", "wk": "week", "mo": "month", "a": "year"}


def conditions(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Condition]:
    """A Condition (R4 9.2) whose code is on a list. Statuses are kept as they are: patterns decide what counts."""
    code = reading.codeable(resource, "code")
    codings = reading.terminology.pairs(code)
    concepts, disputed = reading.terminology.agreed(code, codings)
    reading.unmapped.update(in_conditions(codings, reading.terminology))
    if not concepts:
        if not says_something(code) and reading.coded_status(resource, "verificationStatus", _VERIFICATION) not in NEVER:
            reading.masked(resource)  # it could be any disease
        return
    verification = reading.coded_status(resource, "verificationStatus", _VERIFICATION)
    clinical = reading.coded_status(resource, "clinicalStatus", _CLINICAL)
    by_code, clinical_by_code = _certainty(code)
    verification, clinical = verification or by_code, clinical or clinical_by_code
    if verification == "refuted":
        concepts -= reading.terminology.added_concepts(code)
    if concepts:
        meta = resource.get("meta")
        yield Condition(
            ref,
            concepts,
            clinical=clinical,
            verification=verification,
            onset=_date(resource, "onset", reading),
            recorded=reading.date(resource.get("recordedDate")),
            abated=any(name.startswith("abatement") and value not in (None, False) for name, value in resource.items()),
            abatement=_date(resource, "abatement", reading),
            severity=reading.answers(resource.get("severity")),
            body_sites=reading.answers(resource.get("bodySite")) | reading.concepts(resource.get("bodySite")),
            origin=origin,
            disputed=disputed,
            changed=reading.date(meta.get("lastUpdated")) if isinstance(meta, dict) else None,
        )


def _certainty(code: object) -> tuple[str | None, str | None]:
    """Both statuses as the German coding extension has them, for a Condition that states none."""
    codings = elements(code.get("coding")) if isinstance(code, dict) else []
    for extension in (item for coding in codings if "extension" in coding for item in elements(coding["extension"])):
        value = extension.get("valueCoding")
        if extension.get("url") == _CERTAINTY and isinstance(value, dict):
            return _CERTAINTIES.get(str(value.get("code")), (UNREADABLE, None))
    return None, None


def _date(resource: Element, name: str, reading: Reading) -> FhirDate | None:
    """onset[x] or abatement[x] as a date; an age is added to the birth date. Of a Period the start counts, a Range is as vague as it is."""
    found = reading.date(resource.get(f"{name}DateTime")) or reading.period(resource.get(f"{name}Period"))[0]
    if found is not None:
        return found
    span = resource.get(f"{name}Range")
    if f"{name}Age" not in resource and isinstance(span, dict):
        low, high = (_at_age(span.get(end), reading) for end in ("low", "high"))
        return replace(low, end=max(low.end, high.end)) if low and high else low
    return _at_age(resource.get(f"{name}Age"), reading)


def _at_age(age: object, reading: Reading) -> FhirDate | None:
    """When the patient had that age."""
    if reading.birth is None or not isinstance(age, dict):
        return None
    amount, unit = number(age.get("value")), reading.unit(age)
    if amount is None or unit is None or unit not in _AGE_UNITS or not 0 <= amount <= 5000:
        return None
    return reading.birth.plus_age(Duration(int(amount), _AGE_UNITS[unit]))


def allergies(resource: Element, ref: str, _origin: Origin, reading: Reading) -> Iterable[Allergy]:
    """An AllergyIntolerance (R4 9.1): its code and the substances of its reactions; a drug without a known code by its name."""
    reactions = elements(resource.get("reaction"))
    manifestations = [one for reaction in reactions for one in elements(reaction.get("manifestation"))]
    substances = [resource.get("code"), *(reaction.get("substance") for reaction in reactions)]
    concepts = reading.concepts(reading.codeable(resource, "code"), *substances[1:])
    named = NOTHING if concepts else reading.terminology.drugs_named(substances)
    if concepts or named:
        yield Allergy(
            ref,
            concepts or named,
            clinical=reading.coded_status(resource, "clinicalStatus", _CLINICAL),
            verification=reading.coded_status(resource, "verificationStatus", _VERIFICATION),
            when=_date(resource, "onset", reading) or reading.date(resource.get("recordedDate")),
            matched_by_name=bool(named),
            severities=frozenset(str(reaction.get("severity")) for reaction in reactions) & _SEVERITIES,
            reactions=reading.concepts(manifestations),
            reaction_coded=any(coding.get("code") for one in manifestations for coding in elements(one.get("coding"))),
            reaction_strange=any(not reading.concepts(one) for one in manifestations),
        )


def relatives(resource: Element, ref: str, _origin: Origin, reading: Reading) -> Iterable[Relative]:
    """Each coded condition of a FamilyMemberHistory (R4 9.5)."""
    status = reading.status(resource)
    relations = reading.answers(resource.get("relationship"))
    for entry in elements(resource.get("condition")):
        if not reading.usable({**entry, "resourceType": "FamilyMemberHistory"}):
            continue
        concepts = reading.concepts(entry.get("code"))
        if concepts:
            yield Relative(ref, concepts, "first-degree" in relations, status, relations)
