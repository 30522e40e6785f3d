"""Is what a rule would propose on its way already? What is ordered or booked is not proposed a second time."""

from __future__ import annotations

from rules.facts import Event, Origin, Record
from rules.model import Proposal
from rules.patterns.events import BOOKED as BOOKED_STATUSES

__all__ = ["arranged"]

ORDERED = "is ordered already"
BOOKED = "an appointment for it is booked"
REFERRAL = "referral-"  # `referral-neurology` is the order of a visit to `neurology`, which an Appointment states


def arranged(proposal: Proposal, record: Record) -> str | None:
    """Why a proposed ServiceRequest or Appointment is not needed: one like it is active or planned, or the visit is booked and to come."""
    concept = proposal.concept
    if concept is None or proposal.resource.get("resourceType") not in ("ServiceRequest", "Appointment"):
        return None
    visit = {concept, concept.removeprefix(REFERRAL)}
    for event in record.events:
        if event.kind == "order" and concept in event.concepts and _runs(event):
            return ORDERED
        if event.kind == "appointment" and visit & event.concepts and _is_to_come(event, record):
            return BOOKED
    return None


def _runs(order: Event) -> bool:
    if order.do_not_perform or order.origin is Origin.DRAFT:
        return False
    return order.origin is Origin.PLANNED or order.status in ("active", "on-hold")


def _is_to_come(appointment: Event, record: Record) -> bool:
    if appointment.origin is Origin.DRAFT or appointment.status not in BOOKED_STATUSES:
        return False
    return appointment.when is not None and appointment.when.end >= record.as_of
