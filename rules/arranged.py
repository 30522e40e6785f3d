"""Is what a rule would propose on its way already, or done? What is ordered, booked or lately completed is not proposed a second time."""

from __future__ import annotations

from rules.facts import Event, Origin, Record
from rules.interval import interval_of
from rules.model import Proposal, Rule
from rules.patterns.events import BOOKED as BOOKED_STATUSES

__all__ = ["arranged"]

ORDERED = "is ordered already"
ON_HOLD = "is ordered, and the order is on hold"
BOOKED = "an appointment for it is booked"
COMPLETED = "was completed inside the interval of this rule"
REFERRAL = "referral-"  # `referral-neurology` is the order of a visit to `neurology`, which an Appointment states
VISITS = {"referral-pain-management": "pain-service", "referral-palliative-care": "palliative"}  # where the names differ by more


def arranged(proposal: Proposal, record: Record, rule: Rule) -> str | None:
    """Why a proposed ServiceRequest or Appointment is not needed: one like it is active or planned, the visit is booked and to come, or a
    referral like it was completed inside the rule's interval (a test is another matter: new findings may ask for a new one)."""
    concept = proposal.concept
    if concept is None or proposal.resource.get("resourceType") not in ("ServiceRequest", "Appointment"):
        return None
    visit = {concept, VISITS.get(concept, concept.removeprefix(REFERRAL))}
    for event in record.events:
        if event.kind == "order" and concept in event.concepts and _runs(event):
            return ON_HOLD if event.status == "on-hold" else ORDERED
        if event.kind == "appointment" and visit & event.concepts and _is_to_come(event, record):
            return BOOKED
        if concept.startswith(REFERRAL) and concept in event.concepts and _was_done(event, record, rule):
            return COMPLETED
    return None


def _runs(order: Event) -> bool:
    if order.do_not_perform or order.origin is Origin.DRAFT:
        return False
    return order.origin is Origin.PLANNED or order.status in ("active", "on-hold")


def _is_to_come(appointment: Event, record: Record) -> bool:
    if appointment.origin is Origin.DRAFT or appointment.status not in BOOKED_STATUSES:
        return False
    return appointment.when is not None and appointment.when.end >= record.as_of


def _was_done(event: Event, record: Record, rule: Rule) -> bool:
    if event.kind not in ("order", "procedure") or event.do_not_perform or event.origin is not Origin.RECORD or event.status != "completed":
        return False
    when, interval = event.when or event.end, interval_of(rule)
    return when is not None and interval is not None and when.within(record.as_of, interval) is True
