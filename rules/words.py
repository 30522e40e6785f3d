"""Conditions in plain words, for a reviewer: one phrase per condition, groups as nested lists.

The words follow the meanings in `rules/pathways/README.md`; a value set is named with what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rules.model import All, Any_, AtLeast, Derived, Leaf, Node, Not
from rules.patterns import predicate_of
from rules.terminology import Terminology

__all__ = ["PHRASES", "QUALIFIERS", "Said", "Words", "date_in_words", "fact_in_words", "thing_in_words"]

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)")
NAMED: Final = 5  # members of a value set that are named before "and n more"

PHRASES: Final[Mapping[str, str]] = {
    "diagnosis": "diagnosis: {}, active and not just suspected",
    "diagnosis_any": "diagnosis: {}, inactive or provisional ones too",
    "diagnosis_ever": "diagnosis at any time: {}",
    "condition": "entry on the problem list: {}",
    "symptom": "sign or symptom: {}",
    "no_symptom": "recorded as not there: {}",
    "med": "takes {}",
    "med_tail": "takes {}, or took it so lately that it still counts",
    "given": "was given {}",
    "stopped": "no longer takes {}",
    "failed": "{} failed: stopped after an adequate trial, or not tolerated",
    "draft": "being ordered now: {}",
    "planned": "among the other unsigned orders: {}",
    "stop_draft": "an order stops or more than halves {}",
    "lab": "latest result of {}",
    "change": "change of {}",
    "calc": "calculated {}",
    "done": "done: {}",
    "order": "ordered: {}",
    "appointment": "appointment booked: {}",
    "preparation": "being prepared: {}",
    "encounter": "visit: {}",
    "plan": "care plan, goal or flag: {}",
    "device": "device in use: {}",
    "answer": "answered question: {}",
    "gene": "genetic result: {}",
    "family": "family history: {}",
    "allergy": "allergy: {}",
    "declined": "declined: {}",
    "age_from": "age {} or older",
    "age_below": "younger than {}",
    "sex": "sex: {}",
    "hook": "the hook is {}",
    "region": "the site is in {}",
    "deceased": "has died: {}",
    "fact": "concluded: {}",
    "fires": "this rule fires: {}",
    "blocked": "a safety rule blocks {}",
}
"""Every predicate of the vocabulary; {} takes its value."""

QUALIFIERS: Final[Mapping[str, str]] = {
    "above": "above {}",
    "absolute": "as an absolute count: {}",
    "after_first": "not before the first {}",
    "after_last": "not before the last {}",
    "after_procedure": "on the day of {} or after it",
    "after_procedure_within": "at most {} after it",
    "changed_within": "recorded or changed in the last {}",
    "conclusion": "with the conclusion {}",
    "after_diagnosis": "after the diagnosis of {}",
    "after_diagnosis_over": "more than {} after it",
    "age_below": "younger than {}",
    "age_from": "{} or older",
    "ago": "at least {} ago",
    "ahead": "within the next {}",
    "answer": "answer {}",
    "apart": "values at least {} apart",
    "at_least": "at least {}",
    "at_least_times": "at least {} times",
    "at_most": "at most {}",
    "before_first": "before the first {}",
    "below": "below {}",
    "class": "class {}",
    "clinical": "clinical status {}",
    "copies_at_least": "at least {} copies",
    "copies_below": "fewer than {} copies",
    "crcl_within": "creatinine of the last {}",
    "days_above": "for more than {} days",
    "days_at_least": "for at least {} days",
    "days_at_most": "for at most {} days",
    "days_below": "for less than {} days",
    "dosing_days_above": "on more than {} days of a week",
    "differential": "differential diagnoses count: {}",
    "episodes_apart": "two episodes that began at least {} apart",
    "fall_at_least": "a fall of at least {}",
    "fall_per_month_at_least": "a fall of at least {} a month",
    "fall_percent_at_least": "a fall of at least {} %",
    "first_degree": "first-degree relative: {}",
    "relationship": "relationship {}",
    "from": "compared with the {} earlier value",
    "future": "a date still ahead: {}",
    "ingredients_at_least": "at least {} different drugs",
    "later_than": "later than every {}",
    "earlier_than": "earlier than the first {}",
    "earlier_by": "by at least {}",
    "mg_above": "above {} mg a day",
    "mg_at_least": "at least {} mg a day",
    "mg_at_most": "at most {} mg a day",
    "mg_below": "below {} mg a day",
    "mg_per_crcl_above": "above {} mg a day for each mL/min of creatinine clearance",
    "mg_per_kg_above": "above {} mg/kg a day",
    "mg_per_kg_at_least": "at least {} mg/kg a day",
    "mg_per_kg_at_most": "at most {} mg/kg a day",
    "mg_per_kg_below": "below {} mg/kg a day",
    "missing": "nothing on file counts as {}",
    "new": "not taken so far: {}",
    "not_coded": "not counting what is coded as {}",
    "not_route": "not by route {}",
    "onset_age_below": "onset younger than {}",
    "recorded_age_below": "recorded younger than {}",
    "onset_before": "onset more than {} ago",
    "onset_within": "onset in the last {}",
    "drafted": "an Appointment that is being booked counts: {}",
    "fulfilled": "an Appointment that was kept counts: {}",
    "or_recorded": "onset or date of recording: {}",
    "ordered_within": "ordered in the last {}",
    "over": "over {}",
    "first": "no earlier entry of the same disease: {}",
    "priority": "priority {}",
    "told": "a completed Communication about it counts: {}",
    "placed": "a completed Procedure without a stated end counts: {}",
    "pred_above": "above {} mg prednisone-equivalent a day",
    "pred_at_least": "at least {} mg prednisone-equivalent a day",
    "pred_at_most": "at most {} mg prednisone-equivalent a day",
    "pred_below": "below {} mg prednisone-equivalent a day",
    "pred_per_kg_above": "above {} mg/kg prednisone-equivalent a day",
    "pred_per_kg_at_least": "at least {} mg/kg prednisone-equivalent a day",
    "pred_per_kg_at_most": "at most {} mg/kg prednisone-equivalent a day",
    "pred_per_kg_below": "below {} mg/kg prednisone-equivalent a day",
    "not_reason": "not for {}",
    "reaction": "with the reaction {}",
    "reason": "for {}",
    "reason_is": "reason {}",
    "reason_outside": "for a reason other than {}",
    "reasons": "because {}",
    "recorded_within": "recorded in the last {}",
    "renewal": "already taken: {}",
    "result": "result {}",
    "rise_at_least": "a rise of at least {}",
    "rise_percent_at_least": "a rise of at least {} %",
    "rise_percent_above": "a rise of more than {} %",
    "route": "route {}",
    "same_limit": "{} for a result in that unit",
    "severity": "severity {}",
    "significance": "significance {}",
    "since_first": "since the first {}",
    "single": "a single dose: {}",
    "tapering": "in steps that lower the dose: {}",
    "status": "status {}",
    "tags": "with {}",
    "unit": "in {}",
    "disputed": "whose codings name diseases that exclude each other: {}",
    "unless_other": "with no other condition of this kind that counts: {}",
    "upper_limits_above": "above {} times the upper limit of normal",
    "verification": "verification status {}",
    "within": "in the last {}",
    "yes": "yes: {}",
}
"""Every qualifier of the vocabulary; {} takes its value."""


@dataclass(frozen=True, slots=True)
class Said:
    """One condition in words. A group has `parts`, and its text ends in a colon."""

    text: str
    parts: tuple[Said, ...] = ()


class Words:
    """Says the conditions of one rule with the labels of a terminology and the thresholds in force; what is in a value set is told once.

    `titles` are those of rules by their id, and of the one rule that concludes a fact by the fact's name.
    """

    def __init__(
        self, terminology: Terminology, thresholds: Mapping[str, str | int | float | bool], titles: Mapping[str, str] | None = None
    ) -> None:
        self.terminology = terminology
        self.thresholds = thresholds
        self.titles = titles or {}
        self._told: set[str] = set()

    def say(self, node: Node) -> Said:
        """One condition or group; never raises for a condition that was loaded."""
        match node:
            case Leaf():
                return Said(_answered(self._leaf(dict(node.table)), node.answers))
            case Derived(kind, name, answers):
                value = self.name(name) if kind == "blocked" else self._titled(name)
                return Said(_answered(PHRASES[kind].format(value), answers))
            case Not(part):
                inner = self.say(part)
                return Said(f"not {inner.text}" if inner.parts else f"not: {inner.text}", inner.parts)
            case All((part,)) | Any_((part,)):
                return self.say(part)
            case All(parts):
                return Said("all of these:", self.each(parts))
            case Any_(parts):
                return Said("at least one of these:", self.each(parts))
            case AtLeast(count, parts):
                return Said(f"at least {count} of these:", self.each(parts))

    def each(self, nodes: Iterable[Node]) -> tuple[Said, ...]:
        """Several conditions in their order."""
        return tuple(self.say(node) for node in nodes)

    def name(self, name: str) -> str:
        """A label; for a value set or class, the first time, also what is in it."""
        label = self.terminology.label(name)
        if not self.terminology.is_collection(name) or name in self._told:
            return label
        self._told.add(name)
        members = sorted({self.terminology.label(one) for one in self.terminology.expand(name) - {name}} - {label}, key=str.lower)
        if not members:
            return label
        more = len(members) - NAMED
        listed = ", ".join(members if more <= 0 else members[:NAMED])
        return f"{label} ({listed}{f' and {more} more' if more > 0 else ''})"

    def _titled(self, name: str) -> str:
        return f"{self.titles[name]} ({name})" if name in self.titles else name

    def _leaf(self, table: Mapping[str, object]) -> str:
        predicate = predicate_of(table)
        rest = {key: value for key, value in table.items() if key != predicate}
        unit = rest.pop("unit", None)
        said = [PHRASES[predicate].format(self._value(table[predicate]))]
        for key, value in rest.items():
            phrase = QUALIFIERS.get(key, key.replace("_", " ") + " {}")
            measured = unit is not None and (
                key in {"above", "at_least", "at_most", "below"} or key.endswith(("fall_at_least", "rise_at_least"))
            )
            said.append(
                phrase.removesuffix(": {}") if value is True else phrase.format(self._value(value) + (f" {unit}" if measured else ""))
            )
        return ", ".join(said)

    def _value(self, value: object) -> str:
        if isinstance(value, tuple | list):
            return " or ".join(self._value(one) for one in value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str) and value.startswith("@"):
            return f"{self.thresholds.get(value[1:], value)} (setting {value[1:]})"
        return self.name(value) if isinstance(value, str) else str(value)


KINDS: Final[Mapping[str, str]] = {
    "lab": "result", "calc": "calculated", "change": "change", "med": "medicine", "med_tail": "medicine until lately", "given": "given",
    "stopped": "stopped", "failed": "failed", "draft": "ordered now", "planned": "unsigned order", "stop_draft": "order that stops",
    "diagnosis_any": "diagnosis", "diagnosis_ever": "past or present diagnosis", "condition": "problem list entry",
    "symptom": "sign or symptom",
    "no_symptom": "recorded as not there", "gene": "gene", "family": "family history", "answer": "answer",
}  # fmt: skip
"""The kinds of facts that need another word than their own."""


def thing_in_words(name: str, terminology: Terminology) -> str:
    """What a fact or a gap is about: the labels of `lab:anti-achr, anti-musk` without the kind."""
    _, found, rest = name.partition(":")
    return ", ".join(terminology.label(one) for one in (rest if found else name).split(", "))


def date_in_words(fact: str, date: str | None) -> str:
    """The date of a fact for people, to the minute: 2026-11-25T09:00:00Z is "2026-11-25 09:00 UTC"; "" without one."""
    found = _MOMENT.fullmatch(date or "")
    said = f"{found[1]} {found[2]} {'UTC' if found[3] == 'Z' else found[3]}" if found else date or ""
    return f"born {said}" if fact == "age" and said else said


def fact_in_words(name: str, terminology: Terminology) -> str:
    """A fact or gap for a clinician: `lab:anti-achr` is "result: Acetylcholine receptor antibody"."""
    kind, found, _ = name.partition(":")
    thing = thing_in_words(name, terminology)
    return f"{KINDS.get(kind, kind.replace('_', ' '))}: {thing}" if found else thing


def _answered(text: str, answers: frozenset[str]) -> str:
    """`is` in front: which of the three values are asked for."""
    if not answers:
        return text
    if answers == {"present", "absent"}:
        return f"known, whether yes or no: {text}"
    if answers == {"present"}:
        return f"certainly: {text}"
    return f"{' or '.join(sorted(answers))}: {text}"
