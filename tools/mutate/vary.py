"""Small changes of a vignette's patient, near what a rule looks at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rules.fhir_date import Duration
from rules.model import BORROWING, Leaf, Rule, nodes_of
from tools.mutate.satisfy import satisfying, steps
from tools.mutate.trial import Trial

__all__ = ["Change", "Limits", "Patient", "Pool", "changes", "in_words", "leaves_of", "limits_of", "satisfied", "smaller"]

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
MOVES = {"drafts": ("medications", "planned"), "medications": ("drafts",), "planned": ("drafts",), "orders": ("drafts", "appointments")}
"""Where an entry may stand instead."""
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
    """The conditions that the search is about, the numbers and lengths that they compare with, and the concepts and resources they read."""

    leaves: tuple[Leaf, ...]
    reads: tuple[str, ...]
    lengths: tuple[Duration, ...]
    ages: tuple[Duration, ...]
    numbers: tuple[Decimal, ...]
    names: tuple[frozenset[str], ...]


def leaves_of(rule: Rule) -> list[Leaf]:
    """The conditions of all branches, each once."""
    return list(dict.fromkeys(node for node in nodes_of(replace(rule, card=None)) if isinstance(node, Leaf)))


def limits_of(leaves: Sequence[Leaf], trial: Trial) -> Limits:
    """What these conditions compare with."""
    lengths: dict[Duration, None] = {}
    ages: dict[Duration, None] = {}
    numbers: dict[Decimal, None] = {}
    names: dict[frozenset[str], None] = {}
    settings = trial.knowledge.site.thresholds
    reads: dict[str, None] = {}
    for node in leaves:
        pattern = trial.knowledge.patterns[Leaf(node.table, node.lifelong)]
        reads |= dict.fromkeys(sorted(pattern.reads))
        triggers = pattern.triggers
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
                if "days" in key and raw > 0:
                    lengths[Duration(round(raw), "day")] = None
    return Limits(tuple(leaves), tuple(reads), tuple(lengths), tuple(ages), tuple(numbers), tuple(names))


def changes(base: Patient, hook: str, trial: Trial, limits: Limits, pool: Pool, dice: random.Random) -> Iterator[Change]:
    """One small change each."""
    rule = trial.rule
    for other in (*sorted(rule.hooks), *sorted(BORROWING)):
        if other != hook:
            yield f"on {other}", base, other
    for words, patient in (*_person(base, limits, trial.year), *_entry_changes(base, limits)):
        yield words, patient, hook
    for names in limits.names:
        for section, entry in pool.about(names, dice, 4):
            listed = base.get(section, [])
            yield f"also {concept_of(entry)}", {**base, section: [*(listed if isinstance(listed, list) else []), entry]}, hook
    for words, patient in satisfied(base, limits.leaves, trial, dice):
        yield words, patient, hook
    for name, patient in _unread(base, limits):
        yield f"{name} not read", patient, hook


def _person(base: Patient, limits: Limits, year: int) -> Iterator[tuple[str, Patient]]:
    ageless = {name: value for name, value in base.items() if name not in {"age", "birth"}}
    for age in _near(limits.ages, least=0):
        yield f"aged {age}", {**ageless, "age": str(age)}
        if age.unit == "year":
            yield f"born in {year - age.count}", {**ageless, "birth": str(year - age.count)}
    if "age" in base:
        yield "age not known", ageless
    for gender in ("female", "male"):
        if base.get("gender") != gender:
            yield gender, {**base, "gender": gender}


def _unread(base: Patient, limits: Limits) -> Iterator[tuple[str, Patient]]:
    unread = base.get("unread", [])
    known = list(unread) if isinstance(unread, list) else []
    for name in limits.reads:
        if name not in known:
            yield name, {**base, "unread": [*known, name]}


def satisfied(base: Patient, leaves: Sequence[Leaf], trial: Trial, dice: random.Random) -> Iterator[tuple[str, Patient]]:
    """What a condition looks for, as one entry more and in the place of each other entry of its section."""
    for leaf in leaves:
        for section, entry in satisfying(leaf, trial.knowledge, dice):
            listed = base.get(section, [])
            rest = listed if isinstance(listed, list) else []
            words = " ".join([concept_of(entry), *(f"{key} {value}" for key, value in entry.items() if key not in {"concept", "gene"})])
            yield f"also {words}", {**base, section: [*rest, entry]}
            for place, old in enumerate(rest):
                if old != entry:
                    yield f"{words} for {concept_of(old)}", _put(base, section, place, entry)


def _entry_changes(base: Patient, limits: Limits) -> Iterator[tuple[str, Patient]]:
    for section, place, entry in _placed(base):
        about = f"{concept_of(entry)}"
        yield f"without {about}", _put(base, section, place, None)
        for other in MOVES.get(section, ()):
            there = base.get(other, [])
            past = {"status", "since", "until"}
            kept = {key: value for key, value in entry.items() if key not in past} if isinstance(entry, Mapping) else entry
            yield f"{about} in {other}", _put({**base, other: [*(there if isinstance(there, list) else []), kept]}, section, place, None)
        table = dict(entry) if isinstance(entry, Mapping) else {"gene" if section == "genes" else "concept": entry}
        for key, value, words in _varied(table, section, limits, _amounts(base)):
            yield f"{about} {words}", _put(base, section, place, {**table, key: value})
        for length in _near(limits.lengths, least=1) if "when" in table or section in EVENTS else ():
            listed = base[section]
            again = [*(listed if isinstance(listed, list) else []), {**table, "when": f"-{length}"}]
            yield f"{about} again -{length}", {**base, section: again}
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
        near = steps(number)
        shares = [one * amount / per for one in near for amount in amounts for per in (100, 1000)]
        changed = [amount + sign * part for one in near for amount in amounts for part in (one, one * amount / 100) for sign in (-1, 1)]
        for moved in (*near, *shares, *changed):
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


def smaller(patient: Patient) -> Iterator[Patient]:
    """The patient without one entry, without one word of one entry, and with one more resource type read."""
    for section, place, entry in _placed(patient):
        yield _put(patient, section, place, None)
        table = entry if isinstance(entry, Mapping) else {}
        for key in table:
            if key not in {"concept", "gene", "unit"}:
                rest = {name: value for name, value in table.items() if name not in ({"value", "unit"} if key == "value" else {key})}
                yield _put(patient, section, place, rest["concept"] if set(rest) == {"concept"} else rest)
    unread = patient.get("unread")
    for name in unread if isinstance(unread, list) else ():
        others = [other for other in unread if other != name] if isinstance(unread, list) else []
        yield {key: others if key == "unread" else value for key, value in patient.items() if key != "unread" or others}


def in_words(patient: Patient, hook: str) -> str:
    """A patient as the name of a vignette."""
    said = [
        hook,
        str(patient.get("gender", "sex unknown")),
        f"aged {patient['age']}" if "age" in patient else f"born in {patient.get('birth', 'no known year')}",
    ]
    for section, entry in entries(patient):
        where = [section] if section in {"drafts", "planned", "orders", "allergies", "family"} else []
        more = [str(value) for key, value in entry.items() if key not in {"concept", "gene"}] if isinstance(entry, Mapping) else []
        said.append(" ".join([*where, concept_of(entry), *more]))
    unread = patient.get("unread")
    said += [f"{name} not read" for name in unread] if isinstance(unread, list) else []
    return ", ".join(said)
