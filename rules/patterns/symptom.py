"""Symptoms and signs, and their recorded absence: what Conditions, exam Observations and answers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rules.facts import NEVER, UNREADABLE, Condition, Event, Observation, Presence
from rules.fhir_date import Duration
from rules.findings import NotChecked
from rules.patterns.base import Context, Names, PatternError, Support, Truth, Verdict, any_of, both, gaps, nothing_found
from rules.patterns.diagnosis import ACTIVE, ANSWERED, YES, clinical_of
from rules.patterns.index import FINAL, NO, RecordIndex
from rules.patterns.when import Window, duration, whole_number

__all__ = ["SYMPTOM_QUALIFIERS", "no_symptom", "symptom"]

SYMPTOM_QUALIFIERS = {"within", "or_recorded", "since_first", "at_least_times", "after_diagnosis", "after_diagnosis_over", "is"}


@dataclass(frozen=True, slots=True)
class Symptom:
    """SX/find, or its recorded absence. Free text never counts.

    `after`: more than so long after the first onset of these diseases.
    `or_recorded`: a Condition is also in the window by its recordedDate, whatever its onset (SX; find goes by the onset when there is one).
    """

    label: str
    names: Names
    window: Window
    since_first: Names
    wanted: bool
    coded: bool
    times: int = 1
    or_recorded: bool = False
    after: tuple[Names, Duration] | None = None
    reads: tuple[str, ...] = ("Condition", "Observation")

    @property
    def triggers(self) -> Names:
        """The concepts asked for."""
        return self.names

    def quiet(self, index: RecordIndex) -> Verdict:
        """Nothing on file: absent; unknown when it could not be read, or has no code list here."""
        return nothing_found((*self.uncoded, *gaps(index, self.reads)))

    @property
    def uncoded(self) -> tuple[NotChecked, ...]:
        """Why silence says nothing: no code on file records the symptom."""
        if self.coded or not self.wanted:
            return ()
        return (NotChecked(f"finding:{self.label}", "no code list; needs the site's code map", "Observation"),)

    def of_condition(self, fact: Condition, index: RecordIndex) -> Truth:
        """Does this Condition say the symptom is there (or, when absence is wanted, refuted)?"""
        if not self.wanted:
            return fact.verification == "refuted" and self.window.holds(fact.recorded or fact.onset, index.record)
        if fact.verification in NEVER or fact.verification == "differential":
            return False
        active: Truth = None if clinical_of(fact) == UNREADABLE else clinical_of(fact) in ACTIVE
        if self.window.within is not None:
            truths = [self.window.holds(fact.onset or fact.recorded, index.record)]
            if self.or_recorded and fact.recorded:  # what is over is not new because it was written down
                truths.append(both((active, self.window.holds(fact.recorded, index.record))))
            return any_of(truths)
        return True if self.since_first else active

    def of_observation(self, fact: Observation, index: RecordIndex) -> Truth:
        """Does this exam Observation say so?"""
        final = None if fact.status == UNREADABLE else fact.status in FINAL
        yes = fact.truth is True or bool(fact.interpretation & {"POS", "A"}) or bool(fact.answers & (YES | self.names))
        no = fact.truth is False or "NEG" in fact.interpretation or bool(fact.answers & NO)
        said = (yes and not no) if self.wanted else (no and not yes)
        return both((final, said, self.window.holds(fact.when, index.record)))

    def of_answer(self, fact: Event, index: RecordIndex) -> Truth:
        """Does this answer of a questionnaire say so? One that is not complete may still change."""
        yes, no = bool(fact.tags & YES), bool(fact.tags & NO)
        said = (yes and not no) if self.wanted else (no and not yes)
        return both((said, self.window.holds(fact.when, index.record), True if fact.status in ANSWERED else None))

    def truth_of(self, fact: Condition | Observation | Event, index: RecordIndex) -> Truth:
        """Does this resource say that the symptom is there (or is not, when that is wanted)?"""
        match fact:
            case Condition():
                return self.of_condition(fact, index)
            case Observation():
                return self.of_observation(fact, index)
            case Event():
                return self.of_answer(fact, index)

    @property
    def is_current(self) -> bool:
        """Whether the symptom is asked for as of now, not as something that happened."""
        return self.wanted and self.window.within is None and not self.since_first and self.times == 1

    def is_over(self, fact: Observation | Event, others: Sequence[Condition | Observation | Event], index: RecordIndex) -> bool:
        """Does a later Observation or answer of the same name say that it is not there any more?"""
        denied = replace(self, wanted=False)
        return any(
            fact.when is not None and other.when is not None and fact.when.end < other.when.start and denied.truth_of(other, index) is True
            for other in others
            if not isinstance(other, Condition) and fact.concepts & other.concepts & self.names
        )

    def match(self, index: RecordIndex) -> Verdict:
        """Any Condition, Observation or answer that says so; on `times` different dates."""
        support: list[Support] = []
        unsure: list[NotChecked] = []
        candidates: tuple[Condition | Observation | Event, ...] = (
            *index.pick(index.conditions, self.names),
            *index.pick(index.observations, self.names),
            *(event for event in index.pick(index.events, self.names) if event.kind == "answer"),
        )
        for fact in candidates:
            date = (fact.onset or fact.recorded) if isinstance(fact, Condition) else fact.when
            truth = self.truth_of(fact, index)
            if truth is not False and self.since_first:
                truth = both((truth, index.since_first_dose(date, self.since_first)))
            if truth is not False and self.after is not None:
                truth = both((truth, index.long_after_onset(date, *self.after)))
            if truth is not False and self.is_current and not isinstance(fact, Condition) and self.is_over(fact, candidates, index):
                continue
            name = min(fact.concepts & self.names)
            if truth:
                support.append(Support(f"finding:{name}", fact.ref, date.text if date else None))
            elif truth is None:
                unsure.append(NotChecked(f"finding:{name}", "date or status not stated", fact.ref.split("/")[0], on_file=True))
        if len({found.date for found in support}) >= self.times:
            return Verdict(Presence.PRESENT, tuple(support))
        silent = () if any(replace(self, wanted=False).truth_of(fact, index) for fact in candidates) else self.uncoded
        return nothing_found((*unsure, *silent, *gaps(index, self.reads)))


def _symptom(context: Context, table: Mapping[str, object], key: str, wanted: bool) -> Symptom:
    names = context.names(table[key])
    raw = table[key]
    label = context.label(raw)
    first = context.names(table["since_first"]) if "since_first" in table else frozenset()
    coded = any(context.terminology.recordable(name) for name in names)
    times, or_recorded = whole_number(table, "at_least_times"), bool(table.get("or_recorded", False))
    if ("after_diagnosis" in table) != ("after_diagnosis_over" in table):
        raise PatternError("after_diagnosis: expected both after_diagnosis and after_diagnosis_over")
    after = None
    if "after_diagnosis" in table:
        after = (context.names(table["after_diagnosis"]), duration(context, table["after_diagnosis_over"]))
    return Symptom(label, names, Window.build(context, table), first, wanted, coded, times, or_recorded, after)


def symptom(context: Context, table: Mapping[str, object]) -> Symptom:
    """SX(vs, window) / find(f): coded Condition or exam Observation."""
    return _symptom(context, table, "symptom", True)


def no_symptom(context: Context, table: Mapping[str, object]) -> Symptom:
    """noFind(f): recorded as absent."""
    return _symptom(context, table, "no_symptom", False)
