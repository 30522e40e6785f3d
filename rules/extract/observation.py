"""Observation -> Observation, one for the resource and one for each coded component."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from rules.extract.reading import MOST_PARTS, NOTHING, Element, Reading, elements, flag, target_of
from rules.facts import Observation, Origin
from rules.fhir_date import FhirDate
from rules.quantity import Quantity, number

__all__ = ["observations"]

_DENIED = frozenset({"NEG", "ND", "NR", "N"})
_NO = frozenset({"no", "absent", "negative"})
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def observations(resource: Element, ref: str, _origin: Origin, reading: Reading) -> Iterable[Observation]:
    """An Observation (R4 10.1) and its components; a genetics panel's own fact gathers its components' answers."""
    if _is_of_another(resource, reading):
        return
    code = reading.codeable(resource, "code")
    concepts = reading.concepts(code)
    status = reading.status(resource)
    when = reading.when(resource, "effectiveDateTime", "effectiveInstant", "effectivePeriod") or reading.date(resource.get("issued"))
    sites = reading.answers(resource.get("bodySite")) | reading.concepts(resource.get("bodySite"))
    focus = reading.referred(resource.get("focus"), resource)
    shared = Shared(status, when, sites, focus)
    parts = []
    for component in elements(resource.get("component"))[: MOST_PARTS + 1]:  # of more `extract` says that they are not read
        if not reading.usable({**component, "resourceType": "Observation"}):
            continue
        part = value_of(component, ref, reading.concepts(component.get("code")), reading, shared)
        parts.append(_of_denied(part, component.get("code"), reading))
    is_panel = bool(parts) and any("gene-studied" in part.concepts for part in parts)
    if concepts or is_panel:
        whole = _of_denied(value_of(resource, ref, concepts, reading, shared), code, reading)
        if is_panel:
            whole = _gathered(whole, parts)
        if not whole.valued and any(part.valued for part in parts):
            whole = replace(whole, valued=True)
        if whole.concepts:
            yield whole
    for part in parts:
        if part.concepts:
            yield part


def _is_of_another(resource: Element, reading: Reading) -> bool:
    """Whether `focus` says that a person other than the subject was observed: a donor, a fetus, a parent (R4 10.1.3)."""
    for focus in elements(resource.get("focus")):
        found = reading.resolve(focus, resource)
        kind = found.get("resourceType") if found is not None else (target_of(focus) or str(focus.get("type"))).split("/")[0]
        if kind == "RelatedPerson" or (kind == "Patient" and _id(focus) != _id(resource.get("subject"))):
            return True
    return False


def _id(reference: object) -> str | None:
    """The id at the end of a Reference, whichever way it is written: relative, absolute, with a version, as urn:uuid."""
    target = reference.get("reference") if isinstance(reference, dict) else None
    return re.split("[/:]", target.split("/_history/")[0])[-1] if isinstance(target, str) else None


def _of_denied(fact: Observation, code: object, reading: Reading) -> Observation:
    """A finding that is denied says nothing about what only a site's release puts above its code."""
    if fact.truth is not False and _DENIED.isdisjoint(fact.interpretation) and _NO.isdisjoint(fact.answers):
        return fact
    return replace(fact, concepts=fact.concepts - reading.terminology.added_concepts(code))


def _gathered(whole: Observation, parts: list[Observation]) -> Observation:
    """A genetics panel as one fact: gene and significance among the answers, the copy number as value."""
    copies = [part.value for part in parts if "gene-copies" in part.concepts and part.value is not None]
    return replace(
        whole,
        concepts=whole.concepts.union(*(part.concepts for part in parts)),
        answers=whole.answers.union(*(part.answers for part in parts)),
        value=copies[0] if len(copies) == 1 and whole.value is None else whole.value,
    )


class Shared(NamedTuple):
    """What components have of their Observation."""

    status: str | None = None
    when: FhirDate | None = None
    sites: frozenset[str] = frozenset()
    focus: frozenset[str] = frozenset()


def value_of(resource: Element, ref: str, concepts: frozenset[str], reading: Reading, shared: Shared) -> Observation:
    """The value, interpretation and reference range of an Observation or a component."""
    value, truth, answers, date = None, None, NOTHING, None
    if "valueQuantity" in resource:
        value = reading.quantity(resource["valueQuantity"], concepts)
        answers = frozenset({"below-detection"}) if value is not None and value.comparator == "<" else answers
    elif "valueInteger" in resource:
        amount = number(resource["valueInteger"])
        value = Quantity(amount, "1") if amount is not None else None
    elif "valueBoolean" in resource:
        truth = flag(resource["valueBoolean"])
        answers = frozenset() if truth is None else frozenset({"yes" if truth else "no"})
    elif "valueCodeableConcept" in resource:
        coded = resource["valueCodeableConcept"]
        answers = reading.answers(coded) | reading.concepts(coded)
    elif isinstance(resource.get("valueString"), str):
        word = reading.terminology.answer_word(str(resource["valueString"]))
        answers = frozenset({word} if word else ())
    elif "valueDateTime" in resource:
        date = reading.date(resource["valueDateTime"])
    value = reading.terminology.on_scale(value, concepts) if value is not None else None
    interpretation = frozenset(_interpretation(resource["interpretation"], reading)) if "interpretation" in resource else NOTHING
    low, high = _range(resource.get("referenceRange"), value, concepts, reading)
    return Observation(
        ref,
        concepts,
        status=shared.status,
        when=shared.when,
        body_sites=shared.sites,
        focus=shared.focus,
        value=value,
        truth=truth,
        date=date,
        answers=answers | reading.answers(resource.get("interpretation")),
        interpretation=interpretation,
        low=low,
        high=high,
        valued=value is not None or bool(interpretation) or _has_value(resource),
    )


def _has_value(resource: Element) -> bool:
    """Whether any value[x] is there, understood or not."""
    return any(raw is not None and name.startswith("value") for name, raw in resource.items())


def _interpretation(codeables: object, reading: Reading) -> Iterable[str]:
    for codeable in elements(codeables):
        for coding in elements(codeable.get("coding")):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str) and reading.terminology.system(system) == _INTERPRETATION:
                yield code


def _range(ranges: object, value: Quantity | None, concepts: frozenset[str], reading: Reading) -> tuple[Quantity | None, Quantity | None]:
    """The normal range, when there is exactly one; a limit without a unit has the unit of the value."""
    normal = [item for item in elements(ranges) if _is_normal(item)] if ranges is not None else ()
    if len(normal) != 1:
        return None, None
    return _limit(normal[0].get("low"), value, concepts, reading), _limit(normal[0].get("high"), value, concepts, reading)


def _is_normal(item: Element) -> bool:
    kind = item.get("type")
    if kind is None:
        return True
    codings = elements(kind.get("coding")) if isinstance(kind, dict) else []
    return any(coding.get("code") == "normal" for coding in codings)


def _limit(raw: object, value: Quantity | None, concepts: frozenset[str], reading: Reading) -> Quantity | None:
    limit = reading.quantity(raw, concepts)
    if limit is not None and limit.unit == "1" and value is not None and isinstance(raw, dict) and not {"code", "unit"} & raw.keys():
        return replace(limit, unit=value.unit)
    return limit
