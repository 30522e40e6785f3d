"""Diagnoses, raw conditions and symptoms: what Condition resources (and exam Observations) say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rules.facts import Condition, Event, Observation, Presence
from rules.fhir_date import Duration, reached
from rules.findings import NotChecked
from rules.patterns.base import Context, Names, PatternError, Support, Truth, Verdict, any_of, both, gaps, negate, nothing_found
from rules.patterns.index import NO, RecordIndex
from rules.patterns.when import Window, duration, whole_number

__all__ = [
    "CONDITION_QUALIFIERS",
    "DIAGNOSIS_QUALIFIERS",
    "SYMPTOM_QUALIFIERS",
    "condition",
    "diagnosis",
    "diagnosis_any",
    "diagnosis_ever",
]
__all__ += ["no_symptom", "symptom"]
__all__.sort()

CONFIRMED = {None, "confirmed"}
PROVISIONAL = {"provisional", "unconfirmed"}
NEVER = {"refuted", "entered-in-error"}
ACTIVE = {"active", "recurrence", "relapse"}
QUIET = {"inactive", "remission"}
ANSWERED = {"completed", "amended"}
FINAL = {"final", "amended", "corrected"}
YES = {"positive", "yes", "present"}

DIAGNOSIS_QUALIFIERS = {
    "differential",
    "onset_within",
    "onset_before",
    "recorded_within",
    "onset_age_below",
    "recorded_age_below",
    "site",
    "not_coded",
    "first",
    "is",
}
CONDITION_QUALIFIERS = {"verification", "clinical", "recorded_within", "changed_within", "unless_other", "disputed", "is"}
SYMPTOM_QUALIFIERS = {"within", "since_first", "at_least_times", "is"}


def clinical_of(fact: Condition) -> str:
    """The clinical status, with the meaning of a missing one: active without abatement, resolved with it."""
    return fact.clinical or ("resolved" if fact.abated else "active")


def support_of(kind: str, fact: Condition, names: Names, provisional: bool = False) -> Support:
    """A Condition as a reason."""
    date = fact.onset or fact.recorded
    concept = min(fact.concepts & names)
    return Support(f"{kind}:{concept}", fact.ref, date.text if date else None, provisional)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """DX, DX-ANY and DX-HIST by the statuses they accept."""

    label: str
    names: Names
    provisional: bool
    differential: bool
    clinical: frozenset[str]
    lifelong: Names
    onset_within: Duration | None = None
    onset_before: Duration | None = None
    recorded_within: Duration | None = None
    onset_age_below: Duration | None = None
    recorded_age_below: Duration | None = None
    sites: Names = frozenset()
    not_coded: Names = frozenset()
    kin: Mapping[str, Names] | None = None
    """For `first`: what each name asked for stands for, itself included."""
    reads: tuple[str, ...] = ("Condition",)

    @property
    def triggers(self) -> Names:
        """The concepts asked for."""
        return self.names

    def quiet(self, index: RecordIndex) -> Verdict:
        """Looked and found nothing, unless Conditions could not be read."""
        return nothing_found(gaps(index, self.reads))

    def counts(self, fact: Condition) -> tuple[Truth, bool]:
        """(does it count, is it provisional)."""
        if fact.verification in NEVER:
            return False, False
        provisional = fact.verification in PROVISIONAL or fact.verification == "differential"
        if fact.verification == "differential":
            verified: Truth = self.differential
        elif fact.verification in PROVISIONAL:
            verified = self.provisional
        else:
            verified = True if fact.verification in CONFIRMED else None
        state = clinical_of(fact)
        if state in self.clinical:
            clinical: Truth = True
        elif state in QUIET or state == "resolved":
            clinical = bool(fact.concepts & self.names & self.lifelong)
        else:
            clinical = False if state in ACTIVE else None
        return both((verified, clinical)), provisional

    def dated(self, fact: Condition, index: RecordIndex) -> Truth:
        """Do the date qualifiers hold?"""
        record, tests = index.record, list[Truth]()
        onset = fact.onset or fact.recorded
        if self.onset_within:
            tests.append(None if onset is None else onset.within(record.as_of, self.onset_within))
        if self.onset_before:
            within = None if onset is None else onset.within(record.as_of, self.onset_before)
            tests.append(None if within is None else not within)
        if self.recorded_within:
            recorded = fact.recorded or fact.onset
            tests.append(None if recorded is None else recorded.within(record.as_of, self.recorded_within))
        if self.sites:
            tests.append(bool(fact.body_sites & self.sites))
        birth = record.person.birth if record.person else None
        for date, limit in ((fact.onset, self.onset_age_below), (fact.recorded, self.recorded_age_below)):
            if limit:
                tests.append(None if birth is None or date is None else negate(reached(birth, date.start, limit)))
        return both(tests)

    def first_dates(self, index: RecordIndex) -> Mapping[str, Truth]:
        """For each concept on record: do the dates hold for every confirmed entry, whatever became of it? Nothing without `first`."""
        if self.kin is None:
            return {}
        tests: dict[str, list[Truth]] = {}
        for fact in index.pick(index.conditions, self.names):
            if fact.verification in CONFIRMED:
                dated = self.dated(fact, index)
                for name in fact.concepts & self.names:
                    tests.setdefault(name, []).append(dated)
        return {name: both(truths) for name, truths in tests.items()}

    def same_disease(self, mine: Names, dates: Mapping[str, Truth]) -> Truth:
        """The truth of the entries of the same disease: of the same concept, or of one that is a kind of the other."""
        kin = self.kin or {}
        return both([truth for name, truth in dates.items() if any(one in kin[name] or name in kin[one] for one in mine)])

    def match(self, index: RecordIndex) -> Verdict:
        """Any one Condition that satisfies everything."""
        support: list[Support] = []
        unsure: list[NotChecked] = []
        dates = self.first_dates(index)
        first: dict[Names, Truth] = {}
        for fact in index.pick(index.conditions, self.names):
            if fact.concepts & self.not_coded:
                continue
            counted, provisional = self.counts(fact)
            mine = fact.concepts & self.names
            if mine not in first:
                first[mine] = self.same_disease(mine, dates)
            truth = both((counted, self.dated(fact, index), first[mine]))
            if truth:
                support.append(support_of("diagnosis", fact, self.names, provisional))
            elif truth is None:
                unsure.append(NotChecked(f"diagnosis:{min(mine)}", "date or status not stated", "Condition", on_file=True))
        if support:
            return Verdict(Presence.PRESENT, tuple(support))
        return nothing_found((*unsure, *gaps(index, self.reads)))


def _diagnosis(context: Context, table: Mapping[str, object], key: str, *, provisional: bool, clinical: set[str]) -> Diagnosis:
    def optional(name: str) -> Duration | None:
        return duration(context, table[name]) if name in table else None

    names = context.names(table[key])
    lifelong = frozenset(context.terminology.expand("vs-inherited")) if context.lifelong else frozenset()
    sites = table.get("site", [])
    if not isinstance(sites, list) or not all(context.terminology.answer_coding(str(site)) for site in sites):
        raise PatternError(f"site: found {sites!r}, expected a list of body sites of answers.csv")
    if "first" in table and (table["first"] is not True or not {"onset_within", "recorded_within"} & table.keys()):
        raise PatternError(f"first: found {table['first']!r}, expected true beside onset_within or recorded_within")
    expand = context.terminology.expand
    return Diagnosis(
        label=f"{key}:{table[key]}",
        names=names,
        provisional=provisional,
        differential=provisional and bool(table.get("differential", False)),
        clinical=frozenset(clinical),
        lifelong=lifelong,
        onset_within=optional("onset_within"),
        onset_before=optional("onset_before"),
        recorded_within=optional("recorded_within"),
        onset_age_below=optional("onset_age_below"),
        recorded_age_below=optional("recorded_age_below"),
        sites=frozenset(str(site) for site in sites),
        not_coded=context.names(table["not_coded"]) if "not_coded" in table else frozenset(),
        kin={name: expand(name) for name in names} if "first" in table else None,
    )


def diagnosis(context: Context, table: Mapping[str, object]) -> Diagnosis:
    """DX(vs): confirmed or unstated, active."""
    return _diagnosis(context, table, "diagnosis", provisional=False, clinical=ACTIVE)


def diagnosis_any(context: Context, table: Mapping[str, object]) -> Diagnosis:
    """DX-ANY(vs): also inactive, in remission, provisional or unconfirmed."""
    return _diagnosis(context, table, "diagnosis_any", provisional=True, clinical=ACTIVE | QUIET)


def diagnosis_ever(context: Context, table: Mapping[str, object]) -> Diagnosis:
    """DX-HIST(vs): any clinical status."""
    return _diagnosis(context, table, "diagnosis_ever", provisional=True, clinical=ACTIVE | QUIET | {"resolved"})


@dataclass(frozen=True, slots=True)
class RawCondition:
    """A Condition with given statuses; for data-quality rules."""

    names: Names
    verification: frozenset[str]
    clinical: frozenset[str]
    recorded_within: Duration | None = None
    within_concept: Mapping[str, Names] | None = None
    disputed: bool = False
    changed_within: Duration | None = None
    reads: tuple[str, ...] = ("Condition",)

    @property
    def triggers(self) -> Names:
        """The concepts asked for."""
        return self.names

    def quiet(self, index: RecordIndex) -> Verdict:
        """Looked and found nothing, unless Conditions could not be read."""
        return nothing_found(gaps(index, self.reads))

    def stands(self, fact: Condition, index: RecordIndex) -> bool:
        """Does another Condition of the same concept, or of a descendant, still count (dxAny)?"""
        if self.within_concept is None:
            return False
        same = frozenset().union(*(self.within_concept[name] for name in fact.concepts & self.names))
        others = index.pick(index.conditions, same)
        return any(other.verification not in NEVER and clinical_of(other) in ACTIVE | QUIET for other in others)

    def changed(self, fact: Condition, index: RecordIndex, period: Duration) -> bool:
        """Was it recorded, or the resource last changed, so lately? Without any date: no."""
        dates = (fact.recorded or fact.onset, fact.changed)
        return any(date is not None and date.within(index.record.as_of, period) is True for date in dates)

    def match(self, index: RecordIndex) -> Verdict:
        """Any Condition with one of the statuses; entered-in-error only when asked for."""
        support = []
        for fact in index.pick(index.conditions, self.names):
            if self.verification and (fact.verification or "missing") not in self.verification:
                continue
            if not self.verification and fact.verification in NEVER:
                continue
            if self.clinical and clinical_of(fact) not in self.clinical:
                continue
            if self.recorded_within:
                date = fact.recorded or fact.onset
                if date is None or not date.within(index.record.as_of, self.recorded_within):
                    continue
            if self.changed_within and not self.changed(fact, index, self.changed_within):
                continue
            if self.stands(fact, index) or (self.disputed and not fact.disputed):
                continue
            support.append(support_of("condition", fact, self.names))
            if self.disputed:
                support += [replace(support[-1], fact=f"condition:{name}") for name in sorted(fact.disputed)]
        return Verdict(Presence.PRESENT, tuple(support)) if support else self.quiet(index)


def condition(context: Context, table: Mapping[str, object]) -> RawCondition:
    """A raw Condition by verificationStatus and clinicalStatus."""

    def words(key: str) -> frozenset[str]:
        raw = table.get(key, [])
        if not isinstance(raw, list):
            raise PatternError(f"{key}: found {raw!r}, expected a list of status codes")
        return frozenset(str(word) for word in raw)

    within, changed = (duration(context, table[key]) if key in table else None for key in ("recorded_within", "changed_within"))
    names = context.names(table["condition"])
    same = {name: context.names(name) for name in names} if table.get("unless_other") else None
    return RawCondition(names, words("verification"), words("clinical"), within, same, bool(table.get("disputed", False)), changed)


@dataclass(frozen=True, slots=True)
class Symptom:
    """SX/find, or its recorded absence. Free text never counts."""

    label: str
    names: Names
    window: Window
    since_first: Names
    wanted: bool
    coded: bool
    times: int = 1
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
        date = fact.onset or fact.recorded
        if self.window.within is not None:
            return any_of((self.window.holds(fact.onset, index.record) if fact.onset else False, self.window.holds(date, index.record)))
        if self.since_first:
            return True
        return clinical_of(fact) in ACTIVE

    def of_observation(self, fact: Observation, index: RecordIndex) -> Truth:
        """Does this exam Observation say so?"""
        if fact.status not in FINAL:
            return False
        yes = fact.truth is True or bool(fact.interpretation & {"POS", "A"}) or bool(fact.answers & (YES | self.names))
        no = fact.truth is False or "NEG" in fact.interpretation or bool(fact.answers & NO)
        said = (yes and not no) if self.wanted else (no and not yes)
        return both((said, self.window.holds(fact.when, index.record)))

    def of_answer(self, fact: Event, index: RecordIndex) -> Truth:
        """Does this answer of a questionnaire say so? One that is not complete may still change."""
        if fact.status == "entered-in-error":
            return False
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
        first = index.first_dose(self.since_first)
        candidates: tuple[Condition | Observation | Event, ...] = (
            *index.pick(index.conditions, self.names),
            *index.pick(index.observations, self.names),
            *(event for event in index.pick(index.events, self.names) if event.kind == "answer"),
        )
        for fact in candidates:
            date = (fact.onset or fact.recorded) if isinstance(fact, Condition) else fact.when
            truth = self.truth_of(fact, index)
            if truth is not False and self.since_first:
                if first is None:  # no dose: not since it; an undated one: unknown
                    truth = None if index.pick(index.medications, self.since_first) else False
                elif date is not None and date.end < first.start:
                    truth = False
            if truth is not False and self.is_current and not isinstance(fact, Condition) and self.is_over(fact, candidates, index):
                continue
            name = min(fact.concepts & self.names)
            if truth:
                support.append(Support(f"finding:{name}", fact.ref, date.text if date else None))
            elif truth is None:
                unsure.append(NotChecked(f"finding:{name}", "not dated", fact.ref.split("/")[0], on_file=True))
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
    return Symptom(label, names, Window.build(context, table), first, wanted, coded, whole_number(table, "at_least_times"))


def symptom(context: Context, table: Mapping[str, object]) -> Symptom:
    """SX(vs, window) / find(f): coded Condition or exam Observation."""
    return _symptom(context, table, "symptom", True)


def no_symptom(context: Context, table: Mapping[str, object]) -> Symptom:
    """noFind(f): recorded as absent."""
    return _symptom(context, table, "no_symptom", False)
