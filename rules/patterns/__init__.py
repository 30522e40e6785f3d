"""The closed vocabulary: every predicate, its qualifiers, and how it is built (`rules/pathways/README.md`)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from rules.patterns import change, diagnosis, drugs, events, genes, labs, person, symptom
from rules.patterns.base import Builder, Context, Pattern, PatternError, Support, Verdict
from rules.patterns.index import RecordIndex

__all__ = [
    "ANSWERS",
    "DERIVED",
    "PREDICATES",
    "Context",
    "Pattern",
    "PatternError",
    "Predicate",
    "RecordIndex",
    "Support",
    "Verdict",
    "build",
    "predicate_of",
]

DERIVED = ("fact", "fires", "blocked")
ANSWERS = ("present", "absent", "unknown", "known")


@dataclass(frozen=True, slots=True)
class Predicate:
    """How to build one kind of condition, and which qualifiers it knows."""

    build: Builder
    qualifiers: frozenset[str]


def _registry() -> dict[str, Predicate]:
    table: dict[str, Predicate] = {}

    def add(name: str, builder: Builder, qualifiers: set[str] | frozenset[str]) -> None:
        table[name] = Predicate(builder, frozenset(qualifiers))

    for name, builder in (
        ("diagnosis", diagnosis.diagnosis),
        ("diagnosis_any", diagnosis.diagnosis_any),
        ("diagnosis_ever", diagnosis.diagnosis_ever),
    ):
        add(name, builder, diagnosis.DIAGNOSIS_QUALIFIERS)
    add("condition", diagnosis.condition, diagnosis.CONDITION_QUALIFIERS)
    add("symptom", symptom.symptom, symptom.SYMPTOM_QUALIFIERS)
    add("no_symptom", symptom.no_symptom, symptom.SYMPTOM_QUALIFIERS)
    for mode in ("med", "med_tail", "given", "stopped", "failed", "draft", "planned", "stop_draft"):
        add(mode, partial(drugs.build_drug, mode=mode), drugs.DRUG_QUALIFIERS)
    add("lab", labs.lab, labs.LAB_QUALIFIERS)
    add("change", change.change, change.CHANGE_QUALIFIERS)
    add("calc", labs.calc, labs.CALC_QUALIFIERS)
    add("gene", genes.gene, genes.GENE_QUALIFIERS)
    for name, qualifiers in events.EVENT_QUALIFIERS.items():
        add(name, partial(events.build_event, predicate=name), qualifiers)
    add("age_from", person.age, {"is", "age_below"})
    add("age_below", person.age, {"is", "age_from"})
    add("sex", person.sex, {"is"})
    add("hook", person.hook, {"is"})
    add("region", person.region, {"is"})
    add("deceased", person.deceased, {"is"})
    return table


PREDICATES: Mapping[str, Predicate] = _registry()


def predicate_of(table: Mapping[str, object]) -> str:
    """The predicate of a condition table: the one key that names one. Raises PatternError with a suggestion."""
    found = [key for key in table if key in PREDICATES or key in DERIVED]
    if {"age_from", "age_below"} <= set(found):
        return "age_from"
    if len(found) > 1:
        owners = [key for key in found if key in PREDICATES and set(found) - {key} <= PREDICATES[key].qualifiers]
        if len(owners) != 1:  # two predicates in one table would mix resources
            raise PatternError(f"found {' and '.join(sorted(found))} in one table, expected one predicate; use all = [...]")
        return owners[0]
    if not found:
        key = next(iter(table), "")
        near = difflib.get_close_matches(key, [*PREDICATES, *DERIVED], 1)
        raise PatternError(f"found {key!r}, expected a predicate" + (f", did you mean {near[0]!r}?" if near else ""))
    return found[0]


def build(context: Context, table: Mapping[str, object]) -> Pattern:
    """Build the pattern of one condition table; raises PatternError."""
    name = predicate_of(table)
    predicate = PREDICATES[name]
    for key in table:
        if key != name and key not in predicate.qualifiers:
            near = difflib.get_close_matches(key, predicate.qualifiers, 1)
            raise PatternError(
                f"{name}: found qualifier {key!r}, expected one of {', '.join(sorted(predicate.qualifiers))}"
                + (f", did you mean {near[0]!r}?" if near else "")
            )
    return predicate.build(context, table)
