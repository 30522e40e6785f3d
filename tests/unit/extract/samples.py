"""Small pieces of FHIR JSON, written once."""

from __future__ import annotations

from typing import Final, TypeAlias

Json: TypeAlias = dict[str, object]

SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC: Final = "http://www.whocc.no/atc"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
UCUM: Final = "http://unitsofmeasure.org"
HL7: Final = "http://terminology.hl7.org/CodeSystem/"
OWN: Final = "https://neuromuscular-cds.github.io/fhir/CodeSystem/concept"

ALS: Final = (SNOMED, "86044005")
PREDNISONE: Final = (RXNORM, "8640")
CREATININE: Final = (LOINC, "2160-0")


def cc(*codings: tuple[str, str], text: str = "") -> Json:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code} for system, code in codings], **({"text": text} if text else {})}


def quantity(value: object, unit: str) -> Json:
    """A Quantity in a UCUM unit."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def resource(kind: str, name: str = "x", /, **content: object) -> Json:
    """A resource."""
    return {"resourceType": kind, "id": name, **content}


def names(*found: str) -> frozenset[str]:
    """A set of concepts, answers or tags."""
    return frozenset(found)
