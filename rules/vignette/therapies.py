"""Drugs, drafts and planned orders of a vignette."""

from __future__ import annotations

from typing import Final

from rules.vignette.elements import code, instant, listed, period, quantity
from rules.vignette.entry import Entry, Json
from rules.vignette.maker import SUBJECT, Maker

__all__ = ["appointment", "draft", "medication", "planned"]

_DRUG_KINDS: Final = ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense")


def medication(maker: Maker, entry: Entry) -> None:
    """A drug on file."""
    _drug(maker, entry, maker.resources, entry.choice("kind", tuple(_DRUG_KINDS), "MedicationRequest"), "active", "-60 days")


def draft(maker: Maker, entry: Entry) -> None:
    """What the hook asks about."""
    _drafted(maker, entry, maker.drafts)


def planned(maker: Maker, entry: Entry) -> None:
    """Another unsigned draft of the call."""
    _drafted(maker, entry, maker.planned)


def _drafted(maker: Maker, entry: Entry, into: list[Json]) -> None:
    """A draft: a drug becomes a MedicationRequest, anything else a ServiceRequest, on appointment-book an Appointment."""
    concept = entry.text("concept")
    is_drug = bool(entry.text("name")) or maker.terminology.kind(concept) == "medication" or entry.text("system") in ("rxnorm", "atc")
    usual = "Appointment" if maker.hook == "appointment-book" else "MedicationRequest" if is_drug else "ServiceRequest"
    kind = entry.choice("type", ("MedicationRequest", "ServiceRequest", "ImmunizationRecommendation", "Appointment"), usual)
    if kind == "MedicationRequest":
        _drug(maker, entry, into, kind, "draft", "today")
    elif kind == "ServiceRequest":
        maker.resource(
            kind,
            into,
            id=entry.text("id"),
            status=entry.text("status", "draft"),
            intent=entry.text("intent", "order"),
            doNotPerform=entry.truth("do_not_perform", False) or None,
            code=entry.codeable(),
            subject=SUBJECT,
            authoredOn=entry.when("since", "today"),
            occurrenceDateTime=entry.when("when"),
            reasonCode=listed(entry.named("reason")),
        )
    elif kind == "Appointment":
        _booking(maker, entry, into, "proposed")
    else:
        maker.resource(
            kind,
            into,
            id=entry.text("id"),
            patient=SUBJECT,
            date=entry.when("since", "today"),
            recommendation=[{"vaccineCode": [entry.codeable()], "forecastStatus": code("immunization-recommendation-status", "due")}],
        )


def _drug(maker: Maker, entry: Entry, into: list[Json], kind: str, status: str, since: str) -> None:
    """A medication resource of the given kind."""
    drug: Json = {"text": entry.text("name")} if entry.text("name") else entry.codeable()
    start, end = entry.when("since", since), entry.when("until")
    status = entry.text("status", "completed" if kind in ("MedicationAdministration", "MedicationDispense") else status)
    common: Json = {
        "id": entry.text("id"),
        "status": status,
        "medicationCodeableConcept": drug,
        "subject": SUBJECT,
    }
    reasons = {"reasonCode": listed(entry.named("reason"))}
    why = entry.answer("status_reason")
    dosage = _dosage(maker, entry, start, end, entry.number("mg_per_day"))
    steps = [{"sequence": place, **_dosage(maker, entry, start, end, dose)} for place, dose in enumerate(entry.numbers("steps"), 1)]
    if kind == "MedicationRequest":
        prior = entry.text("prior")
        common |= {
            "intent": entry.text("intent", "order"),
            "doNotPerform": entry.truth("do_not_perform", False) or None,
            "authoredOn": start,
            "statusReason": why,
            "dosageInstruction": steps or listed(dosage),
            "priorPrescription": {"reference": prior if "/" in prior else f"MedicationRequest/{prior}"} if prior else {},
        }
    elif kind == "MedicationStatement":
        common |= {"effectivePeriod": period(start, end), "statusReason": listed(why), "dosage": listed(dosage)}
    elif kind == "MedicationAdministration":
        dose = {"route": dosage.get("route"), "dose": quantity(entry.number("mg_per_day"), "mg")}
        common |= {
            "effectivePeriod" if end else "effectiveDateTime": period(start, end) if end else start,
            "statusReason": listed(why),
            "dosage": {name: value for name, value in dose.items() if value} if dose["dose"] else {},
        }
    else:
        reasons = {}
        common |= {"whenHandedOver": start, "daysSupply": quantity(entry.number("days"), "d"), "dosageInstruction": listed(dosage)}
    maker.resource(kind, into, **common, **reasons)


def _dosage(maker: Maker, entry: Entry, start: str, end: str, per_day: int | float | None) -> Json:
    """One dose a day, on every day or on so many days of the week, with route, length and need, as far as the entry says."""
    per_kg, days = entry.number("mg_per_kg_day"), entry.number("days")
    weekly = entry.number("dosing_days")
    repeat: Json = {}
    if entry.truth("single", False):
        repeat["count"] = 1
    elif weekly is not None:
        repeat = {"frequency": int(weekly), "period": 1, "periodUnit": "wk"}
    elif per_day is not None or per_kg is not None:
        repeat = {"frequency": 1, "period": 1, "periodUnit": "d"}
    if days is not None:
        repeat["boundsDuration"] = quantity(days, "d")
    elif end:
        repeat["boundsPeriod"] = period(start, end)
    route = entry.text("route")
    coding = maker.terminology.route_coding(route) if route else None
    if route and coding is None:
        raise ValueError(f"{entry.where}.route: found {route!r}, which has no code in routes.csv")
    as_needed = entry.truth("prn", False)
    amount = quantity(per_day, "mg") if per_day is not None else quantity(per_kg, "mg/kg")
    dosage: Json = {
        "timing": {"repeat": repeat} if repeat else {},
        "asNeededBoolean": as_needed or None,
        "route": {"coding": [coding]} if coding else {},
        "doseAndRate": [{"doseQuantity": amount}] if amount else [],
        "maxDosePerPeriod": {"numerator": amount, "denominator": quantity(1, "d")} if as_needed and amount else {},
    }
    return {name: value for name, value in dosage.items() if value not in ({}, [], None)}


def appointment(maker: Maker, entry: Entry) -> None:
    """An appointment on file."""
    _booking(maker, entry, maker.resources, "booked")


def _booking(maker: Maker, entry: Entry, into: list[Json], status: str) -> None:
    start = entry.when("when", "+14 days")
    maker.resource(
        "Appointment",
        into,
        id=entry.text("id"),
        status=entry.text("status", status),
        serviceType=[entry.codeable()],
        reasonCode=listed(entry.named("reason")),
        start=instant(start, 9),
        end=instant(start, 10),
        participant=[{"actor": SUBJECT, "status": "accepted"}],
    )
