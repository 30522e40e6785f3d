"""Our own code system as a FHIR R4 CodeSystem (R4 4.8): what no official code records, so that a site can record it at once."""

from __future__ import annotations

from typing import Final

from rules.knowledge import Knowledge
from rules.own_codes import Input, inputs, without_code
from rules.terminology import CONCEPT_SYSTEM

__all__ = ["code_system"]

_ABOUT: Final = (
    "Names that the rules of neuromuscular-cds read. The code is the name that a rule writes. Where an official code (SNOMED CT, LOINC, "
    "ICD-10, RxNorm, ATC, ORPHA) is on file, use that. Draft, not clinically reviewed."
)
_PART: Final = " This fragment holds the names without an official code; every other name of the rules is a valid code too."
_PROPERTIES: Final = (
    ("kind", "What it is: condition, observation, question, finding, plan, specialty, answer and so on."),
    ("recordedAs", "The FHIR element that the rules look for it in."),
    ("questionnaire", "The published Questionnaire that has an item for it."),
)


def code_system(knowledge: Knowledge, *, every: bool = False) -> dict[str, object]:
    """The resource; `every` holds all names a rule may write, not only those without an official code."""
    terminology = knowledge.terminology
    read = {one.name: one for one in inputs(knowledge)}
    names = terminology.names() if every else without_code(terminology)
    return {
        "resourceType": "CodeSystem",
        "id": "concept",
        "url": CONCEPT_SYSTEM,
        "version": knowledge.version,
        "name": "NeuromuscularConcept",
        "title": "Concepts of neuromuscular-cds",
        "status": "draft",
        "publisher": "neuromuscular-cds",
        "description": _ABOUT if every else _ABOUT + _PART,
        "caseSensitive": True,
        "content": "complete" if every else "fragment",
        "count": len(terminology.names()),
        "property": [{"code": code, "description": told, "type": "string"} for code, told in _PROPERTIES],
        "concept": [_concept(knowledge, name, read.get(name)) for name in names],
    }


def _concept(knowledge: Knowledge, name: str, read: Input | None) -> dict[str, object]:
    terminology = knowledge.terminology
    properties = [("kind", kind)] if (kind := terminology.kind(name)) else []
    if read is not None:
        properties += [("recordedAs", element) for element in read.elements]
        properties += [("questionnaire", form)] if (form := read.questionnaire) else []
    told: dict[str, object] = {"code": name, "display": read.label if read is not None else terminology.label(name)}
    return {**told, "property": [{"code": code, "valueString": value} for code, value in properties]} if properties else told
