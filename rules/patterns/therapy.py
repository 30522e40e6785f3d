"""What one medication resource says about therapy: whether it is current, ended or given, and how long the course has lasted."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rules.facts import UNREADABLE, Medication, Origin
from rules.fhir_date import Duration
from rules.patterns.base import Names, Truth, any_of, both
from rules.patterns.index import RecordIndex

__all__ = [
    "NOT_SYSTEMIC",
    "WITHDRAWN",
    "course_days",
    "current",
    "ended",
    "given",
    "is_renewed",
    "is_stop",
    "is_taper",
    "ordered_mg",
    "past_days",
    "total_days",
    "weight_kg",
    "withdrawn",
]

ORDER_INTENTS = {None, "order", "original-order", "reflex-order", "filler-order", "instance-order", "plan", "proposal"}
WITHDRAWN = {"cancelled", "stopped", "completed", "revoked", "noshow", "fulfilled", "not-done"}
"""With one of these a draft orders nothing. By CDS Hooks `draftOrders` are unsigned: every other status counts as draft."""
NOT_SYSTEMIC = {"topical", "ear", "eye", "inhaled", "nasal", "vaginal", "irrigation"}
SERIES_GAP = timedelta(days=30)
YEAR = Duration(12, "month")


def current(fact: Medication) -> Truth:
    """RX: is this therapy now? A planned draft of the same call counts too."""
    if fact.do_not_perform:
        return False
    if fact.origin is Origin.PLANNED:
        return fact.status not in WITHDRAWN
    if fact.origin is Origin.DRAFT:
        return False
    if fact.kind == "MedicationRequest":
        return both((_is_order(fact), _has(fact, {"active", "on-hold"})))
    if fact.kind == "MedicationStatement":
        return _has(fact, {"active", "intended", "on-hold"})
    return fact.kind == "MedicationAdministration" and fact.status == "in-progress"


def _is_order(fact: Medication) -> Truth:
    """Is it meant to be carried out? An intent that cannot be read may be any."""
    return None if fact.intent == UNREADABLE else fact.intent in ORDER_INTENTS


def _has(fact: Medication, statuses: set[str]) -> Truth:
    """Has it one of these statuses? One that is missing, "unknown" or cannot be read may be any."""
    return None if fact.status in {None, "unknown", UNREADABLE} else fact.status in statuses


def ended(fact: Medication) -> bool:
    """Is this a record of therapy that has stopped? One that was cancelled before any dose has not."""
    return fact.may_be_taken and fact.status in {"stopped", "completed"} and fact.kind != "MedicationDispense"


def withdrawn(fact: Medication) -> bool:
    """Has it stopped, or was the order cancelled because the trial had failed?"""
    cancelled = fact.kind == "MedicationRequest" and fact.status == "cancelled" and fact.origin is Origin.RECORD
    return ended(fact) or (cancelled and bool(fact.status_reasons - {"other"}))


def given(fact: Medication) -> Truth:
    """ADMIN: was a dose given, or does an order cover the time?"""
    if fact.origin is not Origin.RECORD or fact.do_not_perform:
        return False
    if fact.kind in {"MedicationAdministration", "MedicationDispense"}:
        return _has(fact, {"completed", "in-progress", "stopped"})
    was = None if fact.status == UNREADABLE else fact.status in {"completed", "stopped"}
    return any_of((current(fact), both((_is_order(fact), was))))


def is_stop(fact: Medication, index: RecordIndex) -> Truth:
    """STOP-DRAFT: a draft that stops a current drug, or cuts its dose by more than half."""
    if fact.origin is Origin.RECORD:
        return False
    if fact.do_not_perform or fact.status in {"stopped", "cancelled"}:
        return True
    prior = index.medication(fact.prior) if fact.prior else None
    if prior is None or not current(prior):
        return False
    if fact.mg_per_day is None or prior.mg_per_day is None:
        return None
    return fact.mg_per_day * 2 < prior.mg_per_day


def is_taper(fact: Medication, index: RecordIndex) -> Truth:
    """Does this order lower the dose step by step? Not one that begins with a steep cut, nor one that a draft of this call stops;
    unknown when such a draft does not say which order it stops."""
    if not fact.tapers:
        return fact.tapers
    stops = [other for other in index.pick(index.medications, fact.concepts) if is_stop(other, index) is not False]
    if any(fact.ref in (other.ref, other.prior) for other in stops):
        return False
    return fact.origin is not Origin.RECORD or all(other.prior for other in stops) or None


def ordered_mg(fact: Medication, index: RecordIndex) -> Decimal | None:
    """dose(x): mg a day. Unsigned orders of one call for the same drug and route add up, a morning and an evening order for instance.

    Orders with a last day may be steps that follow one another: of these the largest counts. An order for one dose, one whose dose is
    not known, and the very same order sent twice add nothing.
    """
    own = fact.mg_per_day
    if fact.origin is Origin.RECORD or own is None or fact.single:
        return own
    if index.ordered_mg is None:
        index.ordered_mg = _ordered(index)
    return max(own, index.ordered_mg.get((fact.concepts, fact.route), own))


def _ordered(index: RecordIndex) -> dict[tuple[Names, str | None], Decimal]:
    """The mg a day of all unsigned orders of a drug by a route: every order of it asks."""
    together: dict[tuple[Names, str | None], Decimal] = {}
    steps: dict[tuple[Names, str | None], Decimal] = {}
    for order in dict.fromkeys(index.record.medications):
        if order.origin is Origin.RECORD or order.do_not_perform or order.status in WITHDRAWN:
            continue
        if order.mg_per_day is None or order.single:
            continue
        key = order.concepts, order.route
        if _has_last_day(order):
            steps[key] = max(steps.get(key, order.mg_per_day), order.mg_per_day)
        else:
            together[key] = together.get(key, Decimal(0)) + order.mg_per_day
    return {key: max(found.get(key, Decimal(0)) for found in (together, steps)) for key in together | steps}


def _has_last_day(fact: Medication) -> bool:
    return fact.end is not None or (fact.began is None and fact.days is not None)


def weight_kg(index: RecordIndex) -> Decimal | None:
    """The latest body weight of the last 12 months, in kg."""
    if not index.weights:
        index.weights.append(_latest_weight(index))
    return index.weights[0]


def _latest_weight(index: RecordIndex) -> Decimal | None:
    from rules.patterns.labs import series  # noqa: PLC0415 - labs needs the calculators, and they the weight

    for fact in series(index, frozenset({"weight"})):
        if fact.value is not None and fact.when is not None and fact.when.within(index.record.as_of, YEAR):
            kilograms = fact.value.convert("kg")
            if kilograms is not None:
                return kilograms.value
    return None


@dataclass(frozen=True, slots=True)
class Courses:
    """Orders of some drugs by when they began; `first` is when the unbroken series that an order belongs to began, `last` when
    everything that began until then had ended; current therapy has not ended until now."""

    starts: tuple[datetime, ...]
    first: tuple[datetime, ...]
    last: tuple[datetime, ...]

    @classmethod
    def read(cls, drugs: Names, index: RecordIndex) -> Courses:
        """Work them out once for each record: every order of the drugs asks for them."""
        now = index.record.as_of
        spans = []
        for other in index.pick(index.medications, drugs):
            if other.may_be_taken:
                start, end = other.began, other.end
                if start is not None and start.start <= now:
                    spans.append((start.start, now if current(other) else min(now, end.end if end else start.end)))
        first: list[datetime] = []
        last: list[datetime] = []
        for begin, finish in sorted(spans):
            joined = bool(last) and begin <= last[-1] + SERIES_GAP
            first.append(first[-1] if joined else begin)
            last.append(max(finish, last[-1]) if last else finish)
        return cls(tuple(sorted(begin for begin, _ in spans)), tuple(first), tuple(last))


def past_days(drugs: Names, index: RecordIndex, until: datetime | None = None) -> Decimal | None:
    """Days from the first order of the unbroken series of these drugs until then (now); gaps up to 30 days are bridged."""
    now = until or index.record.as_of
    courses = index.courses.get(drugs)
    if courses is None:
        courses = index.courses[drugs] = Courses.read(drugs, index)
    place = bisect_right(courses.starts, now) - 1
    if place < 0:
        return None
    first = courses.first[place] if courses.last[place] + SERIES_GAP >= now else now
    return Decimal((now - first + timedelta(seconds=1)).days)  # a day ends a moment before the next: from the 1st to the 5th are 5 days


def total_days(fact: Medication, index: RecordIndex) -> Decimal | None:
    """DURATION: planned days of a draft plus the series it renews; else the larger of past and planned, when `fact` ended or now."""
    past = course_days(fact, fact.concepts, index) if ended(fact) else past_days(fact.concepts, index)
    if fact.origin is Origin.RECORD:
        known = [days for days in (past, fact.days) if days is not None]
        return max(known) if known else None
    renewed = is_renewed(fact.concepts, index)
    if fact.days is None:
        return past if renewed else None
    return fact.days + past if renewed and past is not None else fact.days


def is_renewed(drugs: Names, index: RecordIndex, *, systemic: bool = False) -> bool:
    """Is there current therapy on record with any of these drugs (`systemic`: by a route that is)?"""
    found = index.renewed.get((drugs, systemic))
    if found is None:
        found = index.renewed[drugs, systemic] = any(
            current(other) and other.origin is Origin.RECORD and not (systemic and other.route in NOT_SYSTEMIC)
            for other in index.pick(index.medications, drugs)
        )
    return found


def course_days(fact: Medication, drugs: Names, index: RecordIndex) -> Decimal | None:
    """medDays: how long the unbroken course of these drugs has lasted, or had when `fact` ended it; planned days never count.

    Of a draft: of the therapy that it renews, 0 without any."""
    if fact.origin is not Origin.RECORD:
        past = past_days(drugs, index)
        return Decimal(0) if past is None and not is_renewed(drugs, index) else past
    if current(fact):
        return past_days(drugs, index)
    return None if fact.end is None else past_days(drugs, index, min(fact.end.end, index.record.as_of))
