"""Vignettes that would notice survivors, found by changing the rule's own vignettes a little.

What a proposed vignette expects is what the rule does today. So it guards against change; that the rule is right today is for the reader
to judge, who should look at each against the specification before it goes into the rule file.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rules.check import problem_of
from rules.fhir_date import Duration
from rules.findings import Finding
from rules.model import Leaf, Rule, Vignette, nodes_of
from tools.mutate.mutants import Mutant
from tools.mutate.trial import Case, Trial

__all__ = ["Pool", "propose", "toml_of"]

Patient = dict[str, object]
Change = tuple[str, Patient, str]
"""What was changed, the patient, the hook."""
DATES = ("when", "since", "until", "onset", "recorded", "date", "abated")
NUMBERS = ("value", "copies", "mg_per_day", "mg_per_kg_day", "days", "dosing_days")
DAYS = {"minute": 0, "hour": 0, "day": 1, "week": 7, "month": 30, "year": 365}


class Pool:
    """Entries of all vignettes by the concept that they are about: what a rule's patient may also have."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.entries: dict[str, dict[tuple[str, str], object]] = {}
        for rule in rules:
            for vignette in rule.vignettes:
                for section, entry in _entries(vignette.patient):
                    self.entries.setdefault(_concept(entry), {}).setdefault((section, repr(entry)), entry)

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
    for age in limits.ages:
        for step in (-1, 0, 1):
            if age.count + step >= 0:
                text = str(Duration(age.count + step, age.unit))
                yield f"aged {text}", {**base, "age": text}, hook
    if "age" in base:
        yield "age not known", {name: value for name, value in base.items() if name != "age"}, hook
    for gender in ("female", "male"):
        if base.get("gender") != gender:
            yield gender, {**base, "gender": gender}, hook
    for section, place, entry in _placed(base):
        about = f"{_concept(entry)}"
        yield f"without {about}", _put(base, section, place, None), hook
        table = dict(entry) if isinstance(entry, Mapping) else {"gene" if section == "genes" else "concept": entry}
        for key, value, words in _varied(table, section, limits, _amounts(base)):
            yield f"{about} {words}", _put(base, section, place, {**table, key: value}), hook
        for key in table:
            if key not in {"concept", "gene", "kind", "type"}:
                yield f"{about} without {key}", _put(base, section, place, {k: v for k, v in table.items() if k != key}), hook
    for names in limits.names:
        for section, entry in pool.about(names, dice, 4):
            listed = base.get(section, [])
            yield f"also {_concept(entry)}", {**base, section: [*(listed if isinstance(listed, list) else []), entry]}, hook


def _amounts(patient: Patient) -> tuple[Decimal, ...]:
    """Values of the patient's results: a threshold may be a share of one, or be meant per kg of the weight."""
    values = [entry.get("value") for _, entry in _entries(patient) if isinstance(entry, Mapping)]
    return tuple(Decimal(str(one)) for one in values if isinstance(one, int | float) and not isinstance(one, bool))


def _varied(
    table: Mapping[str, object], section: str, limits: Limits, amounts: tuple[Decimal, ...]
) -> Iterator[tuple[str, object, str]]:
    for key in DATES:
        if key in table or (key == "when" and section not in {"medications", "drafts", "planned", "diagnoses", "allergies", "family", "genes"}) or (
            key == "since" and section == "medications"
        ) or (key in {"onset", "recorded"} and section == "diagnoses"):
            ahead = isinstance(value := table.get(key), str) and value.startswith("+")
            for length in limits.lengths:
                for step in (-1, 0, 1):
                    if length.count + step > 0:
                        text = f"{'+' if ahead else '-'}{Duration(length.count + step, length.unit)}"
                        yield key, text, f"{key} {text}"
    for key in NUMBERS:
        if key in table or (key in {"mg_per_day", "days"} and section in {"medications", "drafts"}):
            for number in limits.numbers:
                step = Decimal(1).scaleb(min(0, int(number.as_tuple().exponent)))
                plainly = [number - step, number, number + step]
                shares = [one * amount / per for one in plainly for amount in amounts for per in (100, 1000)] if key == "value" else []
                for moved in (*plainly, *shares):
                    plain = int(moved) if moved == moved.to_integral_value() else float(moved)
                    if _plausible(plain, table.get(key)):
                        yield key, plain, f"{key} {plain}"
    if section == "diagnoses":
        for word in ("provisional", "refuted", "entered-in-error", "differential"):
            yield "verification", word, word
        for word in ("resolved", "inactive", "remission"):
            yield "clinical", word, word
    if section == "medications":
        yield "status", "stopped", "stopped"


def _plausible(new: float, old: object) -> bool:
    """Not far from what stands there: a vital capacity of 70 L teaches nobody."""
    if not isinstance(old, int | float) or isinstance(old, bool) or old == 0:
        return new >= 0
    return 0.2 <= new / old <= 5


def _entries(patient: Mapping[str, object]) -> Iterator[tuple[str, object]]:
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


def _concept(entry: object) -> str:
    if isinstance(entry, Mapping):
        return str(entry.get("concept") or entry.get("gene") or entry.get("name") or entry.get("code"))
    return str(entry)


def stated(vignette: Vignette, finding: Finding | None) -> Vignette:
    """The vignette with everything that a vignette can state of what the rule does."""
    if finding is None:
        return replace(vignette, expect="silent")
    blocks = tuple(
        step.concluded.removeprefix("blocked:") for step in finding.chain if step.rule == finding.rule.id and step.concluded.startswith("blocked:")
    )
    return replace(
        vignette,
        expect="asks" if finding.asks else "fires",
        branches=finding.branches,
        indicator=finding.indicator,
        suggests=tuple(one.concept for one in finding.suggestions if one.concept),
        blocks=blocks,
    )


def propose(trial: Trial, alive: Sequence[Mutant], pool: Pool, seconds: float, seed: str) -> list[Vignette]:
    """Few vignettes that catch as many of `alive` as are found in so much CPU time; a fifth of it without success ends the search."""
    dice = random.Random(seed)  # noqa: S311 - a search, not a secret
    limits = limits_of(trial.rule, trial)
    left = list(alive)
    benches = {id(mutant): trial.bench(mutant) for mutant in left}
    kept: list[Case] = []
    until = time.process_time() + seconds
    given_up = time.process_time() + seconds / 5
    known = {repr((one.patient, one.hook)) for one in trial.rule.vignettes}
    names = {one.name for one in trial.rule.vignettes}
    for words, vignette in _stream(trial, limits, pool, dice):
        if not left or time.process_time() > min(until, given_up):
            break
        key = repr((vignette.patient, vignette.hook))
        if key in known:
            continue
        known.add(key)
        try:
            case = trial.case(replace(vignette, name=_fresh(words, names)))
        except ValueError:
            continue
        finding = trial.finding(None, case)
        case = replace(case, vignette=stated(case.vignette, finding))
        caught = [mutant for mutant in left if trial.differs(mutant, case) and _catches(trial, benches[id(mutant)], case)]
        if caught:
            names.add(case.vignette.name)
            kept.append(case)
            left = [mutant for mutant in left if mutant not in caught]
            given_up = time.process_time() + seconds / 5
    return [case.vignette for case in _few(trial, [one for one in alive if one not in left], benches, kept)]


def _catches(trial: Trial, bench: object, case: Case) -> bool:
    return bench is None or bool(problem_of(case.vignette, trial.finding(bench, case)))


def _few(trial: Trial, caught: Sequence[Mutant], benches: Mapping[int, object], kept: Sequence[Case]) -> list[Case]:
    """Only the cases that are needed: each time the one that catches most of the rest."""
    reach = {
        place: {id(one) for one in caught if trial.differs(one, case) and _catches(trial, benches[id(one)], case)}
        for place, case in enumerate(kept)
    }
    left, chosen = {id(one) for one in caught}, list[int]()
    while left:
        best = max(reach, key=lambda place: (len(reach[place] & left), -place))
        if not reach[best] & left:
            break
        chosen.append(best)
        left -= reach[best]
    return [kept[place] for place in sorted(chosen)]


def _stream(trial: Trial, limits: Limits, pool: Pool, dice: random.Random) -> Iterator[tuple[str, Vignette]]:
    """The rule's own vignettes, stated in full; then with one change, then with two and three at random."""
    bases = list(trial.rule.vignettes)
    for base in bases:  # pinned under another name only when nothing else will do: the text of a patient may not repeat
        for words, patient, hook in changes(dict(base.patient), base.hook, trial.rule, limits, pool, dice):
            yield f"{base.name}; {words}", replace(_plain(base), patient=patient, hook=hook)
    while bases:
        base = dice.choice(bases)
        patient, hook, said = dict(base.patient), base.hook, list[str]()
        for _ in range(dice.choice((2, 2, 2, 3, 3, 4))):
            options = list(changes(patient, hook, trial.rule, limits, pool, dice))
            if not options:
                break
            words, patient, hook = dice.choice(options)
            said.append(words)
        yield f"{base.name}; {', '.join(said)}", replace(_plain(base), patient=patient, hook=hook)


def _plain(base: Vignette) -> Vignette:
    return Vignette(base.name, base.on, base.hook, base.patient, "silent")


def _fresh(words: str, names: set[str]) -> str:
    name, number = words, 1
    while name in names:
        number += 1
        name = f"{words} ({number})"
    return name


def toml_of(vignette: Vignette) -> str:
    """The vignette as it stands in a rule file."""
    lines = [
        "",
        "[[vignette]]",
        f"name = {_toml(vignette.name)}",
        f"on = {vignette.on.isoformat()}",
        f"hook = {_toml(vignette.hook)}",
        f"patient = {_toml(vignette.patient)}",
        f"expect = {_toml(vignette.expect)}",
    ]
    for key in ("branches", "indicator", "suggests", "blocks"):
        if value := getattr(vignette, key):
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
