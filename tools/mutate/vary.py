"""Small changes of a vignette's patient, near what a rule looks at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rules.fhir_date import Duration
from rules.model import Leaf, Rule, nodes_of
from tools.mutate.trial import Trial

__all__ = ["Change", "Limits", "Patient", "Pool", "changes", "limits_of"]

Patient = dict[str, object]
Change = tuple[str, Patient, str]
"""What was changed, the patient, the hook."""
DATES = ("when", "since", "until", "onset", "recorded", "date", "abated")
EVENTS = {
    "findings", "labs", "procedures", "imaging", "reports", "immunizations", "encounters", "orders", "appointments", "plans", "answers",
}  # fmt: skip
DATED = {
    "when": EVENTS,
    "since": {"medications"},
    "onset": {"diagnoses"},
    "recorded": {"diagnoses"},
}
"""Sections whose entries have the date even when the vignette does not write it."""
NUMBERS = ("value", "copies", "mg_per_day", "mg_per_kg_day", "days", "dosing_days")
STATUSES = {
    "diagnoses": (
        *(("verification", word) for word in ("provisional", "refuted", "entered-in-error", "differential")),
        *(("clinical", word) for word in ("resolved", "inactive", "remission")),
    ),
    "medications": (("status", "stopped"),),
}


class Pool:
    """Entries of all vignettes by the concept that they are about: what a rule's patient may also have."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.entries: dict[str, dict[tuple[str, str], object]] = {}
        for rule in rules:
            for vignette in rule.vignettes:
                for section, entry in entries(vignette.patient):
                    self.entries.setdefault(concept_of(entry), {}).setdefault((section, repr(entry)), entry)

    def about(self, names: frozenset[str], dice: random.Random, most: int) -> list[tuple[str, object]]:
        """Up to `most` entries about any of these concepts."""
        found = [(section, entry) for name in sorted(names & self.entries.keys()) for (section, _), entry in self.entries[name].items()]
        return dice.sample(found, min(most, len(found)))


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers and lengths that a rule compares with, and the concepts that it reads."""

    lengths: tuple[Duration, ...]
    ages: tuple[Duration, ...]
    numbers: tuple[Decimal, ...]
    names: tuple[frozenset[str], ...]


def limits_of(rule: Rule, trial: Trial) -> Limits:
    """All of a rule's branches."""
    lengths: dict[Duration, None] = {}
    ages: dict[Duration, None] = {}
    numbers: dict[Decimal, None] = {}
    names: dict[frozenset[str], None] = {}
    settings = trial.knowledge.site.thresholds
    for node in nodes_of(replace(rule, card=None)):
        if not isinstance(node, Leaf):
            continue
        triggers = trial.knowledge.patterns[Leaf(node.table, node.lifelong)].triggers
        if triggers:
            names[triggers] = None
        for key, value in node.table:
            raw = settings.get(value[1:]) if isinstance(value, str) and value.startswith("@") else value
            if isinstance(raw, str):
                try:
                    (ages if "age" in key.split("_") else lengths)[Duration.parse(raw)] = None
                except ValueError:
                    continue
            elif isinstance(raw, int | float) and not isinstance(raw, bool):
                numbers[Decimal(str(raw))] = None
    return Limits(tuple(lengths), tuple(ages), tuple(numbers), tuple(names))


def changes(base: Patient, hook: str, rule: Rule, limits: Limits, pool: Pool, dice: random.Random) -> Iterator[Change]:
    """One small change each."""
    for other in (*sorted(rule.hooks), "encounter-start"):
        if other != hook:
            yield f"on {other}", base, other
    for age in _near(limits.ages, least=0):
        yield f"aged {age}", {**base, "age": str(age)}, hook
    if "age" in base:
        yield "age not known", {name: value for name, value in base.items() if name != "age"}, hook
    for gender in ("female", "male"):
        if base.get("gender") != gender:
            yield gender, {**base, "gender": gender}, hook
    for words, patient in _entry_changes(base, limits):
        yield words, patient, hook
    for names in limits.names:
        for section, entry in pool.about(names, dice, 4):
            listed = base.get(section, [])
            yield f"also {concept_of(entry)}", {**base, section: [*(listed if isinstance(listed, list) else []), entry]}, hook


def _entry_changes(base: Patient, limits: Limits) -> Iterator[tuple[str, Patient]]:
    for section, place, entry in _placed(base):
        about = f"{concept_of(entry)}"
        yield f"without {about}", _put(base, section, place, None)
        table = dict(entry) if isinstance(entry, Mapping) else {"gene" if section == "genes" else "concept": entry}
        for key, value, words in _varied(table, section, limits, _amounts(base)):
            yield f"{about} {words}", _put(base, section, place, {**table, key: value})
        for key in table:
            if key not in {"concept", "gene", "kind", "type"}:
                yield f"{about} without {key}", _put(base, section, place, {k: v for k, v in table.items() if k != key})


def _amounts(patient: Patient) -> tuple[Decimal, ...]:
    """Values of the patient's results: a threshold may be a share of one, or be meant per kg of the weight."""
    values = [entry.get("value") for _, entry in entries(patient) if isinstance(entry, Mapping)]
    return tuple(Decimal(str(one)) for one in values if isinstance(one, int | float) and not isinstance(one, bool))


def _varied(table: Mapping[str, object], section: str, limits: Limits, amounts: tuple[Decimal, ...]) -> Iterator[tuple[str, object, str]]:
    """(key, value, in words) for dates, numbers and statuses near what the rule compares with."""
    for key in DATES:
        if key in table or section in DATED.get(key, ()):
            ahead = isinstance(value := table.get(key), str) and value.startswith("+")
            for length in _near(limits.lengths, least=1):
                text = f"{'+' if ahead else '-'}{length}"
                yield key, text, f"{key} {text}"
    for key in NUMBERS:
        if key in table or (key in {"mg_per_day", "days"} and section in {"medications", "drafts"}):
            for plain in _numbers(limits, amounts if key == "value" else ()):
                if _plausible(plain, table.get(key)):
                    yield key, plain, f"{key} {plain}"
    for key, word in STATUSES.get(section, ()):
        yield key, word, word


def _near(lengths: Sequence[Duration], least: int) -> Iterator[Duration]:
    for length in lengths:
        for step in (-1, 0, 1):
            if length.count + step >= least:
                yield Duration(length.count + step, length.unit)


def _numbers(limits: Limits, amounts: tuple[Decimal, ...]) -> Iterator[int | float]:
    for number in limits.numbers:
        step = Decimal(1).scaleb(min(0, int(number.as_tuple().exponent)))
        near = (number - step, number, number + step)
        for moved in (*near, *(one * amount / per for one in near for amount in amounts for per in (100, 1000))):
            yield int(moved) if moved == moved.to_integral_value() else float(moved)


def _plausible(new: float, old: object) -> bool:
    """Not far from what stands there: a vital capacity of 70 L teaches nobody."""
    if not isinstance(old, int | float) or isinstance(old, bool) or old == 0:
        return new >= 0
    return 0.2 <= new / old <= 5


def entries(patient: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for section, value in patient.items():
        if isinstance(value, list) and section != "unread":
            for entry in value:
                yield section, entry


def _placed(patient: Patient) -> Iterator[tuple[str, int, object]]:
    for section, value in patient.items():
        if isinstance(value, list) and section != "unread":
            for place, entry in enumerate(value):
                yield section, place, entry


def _put(patient: Patient, section: str, place: int, entry: object) -> Patient:
    listed = patient[section]
    rest = list(listed) if isinstance(listed, list) else []
    rest[place : place + 1] = [] if entry is None else [entry]
    return {name: rest if name == section else value for name, value in patient.items() if name != section or rest}


def concept_of(entry: object) -> str:
    if isinstance(entry, Mapping):
        return str(entry.get("concept") or entry.get("gene") or entry.get("name") or entry.get("code"))
    return str(entry)
