"""The record, indexed by concept, so that a pattern looks only at resources it could match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from rules.facts import NEVER, UNREADABLE, Allergy, Condition, Event, Medication, Observation, Origin, Record, Relative
from rules.fhir_date import Duration, FhirDate, reached

if TYPE_CHECKING:
    from rules.calculators import Calculated
    from rules.patterns.base import Verdict
    from rules.patterns.therapy import Courses

__all__ = ["FINAL", "MAYBE_FINAL", "NO", "REPORTED", "Found", "RecordIndex"]

FINAL = frozenset({"final", "amended", "corrected"})
MAYBE_FINAL = FINAL | {UNREADABLE}
NO = frozenset({"negative", "no", "absent"})
REPORTED = FINAL | {"appended"}
T = TypeVar("T", Condition, Medication, Observation, Event, Allergy, Relative)


class Table(dict[str, list[T]]):
    """Facts by concept, each concept's in the order of the record. `picked`: what was looked up under several concepts at once."""

    __slots__ = ("picked",)

    def __init__(self, facts: Iterable[T]) -> None:
        super().__init__()
        self.picked: dict[frozenset[str], tuple[T, ...]] = {}
        for fact in facts:
            for concept in fact.concepts:
                self.setdefault(concept, []).append(fact)


@dataclass(frozen=True, slots=True)
class Found:
    """Dates of some findings: the first and the last beginning, the last end; `undated` when one has no date."""

    first: datetime | None
    last: datetime | None
    end: datetime | None
    undated: bool

    @classmethod
    def of(cls, dates: Sequence[FhirDate | None]) -> Found:
        """Of all of them once: every event and result asks."""
        known = [date for date in dates if date is not None]
        starts = [date.start for date in known]
        latest = max((date.end for date in known), default=None)
        return cls(min(starts, default=None), max(starts, default=None), latest, len(known) < len(dates))


class RecordIndex:
    """One patient's facts by concept. Built once per request and then read only."""

    __slots__ = (
        "ages", "allergies", "by_ref", "computed", "concepts", "conditions", "course_starts", "courses", "doses", "drafted", "events",
        "medications", "observations", "onsets", "ordered", "ordered_mg", "orders", "record", "relatives", "renewed", "same", "seen",
        "weights",
    )  # fmt: skip

    def __init__(self, record: Record) -> None:
        self.record = record
        self.computed: dict[tuple[str, Duration | None], Calculated] = {}
        """What calculators worked out, by name and length of the window."""
        self.same: dict[object, Verdict] = {}
        """Verdicts that many conditions give: by the calculator's name and window when it has no value, and of an age that fits."""
        self.ordered: dict[frozenset[str], tuple[Observation, ...]] = {}
        """Results of some names, latest first: many conditions ask for the same."""
        self.ages: dict[Duration, bool | None] = {}
        """Whether this patient has reached an age: many conditions ask for the same few."""
        self.weights: list[Decimal | None] = []
        """The body weight in kg, once it was looked for."""
        self.courses: dict[frozenset[str], Courses] = {}
        """Unbroken courses of some drugs: every order of them asks."""
        self.course_starts: dict[frozenset[str], tuple[datetime, ...]] = {}
        """When each course of some drugs began: every order that failed asks."""
        self.renewed: dict[tuple[frozenset[str], bool], bool] = {}
        """Whether therapy with some drugs is current (True: by a systemic route): every draft of them asks."""
        self.ordered_mg: dict[tuple[frozenset[str], str | None], Decimal] | None = None
        """mg a day of all unsigned orders of a drug by a route, once a dose was looked for: every order of it asks."""
        self.doses: dict[frozenset[str], FhirDate | None] = {}
        self.onsets: dict[frozenset[str], FhirDate | None] = {}
        self.seen: dict[frozenset[str], Found] = {}
        """First dose, first onset and dates of the findings of some names: every event asks."""
        self.by_ref: dict[str, Medication] = {}
        """Medications by reference, once one was looked for."""
        self.conditions = Table(record.conditions)
        self.medications = Table(record.medications)
        self.observations = Table(record.observations)
        self.events = Table(record.events)
        for goal in record.events:  # a Goal is also about the conditions it addresses
            for reason in goal.reasons - goal.concepts if goal.kind == "goal" else ():
                self.events.setdefault(reason, []).append(goal)
        self.drafted = tuple(event for event in record.events if event.origin is Origin.DRAFT)
        self.allergies = Table(record.allergies)
        self.relatives = Table(record.relatives)
        self.orders: frozenset[str] = frozenset().union(
            *(fact.concepts for fact in record.medications if fact.origin is not Origin.RECORD),
            *(event.concepts | event.reasons for event in record.events if event.origin is not Origin.RECORD),
        )
        """What is drafted or planned, and why."""
        self.concepts: frozenset[str] = frozenset().union(
            self.conditions,
            self.medications,
            self.observations,
            self.events,
            self.allergies,
            self.relatives,
            self.orders,
        )

    @staticmethod
    def pick(table: Table[T], names: frozenset[str]) -> Sequence[T]:
        """Facts with any of `names`, each once, in a fixed order."""
        keys = names.intersection(table)
        if not keys:
            return ()
        if len(keys) == 1:
            return table[next(iter(keys))]
        if keys not in table.picked:
            table.picked[keys] = tuple({id(fact): fact for key in sorted(keys) for fact in table[key]}.values())
        return table.picked[keys]

    def reached(self, birth: FhirDate, limit: Duration) -> bool | None:
        """Has the patient, born at `birth`, completed the age `limit`? None when a partial birth date straddles it."""
        if limit not in self.ages:
            self.ages[limit] = reached(birth, self.record.as_of, limit)
        return self.ages[limit]

    def unread(self, types: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """(type, why) for those of `types` whose data could not be read completely."""
        gaps = self.record.unread
        return tuple((name, gaps[name]) for name in types if name in gaps) if gaps else ()

    def medication(self, ref: str) -> Medication | None:
        """The medication with this reference."""
        if not self.by_ref:
            for fact in self.record.medications:
                self.by_ref.setdefault(fact.ref, fact)
        return self.by_ref.get(ref)

    def first_dose(self, drugs: frozenset[str]) -> FhirDate | None:
        """When the first dated therapy on record with any of `drugs` began."""
        if drugs not in self.doses:
            began = (fact.began for fact in self.pick(self.medications, drugs) if fact.may_be_taken)
            self.doses[drugs] = min((date for date in began if date is not None), key=lambda date: date.start, default=None)
        return self.doses[drugs]

    def since_first_dose(self, when: FhirDate | None, drugs: frozenset[str]) -> bool | None:
        """Was it on or after the first dose of any of `drugs`? What has no date counts. No dose: no; an undated one: None."""
        first = self.first_dose(drugs)
        if first is None:
            return None if any(dose.may_be_taken for dose in self.pick(self.medications, drugs)) else False
        return when is None or when.end >= first.start

    def first_onset(self, diseases: frozenset[str]) -> FhirDate | None:
        """The first onset (else the recorded date) of any of `diseases`."""
        if diseases not in self.onsets:
            found = (fact.onset or fact.recorded for fact in self.pick(self.conditions, diseases) if fact.verification not in NEVER)
            self.onsets[diseases] = min((date for date in found if date is not None), key=lambda date: date.start, default=None)
        return self.onsets[diseases]

    def since_onset(self, when: FhirDate | None, diseases: frozenset[str]) -> bool | None:
        """Was it on or after the first onset of any of `diseases`? None: a date is missing."""
        first = self.first_onset(diseases)
        return None if first is None or when is None else when.end >= first.start

    def long_after_onset(self, when: FhirDate | None, diseases: frozenset[str], over: Duration) -> bool | None:
        """Was it more than `over` after the first onset of any of `diseases`? None: a date is missing or too vague."""
        first = self.first_onset(diseases)
        if first is None or when is None:
            return None
        if when.after(over.after(first.end)):
            return True
        return False if when.end.date() <= over.after(first.start).date() else None

    def found(self, findings: frozenset[str]) -> Found:
        """When `findings` were coded (onset, else recorded), examined, answered or concluded in a report."""
        if findings not in self.seen:
            self.seen[findings] = Found.of(self._found_on(findings))
        return self.seen[findings]

    def _found_on(self, findings: frozenset[str]) -> tuple[FhirDate | None, ...]:
        coded = (fact.onset or fact.recorded for fact in self.pick(self.conditions, findings) if fact.verification not in NEVER)
        examined = (
            fact.when
            for fact in self.pick(self.observations, findings)
            if fact.status in FINAL and not (fact.truth is False or "NEG" in fact.interpretation or fact.answers & NO)
        )
        answered = (event.when for event in self.pick(self.events, findings) if event.kind == "answer" and not event.tags & NO)
        reported = (
            event.when for event in self.record.events if event.kind == "report" and event.status in REPORTED and event.tags & findings
        )
        return (*coded, *examined, *answered, *reported)

    def since_last(self, when: FhirDate | None, findings: frozenset[str]) -> bool | None:
        """Was it on or after the latest date of any of `findings`? None: a date is missing."""
        last = self.found(findings).last
        return None if last is None or when is None else when.end >= last

    def since_first(self, when: FhirDate | None, findings: frozenset[str]) -> bool | None:
        """Was it on or after the first date of any of `findings`? None: a date is missing."""
        first = self.found(findings).first
        return None if first is None or when is None else when.end >= first

    def later_than(self, when: FhirDate | None, findings: frozenset[str]) -> bool | None:
        """Was it later than every one of `findings`? None: a date is missing, or one day or instant does not say which came first."""
        found = self.found(findings)
        if when is None or found.last is None or found.end is None or found.undated:
            return None
        if when.end < found.last:
            return False
        return True if when.start > found.end else None

    def earlier_than(self, when: FhirDate | None, findings: frozenset[str], least: Duration) -> bool:
        """Was it surely at least so long before the first of `findings`?"""
        first = self.found(findings).first
        return when is not None and first is not None and when.end < least.before(first) + timedelta(days=1)  # whole days
