"""Entries of a vignette's patient that are what a condition looks for, at its border and just beside it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from decimal import Decimal

from rules.fhir_date import Duration
from rules.knowledge import Knowledge
from rules.model import Leaf
from rules.patterns import predicate_of

__all__ = ["satisfying", "steps"]

SECTIONS = {
    **dict.fromkeys(("diagnosis", "diagnosis_any", "diagnosis_ever", "condition"), ("diagnoses",)),
    **dict.fromkeys(("symptom", "no_symptom"), ("findings",)),
    **dict.fromkeys(("med", "med_tail", "given", "stopped", "failed"), ("medications",)),
    "done": ("procedures", "imaging", "immunizations"),
    "lab": ("labs",), "answer": ("answers",), "order": ("orders",), "draft": ("drafts",), "planned": ("planned",), "plan": ("plans",),
    "encounter": ("encounters",), "appointment": ("appointments",), "preparation": ("procedures",),
    "device": ("devices",), "gene": ("genes",), "family": ("family",),
    "declined": ("consents",), "allergy": ("allergies",),
}  # fmt: skip
"""Sections that hold what a predicate looks for; conditions on calculated values and on changes have none of their own."""
CONCEPTS = 3
"""Concepts that are tried of those that a condition names, drawn anew each time."""
WHEN = {
    "within": "when",
    "onset_within": "onset",
    "onset_before": "onset",
    "recorded_within": "recorded",
    "changed_within": "changed",
    "older_by": "when",
}
DAYS = {"days_above", "days_at_least", "days_at_most", "days_below"}
COURSE = {"course_days_at_least", "course_days_at_most", "drug_days_at_least", "drug_days_at_most", "drug_days_below", "drug_days_above"}
AMOUNTS = {"mg_above", "mg_at_most", "pred_at_least", "pred_above"}
VALUES = {"above", "at_least", "at_most", "below"}
SAID = {"answer", "result", "significance", "severity", "verification", "clinical", "conclusion", "site", "unit", "status"}
Options = dict[str, list[object]]


def steps(number: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """The number, and one less and one more in its last place."""
    step = Decimal(1).scaleb(min(0, int(number.as_tuple().exponent)))
    return number - step, number, number + step


def satisfying(leaf: Leaf, knowledge: Knowledge, dice: random.Random) -> Iterator[tuple[str, dict[str, object]]]:
    """(section, entry) of what the condition looks for: plain, and with one date or number at and beside its limit."""
    table = dict(leaf.table)
    predicate = predicate_of(table)
    sections = SECTIONS.get(predicate, ())
    if not sections:
        return
    key = "gene" if predicate == "gene" else "concept"
    base: dict[str, object] = {"present": False} if predicate == "no_symptom" else {}
    if predicate == "stopped":
        base["status"] = "stopped"
    if predicate == "preparation":
        base["status"] = "preparation"
    if predicate == "answer" and table.get("yes") is False:
        base["yes"] = False
    options = _options(predicate, table, knowledge, dice)
    for concept in _concepts(table[predicate], knowledge, dice):
        chosen = {name: dice.choice(values) for name, values in options.items() if name not in {*WHEN.values(), "since"}}
        plain = {key: concept, **base, **chosen}
        for section in sections if predicate != "done" else (_kind_of_deed(concept),):
            yield section, plain
            for name, values in options.items():
                for value in values:
                    yield section, {**plain, name: value}


def _kind_of_deed(concept: str) -> str:
    if "vaccine" in concept or concept.startswith("imm("):
        return "immunizations"
    return "imaging" if concept.startswith("img(") else "procedures"


def _concepts(named: object, knowledge: Knowledge, dice: random.Random) -> list[str]:
    names = [str(one) for one in (named if isinstance(named, tuple) else (named,))]
    found = dict.fromkeys(names)
    for name in names:
        found.update(dict.fromkeys(sorted(knowledge.terminology.expand(name))))
    whole = [name for name in found if not knowledge.terminology.is_collection(name)] or list(found)
    return whole if len(whole) <= CONCEPTS else dice.sample(whole, CONCEPTS)


def _options(predicate: str, table: Mapping[str, object], knowledge: Knowledge, dice: random.Random) -> Options:
    options: Options = {}
    for key, value in table.items():
        raw = knowledge.site.thresholds.get(value[1:]) if isinstance(value, str) and value.startswith("@") else value
        if key in WHEN and isinstance(raw, str):
            length = Duration.parse(raw)
            name = "until" if predicate == "stopped" else WHEN[key]
            near = [Duration(length.count + step, length.unit) for step in (0, 1, -1) if length.count + step >= 0]
            options.setdefault(name, []).extend(f"-{one}" for one in near)
        elif isinstance(raw, int | float) and not isinstance(raw, bool):
            numbers = [int(one) if one == one.to_integral_value() else float(one) for one in steps(Decimal(str(raw)))]
            _number(key, numbers, table, options)
        elif key in {"reason", "not_reason", "reason_outside", "reaction"}:
            options["reaction" if key == "reaction" else "reason"] = list(_concepts(value, knowledge, dice))
        elif key in SAID and key != predicate:
            options[key] = list(value) if isinstance(value, tuple) else [value]
        elif key == "reasons":
            options["status_reason"] = list(value) if isinstance(value, tuple) else [value]
        elif key == "single":
            options["single"] = [True]
    return options


def _number(key: str, numbers: list[int | float], table: Mapping[str, object], options: Options) -> None:
    if key == "upper_limits_above":
        options["value"] = [round(one * 200, 3) for one in numbers]
        options.update(unit=["U/L"], low=[1], high=[200])
    elif key in VALUES:
        options.setdefault("copies" if "gene" in table else "value", []).extend(numbers)
    elif key in DAYS:
        options.setdefault("days", []).extend(numbers)
    elif key in COURSE:
        options.setdefault("since", []).extend(f"-{int(one)} days" for one in numbers)
    elif key in AMOUNTS:
        options.setdefault("mg_per_day", []).extend(numbers)
