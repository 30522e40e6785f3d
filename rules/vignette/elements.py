"""Small FHIR data types for vignettes; an empty one means that the element is left out."""

from __future__ import annotations

from typing import Final

from rules.vignette.entry import Json

__all__ = ["HL7", "code", "instant", "listed", "period", "quantity"]

HL7: Final = "http://terminology.hl7.org/CodeSystem/"
_UCUM: Final = "http://unitsofmeasure.org"


def period(start: str, end: str = "") -> Json:
    """A Period."""
    return {name: value for name, value in (("start", start), ("end", end)) if value}


def code(system: str, value: str) -> Json:
    """A CodeableConcept of an HL7 terminology code system."""
    return {"coding": [{"system": HL7 + system, "code": value}]} if value else {}


def quantity(value: int | float | None, unit: str) -> Json:
    """A Quantity in a UCUM unit."""
    return {} if value is None else {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def listed(value: Json) -> list[Json]:
    """A list of one, or an empty one."""
    return [value] if value else []


def instant(text: str, hour: int) -> str:
    """A day as an instant of that day."""
    return f"{text}T{hour:02}:00:00Z" if len(text) == 10 else text
