"""FHIR R4 Questionnaires (R4 9.9) for what no official code records. A response filled from one is read by the rules as it is.

Each item has `linkId` and `definition` = "<our system>#<name>" and the name as `code`; units and answers are those that rules use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rules.knowledge import Knowledge
from rules.own_codes import Input, groups, inputs
from rules.terminology import CONCEPT_SYSTEM, Terminology

__all__ = ["questionnaires", "searchset"]

BASE: Final = "https://neuromuscular-cds.github.io/fhir/Questionnaire/"
_UNIT: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption"
_NOTE: Final = "http://hl7.org/fhir/StructureDefinition/designNote"
_UCUM: Final = "http://unitsofmeasure.org"


def questionnaires(knowledge: Knowledge) -> dict[str, dict[str, object]]:
    """Every questionnaire by its id; an input has an item in exactly one when an answer can record it."""
    titles = groups()
    sorted_in: dict[str, list[Input]] = {name: [] for name in titles}
    for one in inputs(knowledge):
        if one.questionnaire is not None:
            sorted_in[one.questionnaire].append(one)
    return {
        name: _questionnaire(knowledge, name, titles[name], sorted(found, key=lambda one: one.label.lower()))
        for name, found in sorted_in.items()
        if found
    }


def searchset(found: Iterable[dict[str, object]]) -> dict[str, object]:
    """A Bundle that lists resources (R4 3.1.1)."""
    entries = [{"fullUrl": one["url"], "resource": one, "search": {"mode": "match"}} for one in found]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _questionnaire(knowledge: Knowledge, name: str, title: str, found: list[Input]) -> dict[str, object]:
    return {
        "resourceType": "Questionnaire",
        "id": name,
        "url": BASE + name,
        "version": knowledge.version,
        "name": "Neuromuscular" + name.capitalize(),
        "title": title,
        "status": "draft",
        "subjectType": ["Patient"],
        "publisher": "neuromuscular-cds",
        "description": (
            "What the rules of neuromuscular-cds read and no official code records. Every item may stay empty: what is not answered is "
            "unknown. Draft, not clinically reviewed."
        ),
        "item": [_item(one, knowledge.terminology) for one in found],
    }


def _item(one: Input, terminology: Terminology) -> dict[str, object]:
    code = f"{CONCEPT_SYSTEM}#{one.name}"
    item: dict[str, object] = {"linkId": code}
    if not any(character.isspace() for character in code):  # a uri has no space
        item["definition"] = code
    extensions: list[dict[str, object]] = [{"url": _NOTE, "valueMarkdown": f"Read by {', '.join(one.rules)}."}]
    extensions += [
        {"url": _UNIT, "valueCoding": {"system": _UCUM, "code": unit, "display": unit}} for unit in one.units if one.item_type == "quantity"
    ]
    item |= {
        "extension": extensions,
        "code": [{"system": CONCEPT_SYSTEM, "code": one.name, "display": one.label}],
        "text": one.label,
        "type": one.item_type,
    }
    if one.item_type == "choice":
        item["answerOption"] = [{"valueCoding": _option(word, terminology)} for word in one.options]
    return item


def _option(word: str, terminology: Terminology) -> dict[str, str]:
    """An answer as an official code, else as one of our own."""
    return terminology.answer_coding(word) or terminology.own_coding(word)
