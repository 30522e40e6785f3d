"""What rules read and no official code records: which FHIR element reads it, with which units and answers. Worked out from the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rules.knowledge import Knowledge
from rules.model import Leaf, nodes_of
from rules.patterns import predicate_of
from rules.patterns.when import COMPARATORS
from rules.tables import rows
from rules.terminology import Terminology

__all__ = ["ELEMENTS", "GIVEN", "Input", "groups", "inputs", "without_code", "words"]

_DRUG: Final = "MedicationRequest.medication[x]"
_SERVICE: Final = "ServiceRequest.code"
ELEMENTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("diagnosis", "diagnosis_any", "diagnosis_ever", "condition"), "Condition.code"),
    **dict.fromkeys(("symptom", "no_symptom"), "Condition.code or Observation.code"),
    **dict.fromkeys(("med", "med_tail", "given", "stopped", "failed", "draft", "planned", "stop_draft"), _DRUG),
    **dict.fromkeys(("lab", "change"), "Observation.code"),
    "gene": "Observation.component.valueCodeableConcept",
    "done": "Procedure.code, DiagnosticReport.code or ImagingStudy.procedureCode",
    **dict.fromkeys(("order", "declined"), _SERVICE),
    "appointment": "Appointment.serviceType",
    "preparation": "Procedure.code",
    "encounter": "Encounter.serviceType",
    "plan": "CarePlan.category, Goal.description or Flag.code",
    "device": "Device.type",
    "answer": "Observation.code",
    "family": "FamilyMemberHistory.condition.code",
    "allergy": "AllergyIntolerance.code",
}
"""Where a resource carries the code that a condition looks for."""
GIVEN: Final = frozenset({"any", "goal"})
"""Concepts that extraction gives by the type of a resource (every Encounter and Appointment, every Goal): they need no code."""
_YES_NO: Final = frozenset({"answer", "symptom", "no_symptom"})
_RESULTS: Final = ("positive", "negative", "indeterminate")


@dataclass(frozen=True, slots=True)
class Input:
    """One name without an official code, and how rules read it."""

    name: str
    label: str
    kind: str
    predicates: frozenset[str]
    numeric: bool
    units: tuple[str, ...]
    """UCUM codes that the rules compare it in; empty: a bare number."""
    options: tuple[str, ...]
    """Our words for the coded answers that rules tell apart, and those of the same family."""
    rules: tuple[str, ...]
    group: str
    """The questionnaire that data puts it in; empty: the one of its kind."""

    @property
    def questionnaire(self) -> str | None:
        """The id of the published Questionnaire that has an item for it."""
        if self.item_type is None:
            return None
        if self.group:
            return self.group
        return "results" if self.item_type != "boolean" else "questions" if "answer" in self.predicates else "findings"

    @property
    def elements(self) -> tuple[str, ...]:
        """The FHIR elements that record it, with our code or a mapped one."""
        drug = self.kind == "medication"
        return tuple(dict.fromkeys(found if (found := ELEMENTS[name]) != _DRUG or drug else _SERVICE for name in sorted(self.predicates)))

    @property
    def item_type(self) -> str | None:
        """The type of a questionnaire item that records it (R4 QuestionnaireItemType); None when only a resource can."""
        if self.numeric:
            return "quantity" if self.units else "decimal"
        if self.options:
            return "choice"
        return "boolean" if self.predicates & _YES_NO else None


def without_code(terminology: Terminology) -> tuple[str, ...]:
    """Every name that no official code records, neither as what is asked nor as an answer; sorted."""
    return tuple(name for name in terminology.unresolved() if name not in GIVEN and terminology.answer_coding(name) is None)


def inputs(knowledge: Knowledge) -> tuple[Input, ...]:
    """Every name that an active rule asks for and no official code reaches, sorted."""
    unresolved = frozenset(without_code(knowledge.terminology))
    found: dict[str, list[tuple[str, str, Mapping[str, object]]]] = {}
    for rule in knowledge.rules:
        for leaf in (node for node in nodes_of(rule) if isinstance(node, Leaf)):
            table = dict(leaf.table)
            predicate = predicate_of(table)
            for name in words(table[predicate]):
                if name in unresolved and predicate in ELEMENTS:
                    found.setdefault(name, []).append((rule.id, predicate, table))
    return tuple(_input(knowledge, name, found[name]) for name in sorted(found))


def groups() -> dict[str, str]:
    """Every questionnaire's id and title: those of questionnaires.csv, then one for each kind of input."""
    named = {row["questionnaire"]: row["title"] for row in rows("questionnaires.csv")}
    return {**named, "results": "Test results", "questions": "Questions with yes or no", "findings": "Findings with yes or no"}


def words(value: object) -> tuple[str, ...]:
    """One text or a list of them, as a condition may give it."""
    many = value if isinstance(value, list | tuple) else (value,)
    return tuple(one for one in many if isinstance(one, str))


def _input(knowledge: Knowledge, name: str, asked: Iterable[tuple[str, str, Mapping[str, object]]]) -> Input:
    tables = [(predicate, table) for _, predicate, table in asked]
    results = [table for predicate, table in tables if predicate in ("lab", "change")]
    terminology = knowledge.terminology
    label = terminology.label(name)
    return Input(
        name=name,
        label=label if label != name else name.replace("-", " ").capitalize(),
        kind=terminology.kind(name) or "",
        predicates=frozenset(predicate for predicate, _ in tables),
        numeric=any(predicate == "change" or table.keys() & COMPARATORS for predicate, table in tables if predicate in ("lab", "change")),
        units=tuple(sorted({str(table["unit"]) for table in results if "unit" in table} - {"1"})),
        options=_options(knowledge, results, bool(_YES_NO.intersection(predicate for predicate, _ in tables))),
        rules=tuple(sorted({rule for rule, _, _ in asked})),
        group=next((row["questionnaire"] for row in rows("questionnaires.csv") if row["name"] == name), ""),
    )


def _options(knowledge: Knowledge, results: Iterable[Mapping[str, object]], yes_no: bool) -> tuple[str, ...]:
    """The answers that rules wait for, then the rest of their family, so that every true answer can be given."""
    terminology = knowledge.terminology
    results = tuple(results)
    told = {word for table in results for word in words(table.get("answer", ()))}
    found = [word for word in sorted(told) if terminology.is_answer(word) or terminology.kind(word) == "answer"]
    if any(table.get("result") in _RESULTS for table in results) or "negative" in found:
        found += _RESULTS
    if found and (yes_no or "no" in found):
        found += ("yes", "no")
    named = [word for word in found if word not in (*_RESULTS, "yes", "no")]
    known = sorted({*terminology.of_kind("answer"), *terminology.answer_words()})
    return tuple(dict.fromkeys((*sorted({*named, *_family(named, known)}), *found)))


def _family(named: list[str], known: Iterable[str]) -> list[str]:
    """Answers whose names begin (child-pugh-a) or end (poor-metaboliser) like all of those named."""
    parts = [word.split("-") for word in named]
    if not parts:
        return []
    start = 0
    while all(len(one) > start + 1 and one[start] == parts[0][start] for one in parts):
        start += 1
    if start:
        return [word for word in known if word.split("-")[:start] == parts[0][:start] and len(word.split("-")) > start]
    if all(len(one) > 1 and one[-1] == parts[0][-1] for one in parts):
        return [word for word in known if "-" in word and word.split("-")[-1] == parts[0][-1]]
    return []
