"""FHIR elements as a chart shows them. Every function takes any JSON and never raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from rules.extract.reading import elements

__all__ = ["age", "code_of", "day", "moments", "name_of", "reference_of", "text_of", "value_of"]

DATES = (
    "onsetDateTime", "effectiveDateTime", "occurrenceDateTime", "performedDateTime", "authoredOn", "recordedDate", "start", "startDate",
    "date", "issued",
)  # fmt: skip
PERIODS = ("effectivePeriod", "performedPeriod", "occurrencePeriod", "period", "onsetPeriod")
ANNOTATION = re.compile(r"\{([^{}]*)\}")
LONGEST = 200


def text_of(codeable: object) -> str:
    """A CodeableConcept or Coding: its text, else the first display, else the first code."""
    if isinstance(codeable, list):
        return ", ".join(text for text in map(text_of, codeable[:5]) if text)
    if not isinstance(codeable, dict):
        return ""
    listed = elements(codeable.get("coding"))
    told = [codeable.get("text"), codeable.get("display"), *(one.get("display") for one in listed), *(one.get("code") for one in listed)]
    return next((one[:LONGEST] for one in told if isinstance(one, str) and one.strip()), "")


def code_of(codeable: object) -> str:
    """The first code of a CodeableConcept, such as a clinical status."""
    codings = codeable.get("coding") if isinstance(codeable, dict) else None
    first = codings[0] if isinstance(codings, list) and codings else None
    code = first.get("code") if isinstance(first, dict) else None
    return code[:LONGEST] if isinstance(code, str) else ""


def reference_of(resource: Mapping[str, object]) -> str:
    """`Type/id`."""
    own = resource.get("id")
    return f"{resource.get('resourceType')}/{own}" if isinstance(own, str) else str(resource.get("resourceType"))


def day(value: object) -> str:
    """The date part of a FHIR dateTime, as precise as it is."""
    return value[:10] if isinstance(value, str) else ""


def moments(resource: Mapping[str, object]) -> tuple[str, str]:
    """When it began and when it ended, as days; empty when not on file."""
    begin = next((day(resource[name]) for name in DATES if day(resource.get(name))), "")
    end = day(resource.get("abatementDateTime"))
    for name in PERIODS:
        period = resource.get(name)
        if isinstance(period, dict):
            begin, end = begin or day(period.get("start")), end or day(period.get("end"))
    return begin, end


def value_of(observation: Mapping[str, object]) -> str:
    """The value of an Observation in one line, its components too."""
    quantity = observation.get("valueQuantity")
    if isinstance(quantity, dict) and isinstance(quantity.get("value"), int | float):
        unit = quantity.get("unit") or quantity.get("code") or ""
        return f"{quantity.get('comparator') or ''}{quantity['value']} {_unit(str(unit))}".strip()[:LONGEST]
    for name, shown in observation.items():
        if name == "valueCodeableConcept":
            return text_of(shown)
        if name.startswith("value") and isinstance(shown, str | int | float):
            return (day(shown) if "Date" in name else str(shown))[:LONGEST]
    return "; ".join(f"{text_of(one.get('code'))} {value_of(one)}" for one in elements(observation.get("component"))[:10])


def _unit(text: str) -> str:
    """A UCUM unit without the braces of its annotations: {score} says nothing, {1.73_m2} says 1.73 m2."""
    return ANNOTATION.sub(lambda match: match[1].replace("_", " ") if match[1][:1].isdigit() else "", text)


def name_of(patient: Mapping[str, object]) -> str:
    """Family name, given names."""
    names = patient.get("name")
    first = names[0] if isinstance(names, list) and names else None
    if not isinstance(first, dict):
        return "No name"
    given = first.get("given")
    parts = [str(first.get("family") or ""), " ".join(map(str, given)) if isinstance(given, list) else ""]
    return (", ".join(part for part in parts if part) or str(first.get("text") or "No name"))[:LONGEST]


def age(patient: Mapping[str, object], today: date) -> str:
    """Age in years, in months below two years."""
    try:
        born = date.fromisoformat(day(patient.get("birthDate")))
    except ValueError:
        return "age not on file"
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    return f"{months // 12} years" if months >= 24 else f"{max(months, 0)} months"
