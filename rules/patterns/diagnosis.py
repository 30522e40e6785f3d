"""Diagnoses and raw conditions: what Condition resources say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rules.facts import NEVER, Condition, Presence
from rules.fhir_date import Duration, FhirDate, reached
from rules.findings import NotChecked
from rules.patterns.base import Context, Names, PatternError, Support, Truth, Verdict, both, gaps, negate, nothing_found
from rules.patterns.episodes import far_apart
from rules.patterns.index import RecordIndex
from rules.patterns.when import duration

__all__ = ["CONDITION_QUALIFIERS", "DIAGNOSIS_QUALIFIERS", "condition", "diagnosis", "diagnosis_any", "diagnosis_ever"]

CONFIRMED = {None, "confirmed"}
PROVISIONAL = {"provisional", "unconfirmed"}
ACTIVE = {"active", "recurrence", "relapse"}
QUIET = {"inactive", "remission"}
ANSWERED = {"completed", "amended"}
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
    "episodes_apart",
    "is",
}
CONDITION_QUALIFIERS = {"verification", "clinical", "recorded_within", "changed_within", "unless_other", "disputed", "is"}


def clinical_of(fact: Condition) -> str:
    """The clinical status, with the meaning of a missing one: active without abatement, resolved with it."""
    return fact.clinical or ("resolved" if fact.abated else "active")


def younger(birth: FhirDate, date: FhirDate, limit: Duration) -> Truth:
    """Was the age below `limit` on that date? None when it is as vague as to straddle it."""
    first, last = reached(birth, date.start, limit), reached(birth, date.end, limit)
    return negate(first) if first is last else None


def support_of(kind: str, fact: Condition, names: Names, provisional: bool = False) -> Support:
    """A Condition as a reason."""
    date = fact.onset or fact.recorded
    concept = min(fact.concepts & names)
    return Support(f"{kind}:{concept}", fact.ref, date.text if date else None, provisional, unstated=fact.verification is None)


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
    episodes_apart: Duration | None = None
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
        record = index.record
        tests: list[Truth] = []
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
                tests.append(None if birth is None or date is None else younger(birth, date, limit))
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
        kin = self.kin
        if kin is None:
            return True
        return both([truth for name, truth in dates.items() if any(one in kin[name] or name in kin[one] for one in mine)])

    def match(self, index: RecordIndex) -> Verdict:
        """Any one Condition that satisfies everything; with `episodes_apart` two."""
        if self.episodes_apart:
            return self.repeated(index, self.episodes_apart)
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

    def repeated(self, index: RecordIndex, least: Duration) -> Verdict:
        """Two Conditions that satisfy everything and began so far apart."""
        facts = [fact for fact in index.pick(index.conditions, self.names) if not fact.concepts & self.not_coded]
        judged = [(fact, both((self.counts(fact)[0], self.dated(fact, index)))) for fact in facts if not self.ahead(fact, index)]
        sure = [fact for fact, truth in judged if truth]
        if far_apart([fact.onset or fact.recorded for fact in sure], least):
            supports = (support_of("diagnosis", fact, self.names, self.counts(fact)[1]) for fact in sure)
            return Verdict(Presence.PRESENT, tuple(supports))
        able = [fact for fact, truth in judged if truth is not False]
        if far_apart([fact.onset or fact.recorded for fact in able], least) is False:
            return self.quiet(index)
        unsure = (
            NotChecked(f"diagnosis:{min(fact.concepts & self.names)}", "date or status not stated", "Condition", on_file=True)
            for fact in able
        )
        return nothing_found((*unsure, *gaps(index, self.reads)))

    @staticmethod
    def ahead(fact: Condition, index: RecordIndex) -> bool:
        """Is it dated in the future?"""
        begun = fact.onset or fact.recorded
        return begun is not None and begun.is_future(index.record.as_of)


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
    if "first" in table and "episodes_apart" in table:
        raise PatternError("episodes_apart: found beside first, expected one of the two")
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
        episodes_apart=optional("episodes_apart"),
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
            unstated = fact.clinical is None and not fact.abated
            if self.clinical and clinical_of(fact) not in self.clinical and not (unstated and "missing" in self.clinical):
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
