"""What was done, planned, asked, refused or kept: procedures, imaging, vaccines, orders, visits, plans, devices, answers,
relatives and allergies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import date

from rules.facts import Allergy, Event, Observation, Origin, Presence, Record, Relative
from rules.fhir_date import Duration, FhirDate
from rules.findings import NotChecked
from rules.patterns.base import ABSENT, Context, Names, PatternError, Support, Truth, Verdict, both, gaps, nothing_found
from rules.patterns.diagnosis import ANSWERED, YES
from rules.patterns.index import FINAL, NO, REPORTED, RecordIndex
from rules.patterns.when import Window, duration, whole_number

__all__ = ["EVENT_QUALIFIERS", "Happening", "build_event", "completed"]

COMPLETE: Mapping[str, Set[str]] = {
    "procedure": {"completed"},
    "report": REPORTED,
    "imaging": {"available"},
    "immunization": {"completed"},
}
EVENT_QUALIFIERS: Mapping[str, frozenset[str]] = {
    "done": frozenset({"is", "within", "ago", "at_least_times", "since_first", "after_diagnosis", "after_last", "conclusion"}),
    "order": frozenset({"is", "within", "status", "after_last"}),
    "appointment": frozenset({"is", "ahead"}),
    "preparation": frozenset({"is", "ahead"}),
    "encounter": frozenset({"is", "within", "over", "status", "tags", "after_first", "fulfilled"}),
    "plan": frozenset({"is", "within", "tags"}),
    "device": frozenset({"is", "placed"}),
    "answer": frozenset({"is", "within", "yes"}),
    "family": frozenset({"is", "first_degree"}),
    "allergy": frozenset({"is", "severity", "reaction"}),
    "declined": frozenset({"is", "within"}),
}
READS: Mapping[str, tuple[str, ...]] = {
    "done": ("Procedure", "DiagnosticReport", "ImagingStudy"),
    "order": ("ServiceRequest",),
    "appointment": ("Appointment",),
    "preparation": ("Procedure",),
    "encounter": ("Encounter",),
    "plan": ("CarePlan", "Goal", "Flag"),
    "device": ("Device", "DeviceUseStatement", "Procedure"),
    "answer": ("Observation", "QuestionnaireResponse"),
    "family": ("FamilyMemberHistory",),
    "allergy": ("AllergyIntolerance",),
    "declined": ("ServiceRequest", "Consent"),
}
KINDS: Mapping[str, frozenset[str]] = {
    "order": frozenset({"order"}),
    "appointment": frozenset({"appointment"}),
    "preparation": frozenset({"procedure"}),
    "encounter": frozenset({"encounter", "appointment"}),
    "plan": frozenset({"plan", "goal", "flag"}),
    "device": frozenset({"device", "procedure"}),
    "declined": frozenset({"order", "consent"}),
}
NAMED = ("after_diagnosis", "after_last", "conclusion", "after_first")
"""Qualifiers that name concepts, in the order of the fields of Judge."""
BOOKED = {"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"}
LIVE = {"active", "on-hold", "accepted", "in-progress", "proposed", "planned", "draft"}
GONE = {"revoked", "cancelled", "noshow"}
UNUSED = {"inactive", "completed", "stopped", "intended"}


def completed(event: Event) -> bool:
    """Is it a procedure, report, scan or vaccination on file that was carried out?"""
    return event.origin is Origin.RECORD and event.status in COMPLETE.get(event.kind, set())


def _day(when: FhirDate | None) -> date | None:
    """The day of a date that names one; a year or a month may hold several events."""
    return None if when is None or when.precision in ("year", "month") else when.start.date()


@dataclass(frozen=True, slots=True)
class Happening:
    """One condition about events; `judge` decides for one Event."""

    predicate: str
    label: str
    names: Names
    reads: tuple[str, ...]
    judge: Callable[[Event, RecordIndex], Truth]
    times: int = 1
    """On so many different days: one scan is often an ImagingStudy and a DiagnosticReport, one dose two Immunizations."""
    observed: Callable[[Observation, RecordIndex], Truth] | None = None
    nothing: Presence = Presence.ABSENT
    why_nothing: str = "not in the record"

    @property
    def triggers(self) -> Names:
        """The concepts asked for."""
        return self.names

    def quiet(self, index: RecordIndex) -> Verdict:
        """Nothing on file: absent, or unknown where the predicate or the code list says so."""
        missing = gaps(index, self.reads)
        if not missing and self.nothing is Presence.UNKNOWN:
            missing = (NotChecked(f"{self.predicate}:{self.label}", self.why_nothing, self.reads[0]),)
        return nothing_found(missing)

    def match(self, index: RecordIndex) -> Verdict:
        """Events on `times` days that satisfy everything."""
        support: list[Support] = []
        days: set[object] = set()
        unsure: list[NotChecked] = []
        denied = False
        for event in index.pick(index.events, self.names):
            truth = self.judge(event, index)
            if truth:
                name = min((event.concepts | event.reasons) & self.names)
                days.add(_day(event.when or event.end) or event.ref)
                support.append(Support(f"{self.predicate}:{name}", event.ref, event.when.text if event.when else None))
            elif truth is None:
                unsure.append(NotChecked(f"{self.predicate}:{self.label}", "date or status not stated", event.ref.split("/")[0]))
            else:
                denied = True
        if self.observed is not None:
            answered = {one.ref for one in support} if self.predicate == "answer" else set()
            for fact in index.pick(index.observations, self.names):
                truth = self.observed(fact, index)
                if truth and fact.ref not in answered:
                    if self.predicate == "answer":
                        answered.add(fact.ref)
                    name = min(fact.concepts & self.names)
                    days.add(_day(fact.when) or fact.ref)
                    support.append(Support(f"{self.predicate}:{name}", fact.ref, fact.when.text if fact.when else None))
                elif truth is False:
                    denied = True
        if len(days) >= self.times:
            return Verdict(Presence.PRESENT, tuple(support))
        if unsure and len(days) + len(unsure) >= self.times:
            return Verdict(Presence.UNKNOWN, missing=tuple(unsure))
        if self.predicate == "answer" and denied and not gaps(index, self.reads):
            return ABSENT
        return self.quiet(index)


@dataclass(frozen=True, slots=True)
class Kin:
    """FamilyMemberHistory and AllergyIntolerance; neither ever satisfies a diagnosis."""

    predicate: str
    names: Names
    reads: tuple[str, ...]
    first_degree: bool
    severity: frozenset[str] = frozenset()
    reaction: Names = frozenset()
    listed: bool = True
    """Whether a code list says what the reaction asked for looks like."""

    @property
    def triggers(self) -> Names:
        """The concepts asked for."""
        return self.names

    def quiet(self, index: RecordIndex) -> Verdict:
        """Looked and found nothing, unless it could not be read."""
        return nothing_found(gaps(index, self.reads))

    def match(self, index: RecordIndex) -> Verdict:
        """Any entry that counts."""
        found: list[Relative | Allergy] = []
        unsure: list[NotChecked] = []
        if self.predicate == "family":
            found.extend(relative for relative in index.pick(index.relatives, self.names) if relative.first_degree or not self.first_degree)
        else:
            for allergy in index.pick(index.allergies, self.names):
                truth = both((self.was_severe(allergy), self.was_reaction(allergy))) if allergy.counts else False
                if truth:
                    found.append(allergy)
                elif truth is None:
                    unsure.append(NotChecked(f"allergy:{min(allergy.concepts & self.names)}", "reaction not stated", "AllergyIntolerance"))
        if not found:
            return Verdict(Presence.UNKNOWN, missing=tuple(unsure)) if unsure else self.quiet(index)
        return Verdict(Presence.PRESENT, tuple(self.support(fact) for fact in found))

    def was_severe(self, allergy: Allergy) -> Truth:
        """Whether a reaction had one of the severities asked for; unknown when none states any."""
        if not self.severity or self.severity & allergy.severities:
            return True
        return False if allergy.severities else None

    def was_reaction(self, allergy: Allergy) -> Truth:
        """Whether it manifested as what is asked for; unknown when no manifestation is coded, or none that a list could tell apart."""
        if not self.reaction or self.reaction & allergy.reactions:
            return True
        return False if allergy.reaction_coded and (self.listed or not allergy.reaction_strange) else None

    def support(self, fact: Relative | Allergy) -> Support:
        """An entry as a reason."""
        by_name = isinstance(fact, Allergy) and fact.matched_by_name
        return Support(f"{self.predicate}:{min(fact.concepts & self.names)}", fact.ref, by_name=by_name)


def _statuses(table: Mapping[str, object], key: str) -> frozenset[str]:
    raw = table.get(key, [])
    words = [raw] if isinstance(raw, str) else raw
    if not isinstance(words, list):
        raise PatternError(f"{key}: found {raw!r}, expected a list of codes")
    return frozenset(str(word) for word in words)


@dataclass(frozen=True, slots=True)
class Judge:
    """The qualifiers of one event condition, and one method per predicate that applies them to one Event."""

    predicate: str
    window: Window
    statuses: frozenset[str]
    tags: frozenset[str]
    ahead: Duration | None
    over: Duration | None
    ago: Duration | None
    yes: bool
    placed: bool
    fulfilled: bool
    first: Names | None
    after_diagnosis: Names
    after_last: Names
    conclusion: Names
    after_first: Names

    def __call__(self, event: Event, index: RecordIndex) -> Truth:
        """Does this event satisfy the condition?"""
        kinds = KINDS.get(self.predicate)
        if kinds is not None and event.kind not in kinds:
            return False
        match self.predicate:
            case "done":
                return self.done(event, index)
            case "order":
                after = index.since_last(event.when, self.after_last) if self.after_last else True
                return both((self.order(event, index.record), after))
            case "appointment":
                return self.appointment(event, index.record)
            case "preparation":
                return self.preparation(event, index.record)
            case "encounter":
                after = index.since_first(event.end or event.when, self.after_first) if self.after_first else True
                return both((self.encounter(event, index.record), after))
            case "declined":
                refused = event.status == "revoked" or (event.kind == "consent" and "deny" in event.tags)
                return refused and self.window.holds(event.when, index.record)
            case "answer":
                if event.kind == "answer" and event.status not in ANSWERED:
                    return None
                said = bool(event.tags & YES) if self.yes else bool(event.tags & NO)
                return both((said, self.window.holds(event.when, index.record)))
            case "device":
                return self.used(event)
            case _:
                return self.kept(event, index.record)

    def done(self, event: Event, index: RecordIndex) -> Truth:
        """Completed in the window, not before the first dose of `first` nor the onset of `after_diagnosis`."""
        if not completed(event):
            return False
        return self.counts(event.when or event.end, event.tags, index)

    def counts(self, when: FhirDate | None, conclusions: Names, index: RecordIndex) -> Truth:
        """Do the qualifiers of `done` hold for something done at that time, with these coded conclusions or answers?"""
        tests: list[Truth] = [self.window.holds(when, index.record)]
        if self.ago is not None:
            tests.append(None if when is None else when.is_ago(index.record.as_of, self.ago))
        if self.first is not None:
            first = index.first_dose(self.first)
            tests.append(None if first is None or when is None else when.end >= first.start)
        if self.after_diagnosis:
            tests.append(index.since_onset(when, self.after_diagnosis))
        if self.after_last:
            tests.append(index.since_last(when, self.after_last))
        if self.conclusion:
            tests.append(bool(conclusions & self.conclusion))
        return both(tests)

    def order(self, event: Event, record: Record) -> Truth:
        """Active, planned, or completed in the window."""
        if event.do_not_perform:
            return False
        if self.statuses:
            return both((event.status in self.statuses, self.window.holds(event.when, record)))
        if event.origin is Origin.PLANNED or event.status in {"active", "on-hold"}:
            return event.origin is not Origin.DRAFT
        return event.status == "completed" and self.window.holds(event.when, record)

    def appointment(self, event: Event, record: Record) -> Truth:
        """Still ahead, within `ahead` when given."""
        if event.origin is Origin.DRAFT or event.status not in BOOKED:
            return False
        return None if event.when is None else self.to_come(event.when, event.when, record)

    def preparation(self, event: Event, record: Record) -> Truth:
        """A Procedure that is being prepared and not yet begun; the status alone says so, a date that is stated must still be ahead."""
        if event.origin is not Origin.RECORD or event.status != "preparation":
            return False
        first, last = event.when or event.end, event.end or event.when
        return first is None or last is None or self.to_come(first, last, record)

    def to_come(self, first: FhirDate, last: FhirDate, record: Record) -> bool:
        """Not over yet, and begins within `ahead` when given."""
        return last.end >= record.as_of and (self.ahead is None or first.start <= self.ahead.after(record.as_of))

    def encounter(self, event: Event, record: Record) -> Truth:
        """Finished (or with the given status) in the window, or longer ago than `over`; with `fulfilled` also a kept Appointment."""
        if event.kind == "appointment":
            if not self.fulfilled or event.status != "fulfilled" or event.origin is not Origin.RECORD:
                return False
        elif event.status not in (self.statuses or {"finished"}) or (self.tags and not event.tags & self.tags):
            return False
        seen = event.end or event.when
        if self.over is None:
            return self.window.holds(seen, record)
        recent = None if seen is None else seen.within(record.as_of, self.over)
        return None if recent is None else not recent

    def used(self, event: Event) -> Truth:
        """A device in use, or a Procedure that is going on; with `placed` also one that was completed and has no stated end."""
        if event.kind == "procedure":
            going = event.status == "in-progress" or (self.placed and event.status == "completed" and event.end is None)
            return event.origin is Origin.RECORD and going
        return event.status not in GONE | UNUSED

    def kept(self, event: Event, record: Record) -> Truth:
        """Plans, goals and flags that are live."""
        if event.status not in LIVE or (self.tags and not event.tags & self.tags):
            return False
        return self.window.holds(event.when, record) if self.window.within else True


def _judge(predicate: str, context: Context, table: Mapping[str, object]) -> Judge:
    return Judge(
        predicate,
        Window.build(context, table, "180 days" if predicate == "answer" else None),
        _statuses(table, "status"),
        _statuses(table, "tags"),
        duration(context, table["ahead"]) if "ahead" in table else None,
        duration(context, table["over"]) if "over" in table else None,
        duration(context, table["ago"]) if "ago" in table else None,
        table.get("yes", True) is True,
        table.get("placed") is True,
        table.get("fulfilled") is True,
        context.names(table["since_first"]) if "since_first" in table else None,
        *(context.names(table[key]) if key in table else frozenset() for key in NAMED),
    )


def build_event(context: Context, table: Mapping[str, object], predicate: str) -> Happening | Kin:
    """Build one event condition from its table; raises PatternError."""
    raw = table[predicate]
    names = context.names(raw)
    label = context.label(raw)
    reads = READS[predicate]
    if predicate in {"family", "allergy"}:
        reaction = context.names(table["reaction"]) if "reaction" in table else frozenset[str]()
        listed = any(context.terminology.recordable(name) for name in reaction)
        return Kin(predicate, names, reads, bool(table.get("first_degree", False)), _statuses(table, "severity"), reaction, listed)
    judge = _judge(predicate, context, table)
    observed: Callable[[Observation, RecordIndex], Truth] | None = None
    nothing, why = Presence.ABSENT, "not in the record"
    if predicate == "done":
        kinds = {context.terminology.kind(name) for name in names}
        reads = tuple(
            sorted({"Immunization"} if kinds <= {"medication", None} else {*reads, *({"Observation"} if "observation" in kinds else ())})
        )

        def observed_done(fact: Observation, index: RecordIndex) -> Truth:
            denied = fact.truth is False or (bool(fact.answers) and fact.answers <= {"no"})
            if denied and ("observation" not in kinds or fact.ref.startswith("QuestionnaireResponse/")):
                return False  # "hysterectomy: no" is none; a test whose result is "no" was done
            return fact.status in FINAL and fact.valued and judge.counts(fact.when, fact.answers, index)

        observed = observed_done
        if not any(context.terminology.recordable(name) for name in names):
            nothing, why = Presence.UNKNOWN, "no code list; needs the site's code map"
    if predicate == "answer":
        yes = table.get("yes", True)

        def observed_answer(fact: Observation, index: RecordIndex) -> Truth:
            said = fact.truth is True or bool(fact.answers & YES)
            denied = fact.truth is False or bool(fact.answers & NO)
            if fact.status not in FINAL or said == denied:
                return None
            inside = judge.window.holds(fact.when, index.record)
            return None if not inside else (said if yes else denied)

        observed, nothing = observed_answer, Presence.UNKNOWN
    times = whole_number(table, "at_least_times")
    return Happening(predicate, label, names, reads, judge, times, observed, nothing, why)
