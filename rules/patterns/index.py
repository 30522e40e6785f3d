"""The record, indexed by concept, so that a pattern looks only at resources it could match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from rules.facts import Allergy, Condition, Event, Medication, Observation, Origin, Record, Relative
from rules.fhir_date import Duration, FhirDate, reached

if TYPE_CHECKING:
    from rules.calculators import Calculated
    from rules.patterns.therapy import Courses
    from rules.patterns.when import Window

__all__ = ["RecordIndex"]

NEVER = frozenset({"refuted", "entered-in-error"})
T = TypeVar("T", Condition, Medication, Observation, Event, Allergy, Relative)


def _index(facts: Iterable[T]) -> dict[str, list[T]]:
    table: dict[str, list[T]] = defaultdict(list)
    for fact in facts:
        for concept in fact.concepts:
            table[concept].append(fact)
    return dict(table)


class RecordIndex:
    """One patient's facts by concept. Built once per request and then read only."""

    __slots__ = (
        "ages", "allergies", "by_ref", "computed", "concepts", "conditions", "courses", "doses", "events", "medications", "observations",
        "onsets", "ordered", "record", "relatives", "renewed", "seen", "weights",
    )  # fmt: skip

    def __init__(self, record: Record) -> None:
        self.record = record
        self.computed: dict[tuple[str, Window], Calculated] = {}
        """What calculators worked out, by name and window."""
        self.ordered: dict[frozenset[str], tuple[Observation, ...]] = {}
        """Results of some names, latest first: many conditions ask for the same."""
        self.ages: dict[Duration, bool | None] = {}
        """Whether this patient has reached an age: many conditions ask for the same few."""
        self.weights: list[Decimal | None] = []
        """The body weight in kg, once it was looked for."""
        self.courses: dict[frozenset[str], Courses] = {}
        """Unbroken courses of some drugs: every order of them asks."""
        self.renewed: dict[tuple[frozenset[str], bool], bool] = {}
        """Whether therapy with some drugs is current (True: by a systemic route): every draft of them asks."""
        self.doses: dict[frozenset[str], FhirDate | None] = {}
        self.onsets: dict[frozenset[str], datetime | None] = {}
        self.seen: dict[frozenset[str], datetime | None] = {}
        """First dose, first onset and last finding of some names: every event asks."""
        self.by_ref: dict[str, Medication] = {}
        """Medications by reference, once one was looked for."""
        self.conditions = _index(record.conditions)
        self.medications = _index(record.medications)
        self.observations = _index(record.observations)
        self.events = _index(record.events)
        for goal in record.events:  # a Goal is also about the conditions it addresses
            for reason in goal.reasons - goal.concepts if goal.kind == "goal" else ():
                self.events.setdefault(reason, []).append(goal)
        self.allergies = _index(record.allergies)
        self.relatives = _index(record.relatives)
        self.concepts: frozenset[str] = frozenset().union(
            self.conditions,
            self.medications,
            self.observations,
            self.events,
            self.allergies,
            self.relatives,
            *(event.reasons for event in record.events if event.origin is not Origin.RECORD),
        )

    @staticmethod
    def pick(table: dict[str, list[T]], names: frozenset[str]) -> Sequence[T]:
        """Facts with any of `names`, each once, in a fixed order."""
        keys = table.keys() & names
        if not keys:
            return ()
        if len(keys) == 1:
            return table[next(iter(keys))]
        seen: dict[int, T] = {}
        for key in sorted(keys):
            for fact in table[key]:
                seen.setdefault(id(fact), fact)
        return tuple(seen.values())

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
        """When the first dated therapy with any of `drugs` began."""
        if drugs not in self.doses:
            began = (fact.began for fact in self.pick(self.medications, drugs))
            self.doses[drugs] = min((date for date in began if date is not None), key=lambda date: date.start, default=None)
        return self.doses[drugs]

    def since_onset(self, when: FhirDate | None, diseases: frozenset[str]) -> bool | None:
        """Was it on or after the first onset (else the recorded date) of any of `diseases`? None: a date is missing."""
        if diseases not in self.onsets:
            found = (fact for fact in self.pick(self.conditions, diseases) if fact.verification not in NEVER)
            starts = (date.start for fact in found if (date := fact.onset or fact.recorded) is not None)
            self.onsets[diseases] = min(starts, default=None)
        first = self.onsets[diseases]
        return None if first is None or when is None else when.end >= first

    def since_last(self, when: FhirDate | None, findings: frozenset[str]) -> bool | None:
        """Was it on or after the latest date of any of `findings`, coded, examined or concluded in a report? None: a date is missing."""
        if findings not in self.seen:
            coded = (fact.onset or fact.recorded for fact in self.pick(self.conditions, findings) if fact.verification not in NEVER)
            examined = (fact.when for fact in self.pick(self.observations, findings) if fact.truth is not False)
            reported = (event.when for event in self.record.events if event.kind == "report" and event.tags & findings)
            self.seen[findings] = max((date.start for date in (*coded, *examined, *reported) if date is not None), default=None)
        latest = self.seen[findings]
        return None if latest is None or when is None else when.end >= latest
