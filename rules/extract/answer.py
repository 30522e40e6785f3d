"""QuestionnaireResponse -> Event (kind answer) for every item, Observation for numbers and coded answers.

FHIR gives an item no code of its own. It is recognised by a code of our system in `definition` or `linkId`
("<our system>#<name>"), or by a site's map from (questionnaire URL, linkId).
"""

from __future__ import annotations

from collections.abc import Iterable

from rules.extract.reading import Element, Reading, elements
from rules.facts import Event, Observation, Origin
from rules.fhir_date import FhirDate
from rules.quantity import Quantity, number
from rules.terminology import CONCEPT_SYSTEM

__all__ = ["answers"]

_DEPTH = 12


def answers(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Event | Observation]:
    """The recognised items of a QuestionnaireResponse (R4 9.10), at any depth up to twelve."""
    url = resource.get("questionnaire")
    form = url if isinstance(url, str) else ""
    status = reading.status(resource)
    when = reading.date(resource.get("authored"))
    yield from _items(resource, 0, ref, form, status, when, origin, reading)


def _items(
    parent: Element, depth: int, ref: str, form: str, status: str | None, when: FhirDate | None, origin: Origin, reading: Reading
) -> Iterable[Event | Observation]:
    for item in elements(parent.get("item")):
        concepts = _concepts(item, form, reading)
        found = elements(item.get("answer"))
        if concepts and found and reading.usable({**item, "resourceType": "QuestionnaireResponse"}):
            yield from _answers(found, concepts, ref, status, when, origin, reading)
        if depth < _DEPTH:
            for inner in (item, *found):
                yield from _items(inner, depth + 1, ref, form, status, when, origin, reading)


def _concepts(item: Element, form: str, reading: Reading) -> frozenset[str]:
    for name in ("definition", "linkId"):
        value = item.get(name)
        if isinstance(value, str) and value.startswith(CONCEPT_SYSTEM + "#"):
            return reading.terminology.concepts(CONCEPT_SYSTEM, value[len(CONCEPT_SYSTEM) + 1 :])
    link = item.get("linkId")
    return reading.terminology.concepts(form, link) if form and isinstance(link, str) else frozenset()


def _answers(
    found: list[Element], concepts: frozenset[str], ref: str, status: str | None, when: FhirDate | None, origin: Origin, reading: Reading
) -> Iterable[Event | Observation]:
    final = "final" if status == "completed" else status
    said, coded = set[str](), set[str]()
    for answer in found:
        if isinstance(answer.get("valueBoolean"), bool):
            said.add("yes" if answer["valueBoolean"] else "no")
        coding = answer.get("valueCoding")
        if coding is not None:
            coded |= reading.answers({"coding": [coding]}) | reading.concepts({"coding": [coding]})
        if isinstance(answer.get("valueString"), str):
            word = reading.terminology.answer_word(str(answer["valueString"]))
            coded |= {word} if word else set()
        value = reading.quantity(answer.get("valueQuantity"), concepts)
        amount = number(answer.get("valueDecimal", answer.get("valueInteger")))
        if value is None and amount is not None:
            value = Quantity(amount, "1")
        if value is not None:
            yield Observation(ref, concepts, status=final, when=when, value=reading.terminology.on_scale(value, concepts))
    if coded:
        yield Observation(ref, concepts, status=final, when=when, answers=frozenset(coded))
    yield Event(ref, "answer", concepts, status=status, when=when, origin=origin, tags=frozenset(said | coded))
