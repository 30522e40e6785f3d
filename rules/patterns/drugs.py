"""Therapy: current, past, drafted and planned. All qualifiers of one condition speak about one resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from rules.calculators import CALCULATORS
from rules.calculators.base import TURNED
from rules.calculators.prednisone import prednisone_mg
from rules.facts import Event, Medication, Origin, Presence
from rules.fhir_date import Duration
from rules.findings import NotChecked
from rules.patterns.base import (
    ABSENT,
    Context,
    Names,
    Pattern,
    PatternError,
    Support,
    Truth,
    Verdict,
    any_of,
    both,
    gaps,
    negate,
    nothing_found,
)
from rules.patterns.index import RecordIndex
from rules.patterns.therapy import (
    NOT_SYSTEMIC,
    WITHDRAWN,
    course_days,
    current,
    ended,
    given,
    is_renewed,
    is_stop,
    is_taper,
    ordered_mg,
    total_days,
    weight_kg,
    withdrawn,
)
from rules.patterns.trial import Trials
from rules.patterns.when import COMPARATORS, Comparison, Window, class_table, duration, in_days, whole_number
from rules.quantity import Quantity

__all__ = ["DRUG_QUALIFIERS", "MEDICATION_TYPES", "Drug", "build_drug", "is_about_orders"]

AMOUNTS = ("pred", "mg", "mg_per_kg", "mg_per_crcl", "pred_per_kg", "days", "course_days", "drug_days", "dosing_days")
DRUG_QUALIFIERS = {
    "is", "route", "not_route", "reason", "not_reason", "reason_is", "reason_outside", "single", "new", "renewal", "within", "reasons",
    "after_diagnosis", "missing", "tapering", "ordered_within", "ingredients_at_least", "at_least_times", "unit", "crcl_within",
    *(f"{prefix}_{bound}" for prefix in AMOUNTS for bound in sorted(COMPARATORS)),
}  # fmt: skip
SYSTEMIC = {"oral", "iv", "im", "sc", "injection", "rectal", "other", "intrathecal", "nasal-systemic", None}
RECORD_TYPES = ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
MEDICATION_TYPES = (*RECORD_TYPES, "MedicationDispense")
ORDERS = ("draft", "planned", "stop_draft")
INJECTED = {"iv", "im", "sc", "intrathecal"}
EVER = Window()
ENDLESS = Decimal("1e15")
NO_TRIALS = Trials((), ())


@dataclass(frozen=True, slots=True)
class Drug:
    """One therapy condition; `mode` is med, med_tail, given, stopped, failed, draft, planned or stop_draft."""

    mode: str
    label: str
    names: Names
    types: tuple[str, ...]
    unlisted: bool = False
    """Whether none of the drugs can be recorded with a code, and that matters here: nothing on file is then unknown."""
    window: Window = EVER
    routes: frozenset[str] | None = None
    not_routes: frozenset[str] = frozenset()
    reason: Names | None = None
    not_reason: Names | None = None
    reason_outside: Names | None = None
    reason_is: str | None = None
    single: bool | None = None
    tapering: bool = False
    ordered: Window = EVER
    new: bool = False
    renewal: bool = False
    class_wide: bool = False
    reasons: frozenset[str] = frozenset()
    after_diagnosis: Names = frozenset()
    ingredients: int = 1
    forms: Mapping[str, str] = field(default_factory=dict)
    """With `ingredients`: the one drug that several names are forms of."""
    times: int = 1
    tails: tuple[tuple[Names, Duration], ...] = ()
    longest: Duration | None = None
    """The longest of the tails."""
    trials: Trials = NO_TRIALS
    bounds: tuple[tuple[str, Comparison], ...] = field(default=())
    crcl_window: Window = EVER
    dose_reads: tuple[str, ...] = ()

    @property
    def triggers(self) -> Names:
        """The drugs asked for."""
        return self.names

    @property
    def reads(self) -> tuple[str, ...]:
        """FHIR types the verdict depends on; drafts come with the call."""
        return (*self.types, *self.dose_reads)

    def quiet(self, index: RecordIndex) -> Verdict:
        """Nothing on file: absent, unless the medication lists could not be read, or no code records the drug and that matters."""
        missing = gaps(index, self.types)
        if self.unlisted and not missing:
            missing = (NotChecked(f"{self.mode}:{self.label}", "no code list; needs the site's code map", self.types[0]),)
        return nothing_found(missing)

    def base(self, fact: Medication, index: RecordIndex) -> Truth:
        """Does this resource stand where the mode wants it?"""
        record = index.record
        start, end = fact.began, fact.end
        match self.mode:
            case "med":
                return current(fact)
            case "med_tail":
                now = current(fact)
                if now is not False:
                    return now
                return both((any_of((given(fact), ended(fact))), self.inside_tail(fact, record.as_of)))
            case "given":
                lasts = current(fact) is True and fact.kind != "MedicationAdministration"
                return both((given(fact), lasts or self.window.holds(end or start, record)))
            case "stopped":
                return ended(fact) and self.stopped_inside(fact, index)
            case "failed":
                return withdrawn(fact) and self.stopped_inside(fact, index)
            case "draft":
                return fact.origin is Origin.DRAFT and not fact.do_not_perform and fact.status not in WITHDRAWN
            case "planned":
                return fact.origin is Origin.PLANNED and current(fact)
            case _:
                return is_stop(fact, index)

    def inside_tail(self, fact: Medication, as_of: datetime) -> Truth:
        """Does a drug that is not taken any more still count? Stopped, and not said when: yes if it began inside the tail, else unknown.

        A drug without a tail of its own: unknown inside the longest one, for nothing says how long it counts.
        """
        tail = next((length for drugs, length in self.tails if fact.concepts & drugs), None)
        length = tail or self.longest
        if length is None:
            return False
        last = fact.end or fact.began
        inside = None if last is None else last.within(as_of, length)
        if fact.end is None and fact.status == "stopped" and fact.kind in RECORD_TYPES[:2]:
            inside = inside or None
        return inside if tail else inside and None

    def stopped_inside(self, fact: Medication, index: RecordIndex) -> Truth:
        """Did it end inside the window? Stopped, and not said when: yes if it began there, else unknown."""
        began = fact.authored or fact.start
        if fact.end is not None or fact.status != "stopped" or self.window.within is None:
            return self.window.holds(fact.end or began, index.record)
        return (began is not None and self.window.holds(began, index.record)) or None

    def qualifies(self, fact: Medication, index: RecordIndex) -> Truth:
        """Do all qualifiers hold for this one resource?"""
        tests: list[Truth] = []
        if self.routes is not None:
            tests.append(self.by_route(fact, self.routes))
        if self.not_routes:
            tests.append(fact.route not in self.not_routes)
        tests += self.for_reason(fact)
        if self.single is not None:
            tests.append(fact.single == self.single)
        if self.tapering:
            tests.append(is_taper(fact, index))
        if self.ordered.within is not None and fact.origin is Origin.RECORD:
            tests.append(self.ordered.holds(fact.authored or fact.start, index.record))
        if self.new or self.renewal:
            tests.append(self.is_new(fact, index) if self.new else negate(self.is_new(fact, index)))
        for kind, comparison in self.bounds:
            if kind == "mg_per_crcl":
                tests.append(comparison.of_quantity(self.per_clearance(ordered_mg(fact, index), index)))
            else:
                tests.append(comparison.of(self.amount(kind, fact, index)))
        if self.after_diagnosis:
            tests.append(index.since_onset(fact.end or fact.began, self.after_diagnosis))
        return both(tests)

    @staticmethod
    def by_route(fact: Medication, routes: frozenset[str]) -> Truth:
        """Is it given by one of these routes? Of an order without a route: systemic; the stricter answer for a draft, else unknown."""
        if fact.route is None:
            if "systemic" in routes:
                return True
            possible = bool(routes & SYSTEMIC)
            return possible if fact.origin is not Origin.RECORD or not possible else None
        if (fact.route == "injection" and routes & INJECTED) or (fact.route in INJECTED and "injection" in routes):
            return True  # an injection of unstated kind may be any of them
        return fact.route in routes or ("systemic" in routes and fact.route not in NOT_SYSTEMIC)

    def for_reason(self, fact: Medication | Event) -> list[Truth]:
        """The qualifiers about why a drug is given or a service ordered."""
        tests: list[Truth] = []
        if self.reason is not None:
            tests.append(bool(fact.reasons & self.reason))
        if self.not_reason is not None:
            tests.append(not fact.reasons & self.not_reason)
        if self.reason_outside is not None:
            tests.append(bool(fact.reasons - self.reason_outside))
        if self.reason_is is not None:
            tests.append(fact.has_reason == (self.reason_is == "given"))
        return tests

    def is_new(self, fact: Medication, index: RecordIndex) -> Truth:
        """NEW: no current therapy with the same ingredient (class-wide sets: any of them; systemic if that is asked)."""
        wanted = self.names if self.class_wide else fact.concepts & self.names
        systemic = self.routes is not None and "systemic" in self.routes
        if is_renewed(wanted, index, systemic=systemic):
            return False
        return None if index.unread(RECORD_TYPES[:2]) else True

    def amount(self, kind: str, fact: Medication, index: RecordIndex) -> Decimal | None:
        """The number a bound is about; None when it cannot be computed."""
        if kind == "days":
            return total_days(fact, index)
        if kind == "dosing_days":
            return fact.dosing_days
        if kind.endswith("days"):
            return course_days(fact, self.names if kind == "course_days" else fact.concepts, index)
        daily = ordered_mg(fact, index)
        amount = daily if kind.startswith("mg") else prednisone_mg(fact.concepts, daily)
        if amount is None or not kind.endswith("per_kg"):
            return amount
        weight = weight_kg(index)
        return amount / weight if weight else None

    def per_clearance(self, mg_per_day: Decimal | None, index: RecordIndex) -> Quantity | None:
        """The daily dose in mg for each mL/min of creatinine clearance; endless without any clearance left."""
        computed = CALCULATORS["crcl"].compute(index, self.crcl_window)
        clearance = computed.value
        if mg_per_day is None or clearance is None or computed.others:
            return None
        return Quantity(mg_per_day / clearance if clearance > 0 else ENDLESS, "1", TURNED[computed.comparator])

    def judge(self, fact: Medication, index: RecordIndex) -> Truth:
        """The whole condition for one resource."""
        base = self.base(fact, index)
        truth = base if base is False else both((base, self.qualifies(fact, index)))
        if truth is False or self.mode not in {"stopped", "failed"}:
            return truth
        if self.mode == "failed":
            return both((truth, self.trials.failed(fact, index)))
        if self.reasons:
            return both((truth, bool(fact.status_reasons & self.reasons)))
        return truth

    def match(self, index: RecordIndex) -> Verdict:
        """Any one resource (or `ingredients` different drugs) that satisfies everything."""
        support: list[Support] = []
        unsure: list[NotChecked] = []
        sure_drugs: set[str] = set()
        maybe_drugs: set[str] = set()
        facts = index.pick(index.medications, self.names)
        for fact in facts:
            truth = self.judge(fact, index)
            if truth is False:
                continue
            drug = min(fact.concepts & self.names)
            one = self.forms.get(drug, drug)
            if truth:
                date = fact.began
                sure_drugs.add(one)
                support.append(Support(f"{self.mode}:{drug}", fact.ref, date.text if date else None, False, fact.matched_by_name))
            else:
                maybe_drugs.add(one)
                unsure.append(
                    NotChecked(f"{self.mode}:{drug}", "dose, duration, date, reason or route not stated", fact.kind, on_file=True)
                )
        if self.mode == "draft":
            services = self.draft_events(index)
            support.extend(services)
            sure_drugs.update(found.fact for found in services)
        enough = self.times == 1 or len({found.date for found in support}) >= self.times
        if len(sure_drugs) >= self.ingredients and enough:
            return Verdict(Presence.PRESENT, tuple(support))
        # What a dose is compared with matters to nobody without the drug.
        taken = self.dose_reads and any(self.base(fact, index) is not False for fact in facts)
        unread = gaps(index, self.reads if taken else self.types)
        if unread or (unsure and len(sure_drugs | maybe_drugs) >= self.ingredients):
            return Verdict(Presence.UNKNOWN, missing=(*unsure, *unread))
        return ABSENT

    def draft_events(self, index: RecordIndex) -> list[Support]:
        """Drafted services, procedures and appointments."""
        if self.bounds or (self.routes is not None and "systemic" not in self.routes):
            return []
        drafted = [event for event in index.drafted if event.status not in WITHDRAWN]
        found = [
            Support(f"draft:{min(event.concepts & self.names)}", event.ref, event.when.text if event.when else None)
            for event in drafted
            if event.concepts & self.names and not event.do_not_perform and not index.medication(event.ref) and both(self.for_reason(event))
        ]
        found += [
            Support(f"draft:{min(event.reasons & self.names)}", event.ref, event.when.text if event.when else None)
            for event in drafted
            if event.kind == "appointment" and event.reasons & self.names
        ]
        return found


def is_about_orders(pattern: Pattern) -> bool:
    """Does nothing count but what is drafted or planned, so that a drug on record leaves the condition as it is?"""
    return isinstance(pattern, Drug) and pattern.mode in ORDERS


def _words(value: object) -> frozenset[str]:
    raw = [value] if isinstance(value, str) else value
    if not isinstance(raw, list) or not all(isinstance(word, str) for word in raw):
        raise PatternError(f"found {value!r}, expected a word or a list of words")
    return frozenset(raw)


def build_drug(context: Context, table: Mapping[str, object], mode: str) -> Drug:
    """Build a therapy condition from its table; raises PatternError."""
    raw = table[mode]
    names = context.names(raw)
    types: tuple[str, ...] = () if mode in ORDERS else RECORD_TYPES
    if mode in {"med_tail", "given"}:
        types = MEDICATION_TYPES
    bounds = []
    for prefix in AMOUNTS:
        comparison = Comparison.build(context, table, prefix=f"{prefix}_")
        if comparison is not None:
            bounds.append((prefix, comparison))
    per_clearance = any(prefix == "mg_per_crcl" for prefix, _ in bounds)
    reason_is = table.get("reason_is")
    if reason_is not in (None, "missing", "given"):
        raise PatternError(f"reason_is: found {reason_is!r}, expected missing or given")
    missing = table.get("missing")
    if missing not in (None, "unknown"):
        raise PatternError(f"missing: found {missing!r}, expected unknown")
    ingredients, times = whole_number(table, "ingredients_at_least"), whole_number(table, "at_least_times")
    label = context.label(raw)
    tailed = class_table(context, "tail") if mode == "med_tail" else ()
    tails = tuple((drugs, duration(context, length)) for drugs, length in tailed)
    return Drug(
        mode=mode,
        label=label,
        names=names,
        types=types,
        unlisted=missing == "unknown" and bool(types) and not any(context.terminology.recordable(name) for name in names),
        window=Window.build(context, table),
        routes=_words(table["route"]) if "route" in table else None,
        not_routes=_words(table["not_route"]) if "not_route" in table else frozenset(),
        reason=context.names(table["reason"]) if "reason" in table else None,
        not_reason=context.names(table["not_reason"]) if "not_reason" in table else None,
        reason_outside=_or_wider(context, table["reason_outside"]) if "reason_outside" in table else None,
        reason_is=str(reason_is) if reason_is else None,
        single=bool(table["single"]) if "single" in table else None,
        tapering=table.get("tapering") is True,
        ordered=Window(duration(context, table["ordered_within"])) if "ordered_within" in table else EVER,
        new=bool(table.get("new", False)),
        renewal=bool(table.get("renewal", False)),
        class_wide=raw == "VS-GC-SYS" or raw == ["VS-GC-SYS"],
        reasons=_words(table["reasons"]) if "reasons" in table else frozenset(),
        after_diagnosis=context.names(table["after_diagnosis"]) if "after_diagnosis" in table else frozenset(),
        ingredients=ingredients,
        forms={name: context.terminology.drug_of(name) for name in names} if ingredients > 1 else {},
        times=times,
        tails=tails,
        longest=max((length for _, length in tails), key=in_days, default=None),
        trials=Trials.read(context) if mode == "failed" else NO_TRIALS,
        bounds=tuple(bounds),
        crcl_window=Window(duration(context, table["crcl_within"])) if "crcl_within" in table else EVER,
        dose_reads=CALCULATORS["crcl"].reads if per_clearance else (),
    )


def _or_wider(context: Context, value: object) -> Names:
    """These diseases, and what stands above them: an order for a polyneuropathy may be for any kind of it."""
    names = context.names(value)
    return names | context.terminology.wider(names)
