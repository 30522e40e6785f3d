"""What was done, planned, asked, refused or kept: procedures, imaging, vaccines, orders, visits, plans, devices, answers,
relatives and allergies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from rules.extract.statuses import STATUSES
from rules.facts import STATUS_REASON, UNREADABLE, Event, Observation, Origin, Presence, Record
from rules.fhir_date import Duration, FhirDate
from rules.findings import NotChecked
from rules.patterns.base import ABSENT, Context, Names, PatternError, Support, Truth, Verdict, both, gaps, nothing_found
from rules.patterns.diagnosis import ANSWERED, YES
from rules.patterns.index import FINAL, NO, Found, RecordIndex
from rules.patterns.kin import Kin
from rules.patterns.orders import awaited, completed, to_come
from rules.patterns.when import Window, duration, whole_number

__all__ = ["EVENT_QUALIFIERS", "Happening", "build_event"]

EVENT_QUALIFIERS: Mapping[str, frozenset[str]] = {
    "done": frozenset(
        {"is", "within", "ago", "status", "at_least_times", "since_first", "after_diagnosis", "after_last", "conclusion", "told"}
    ),
    "order": frozenset({"is", "within", "status", "priority", "after_last", "ahead"}),
    "appointment": frozenset({"is", "ahead", "drafted"}),
    "preparation": frozenset({"is", "ahead"}),
    "encounter": frozenset({"is", "within", "over", "status", "tags", "after_first", "later_than", "fulfilled", "at_least_times"}),
    "plan": frozenset({"is", "within", "tags", "about"}),
    "device": frozenset({"is", "placed"}),
    "answer": frozenset({"is", "within", "yes", "later_than"}),
    "family": frozenset({"is", "first_degree", "relationship"}),
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
NAMED = ("after_diagnosis", "after_last", "conclusion", "after_first", "about", "later_than")
"""Qualifiers that name concepts, in the order of the fields of Judge."""
BOOKED = {"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"}
UNCLEAR = {"accepted", "unknown", None}
"""Statuses of a plan that may be active: a Goal is `accepted` whether it is `active` or `on-hold`
(https://hl7.org/fhir/R4/codesystem-goal-status.html)."""
ANY_STATUS = frozenset[str]().union(*STATUSES.values())
GONE = {"revoked", "cancelled", "noshow"}
UNUSED = {"inactive", "completed", "stopped", "intended", "on-hold"}


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
        judged = [(event, self.judge(event, index)) for event in index.pick(index.events, self.names)]
        seen = [(fact, self.observed(fact, index)) for fact in index.pick(index.observations, self.names)] if self.observed else []
        torn: list[str] = []
        if self.predicate == "answer":
            given = Given.to(self.names, index)
            torn = [event.ref for event, truth in judged if truth and given.last_word(event, truth) is None]
            torn += [fact.ref for fact, truth in seen if truth and given.last_word(fact, truth) is None]
            judged = [(event, given.last_word(event, truth)) for event, truth in judged]
            seen = [(fact, given.last_word(fact, truth)) for fact, truth in seen]
        for event, truth in judged:
            if truth:
                name = min((event.concepts | event.reasons) & self.names)
                days.add(_day(event.when or event.end) or event.ref)
                support.append(Support(f"{self.predicate}:{name}", event.ref, event.when.text if event.when else None))
        answered = {one.ref for one in support} if self.predicate == "answer" else set()
        for fact, truth in seen:
            if truth and fact.ref not in answered:
                if self.predicate == "answer":
                    answered.add(fact.ref)
                name = min(fact.concepts & self.names)
                days.add(_day(fact.when) or fact.ref)
                support.append(Support(f"{self.predicate}:{name}", fact.ref, fact.when.text if fact.when else None))
        open_ = torn + [fact.ref for fact, truth in (*judged, *(seen if self.predicate == "done" else ())) if truth is None]
        unsure = [NotChecked(f"{self.predicate}:{self.label}", "date or status not stated", ref.split("/")[0]) for ref in open_]
        denied = any(truth is False for _, truth in (*judged, *seen))
        if len(days) >= self.times:
            return Verdict(Presence.PRESENT, tuple(support))
        if unsure and len(days) + len(unsure) >= self.times:
            return Verdict(Presence.UNKNOWN, missing=tuple(unsure))
        if self.predicate == "answer" and denied and not gaps(index, self.reads):
            return ABSENT
        return self.quiet(index)


@dataclass(frozen=True, slots=True)
class Given:
    """When some questions were answered, by concept and yes or no."""

    dates: Mapping[tuple[str, bool], Found]

    @classmethod
    def to(cls, names: Names, index: RecordIndex) -> Given:
        """Every one on file; what lies ahead was not answered yet."""
        found: list[Event | Observation] = [fact for fact in index.pick(index.observations, names) if fact.status in FINAL]
        found += [event for event in index.pick(index.events, names) if event.kind == "answer" and event.status in ANSWERED]
        said: dict[tuple[str, bool], list[FhirDate | None]] = {}
        for one in found:
            yes = _says(one)
            if yes is not None and (one.when is None or not one.when.is_future(index.record.as_of)):
                for concept in one.concepts:
                    said.setdefault((concept, yes), []).append(one.when)
        return cls({key: Found.of(dates) for key, dates in said.items()})

    def last_word(self, one: Event | Observation, truth: Truth) -> Truth:
        """The latest answer to a question counts. Was `one` contradicted later? Unknown, where a date does not say which was the later."""
        if truth is not True or (says := _says(one)) is None:
            return truth
        against = [self.dates[concept, not says] for concept in one.concepts if (concept, not says) in self.dates]
        if not against:
            return True
        if one.when is None:
            return None
        if any(found.last is not None and found.last > one.when.end for found in against):
            return False
        return True if all(not found.undated and found.end is not None and found.end < one.when.start for found in against) else None


def _says(one: Event | Observation) -> bool | None:
    """Yes, no, or neither."""
    words = one.tags if isinstance(one, Event) else one.answers
    stated = None if isinstance(one, Event) else one.truth
    yes, no = stated is True or bool(words & YES), stated is False or bool(words & NO)
    return yes if yes != no else None


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
    drafted: bool
    told: bool
    first: Names | None
    after_diagnosis: Names
    after_last: Names
    conclusion: Names
    after_first: Names
    about: Names
    later_than: Names

    def __call__(self, event: Event, index: RecordIndex) -> Truth:
        """Does this event satisfy the condition? One whose status cannot be read does when it would with every status, does not when it
        would with none, and is unknown else."""
        if event.status != UNREADABLE:
            return self.decide(event, index)
        truths = {self.decide(replace(event, status=status), index) for status in ANY_STATUS}
        return truths.pop() if len(truths) == 1 else None

    def decide(self, event: Event, index: RecordIndex) -> Truth:
        """The same for a status that can be read."""
        kinds = KINDS.get(self.predicate)
        if kinds is not None and event.kind not in kinds:
            return False
        match self.predicate:
            case "done":
                return self.done(event, index)
            case "order":
                after = index.since_last(event.when, self.after_last) if self.after_last else True
                return both((self.order(event, index), after))
            case "appointment":
                return self.appointment(event, index.record)
            case "preparation":
                return self.preparation(event, index.record)
            case "encounter":
                after = index.since_first(event.end or event.when, self.after_first) if self.after_first else True
                return both((self.encounter(event, index.record), after, self.later(event.end or event.when, index)))
            case "declined":
                return self.refused(event, index.record) and self.window.holds(event.when, index.record)
            case "answer":
                if event.kind == "answer" and event.status not in ANSWERED:
                    return None
                said = bool(event.tags & YES) if self.yes else bool(event.tags & NO)
                return both((said, self.window.holds(event.when, index.record), self.later(event.when, index)))
            case "device":
                return self.used(event)
            case _:
                return self.kept(event, index.record)

    def later(self, when: FhirDate | None, index: RecordIndex) -> Truth:
        """Later than every finding of `later_than`, if there is any."""
        found = index.found(self.later_than)
        if found.last is None and not found.undated:
            return None if self.later_than and index.unread(("Condition", "Observation")) else True
        return index.later_than(when, self.later_than)

    def done(self, event: Event, index: RecordIndex) -> Truth:
        """Completed (with `status`: a Procedure of that; with `told` a Communication too) in the window, not before the first dose of
        `first` nor `after_diagnosis`."""
        asked_for = event.kind == "procedure" and event.origin is Origin.RECORD and event.status in self.statuses
        said = self.told and event.kind == "communication" and event.origin is Origin.RECORD and event.status == "completed"
        if not (asked_for if self.statuses else completed(event) or said):
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

    def order(self, event: Event, index: RecordIndex) -> Truth:
        """Active, planned, or completed in the window, never on hold (withdrawn for a time); with one of the priorities asked for, where
        none is stated: routine (R4); with `ahead` one that is not completed is still to be carried out."""
        record = index.record
        if event.do_not_perform or (self.tags and not event.tags & self.tags):
            return False
        open_still = awaited(event, self.ahead, index) if self.ahead else True
        if self.statuses:
            return both((event.status in self.statuses, self.window.holds(event.when, record), open_still))
        if event.origin is Origin.PLANNED or event.status == "active":
            return both((event.origin is not Origin.DRAFT, open_still))
        return event.status == "completed" and self.window.holds(event.when, record)

    def refused(self, event: Event, record: Record) -> bool:
        """An order revoked for a stated reason, or a Consent that denies it and is in force."""
        if event.kind == "order":
            return event.status == "revoked" and STATUS_REASON in event.tags
        return event.status == "active" and "deny" in event.tags and (event.end is None or event.end.end >= record.as_of)

    def appointment(self, event: Event, record: Record) -> Truth:
        """Still ahead, within `ahead` when given; with `drafted` also one that this hook asks about."""
        if (event.origin is Origin.DRAFT and not self.drafted) or event.status not in BOOKED:
            return False
        return None if event.when is None else to_come(event.when, event.when, self.ahead, record)

    def preparation(self, event: Event, record: Record) -> Truth:
        """A Procedure that is being prepared and not yet begun; the status alone says so, a date that is stated must still be ahead."""
        if event.origin is not Origin.RECORD or event.status != "preparation":
            return False
        first, last = event.when or event.end, event.end or event.when
        return first is None or last is None or to_come(first, last, self.ahead, record)

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
        """Plans, goals and flags that are active: one that is drafted, proposed or on hold is nothing to rely on."""
        if (self.tags and not event.tags & self.tags) or (self.about and not event.reasons & self.about):
            return False
        live: Truth = None if event.status in UNCLEAR else event.status == "active"
        return both((live, self.window.holds(event.when, record)))


def _judge(predicate: str, context: Context, table: Mapping[str, object]) -> Judge:
    return Judge(
        predicate,
        Window.build(context, table, "180 days" if predicate == "answer" else None),
        _statuses(table, "status"),
        _statuses(table, "tags") | _statuses(table, "priority"),
        duration(context, table["ahead"]) if "ahead" in table else None,
        duration(context, table["over"]) if "over" in table else None,
        duration(context, table["ago"]) if "ago" in table else None,
        table.get("yes", True) is True,
        table.get("placed") is True,
        table.get("fulfilled") is True,
        table.get("drafted") is True,
        table.get("told") is True,
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
        first, severity, relatives = bool(table.get("first_degree")), _statuses(table, "severity"), _statuses(table, "relationship")
        return Kin(predicate, names, reads, first, severity, reaction, relatives, listed)
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
            final = None if fact.status == UNREADABLE else fact.status in FINAL
            return both((final, fact.valued, judge.counts(fact.when, fact.answers, index)))

        observed = None if judge.statuses else observed_done
        if not any(context.terminology.recordable(name) for name in names):
            nothing, why = Presence.UNKNOWN, "no code list; needs the site's code map"
    if predicate == "answer":
        yes = table.get("yes", True)

        def observed_answer(fact: Observation, index: RecordIndex) -> Truth:
            said = fact.truth is True or bool(fact.answers & YES)
            denied = fact.truth is False or bool(fact.answers & NO)
            if fact.status not in FINAL or said == denied:
                return None
            inside = both((judge.window.holds(fact.when, index.record), judge.later(fact.when, index)))
            return None if not inside else (said if yes else denied)

        observed, nothing = observed_answer, Presence.UNKNOWN
    times = whole_number(table, "at_least_times")
    return Happening(predicate, label, names, reads, judge, times, observed, nothing, why)
