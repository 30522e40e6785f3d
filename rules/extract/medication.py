"""MedicationRequest, MedicationStatement, MedicationAdministration, MedicationDispense -> Medication."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from rules.extract.dosage import Course, Strength, course
from rules.extract.reading import Element, Reading, elements, flag, target_of
from rules.facts import Medication, Origin
from rules.fhir_date import FhirDate
from rules.quantity import number

__all__ = ["administrations", "dispenses", "requests", "statements"]

_REQUEST = frozenset({"active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"})
_STATEMENT = frozenset({"active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"})
_ADMINISTRATION = frozenset({"in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"})
_DISPENSE = frozenset(
    {"preparation", "in-progress", "cancelled", "on-hold", "completed", "entered-in-error", "stopped", "declined", "unknown"}
)
_INTENT = frozenset(
    {"proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option", "directive"}
)


def requests(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """A MedicationRequest (R4 11.1)."""
    product = _drug(resource, ref, reading)
    if product is None:
        return
    drug, strength = product
    dose = course(resource.get("dosageInstruction"), strength, reading)
    supply = resource.get("dispenseRequest")
    authored = reading.date(resource.get("authoredOn"))
    reasons, has_reason = reading.reasons(resource)
    yield replace(
        _with_course(drug, dose),
        status=reading.status(resource, "status", _REQUEST),
        intent=reading.status(resource, "intent", _INTENT),
        origin=origin,
        do_not_perform=flag(resource.get("doNotPerform")) is True,
        start=dose.start or authored,
        end=dose.end or _end(dose.start or authored, dose),
        authored=authored,
        days=dose.days if dose.days is not None else _supply(supply, reading),
        reasons=reasons,
        has_reason=has_reason,
        status_reasons=_why(resource.get("statusReason"), reading),
        prior=target_of(resource.get("priorPrescription")),
    )


def statements(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """A MedicationStatement (R4 11.4)."""
    product = _drug(resource, ref, reading)
    if product is None:
        return
    drug, strength = product
    dose = course(resource.get("dosage"), strength, reading)
    start, end = _effective(resource, reading)
    reasons, has_reason = reading.reasons(resource)
    yield replace(
        _with_course(drug, dose),
        status=reading.status(resource, "status", _STATEMENT),
        origin=origin,
        start=start or dose.start,
        end=end or dose.end,
        authored=reading.date(resource.get("dateAsserted")),
        reasons=reasons,
        has_reason=has_reason,
        status_reasons=_why(resource.get("statusReason"), reading),
    )


def administrations(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """A MedicationAdministration (R4 11.3): one dose unless its period says more."""
    product = _drug(resource, ref, reading)
    if product is None:
        return
    drug, _ = product
    dosage = resource.get("dosage")
    amount = reading.quantity(dosage.get("dose")) if isinstance(dosage, Mapping) else None
    dose = amount.convert("mg") if amount is not None and amount.unit != "1" else None
    route = reading.terminology.route(dosage.get("route")) if isinstance(dosage, Mapping) else None
    start, end = _effective(resource, reading)
    reasons, has_reason = reading.reasons(resource)
    yield replace(
        drug,
        status=reading.status(resource, "status", _ADMINISTRATION),
        origin=origin,
        route=route or drug.route,
        start=start,
        end=end,
        mg_per_day=dose.value if dose is not None else None,
        single=isinstance(resource.get("effectiveDateTime"), str),
        reasons=reasons,
        has_reason=has_reason,
        status_reasons=_why(resource.get("statusReason"), reading),
    )


def dispenses(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """A MedicationDispense (R4 11.2)."""
    product = _drug(resource, ref, reading)
    if product is None:
        return
    drug, strength = product
    dose = course(resource.get("dosageInstruction"), strength, reading)
    supply = reading.quantity(resource.get("daysSupply"))
    length = supply.convert("d") if supply is not None else None
    yield replace(
        _with_course(drug, dose),
        status=reading.status(resource, "status", _DISPENSE),
        origin=origin,
        start=reading.date(resource.get("whenHandedOver")) or reading.date(resource.get("whenPrepared")),
        days=dose.days if dose.days is not None else length.value if length is not None else None,
    )


def _drug(resource: Element, ref: str, reading: Reading) -> tuple[Medication, Strength | None] | None:
    """The drug of a resource, coded or by reference, with the route its product code implies; None when it is on no list."""
    codeable = reading.codeable(resource, "medicationCodeableConcept")
    product = reading.resolve(resource.get("medicationReference"), resource)
    codeables = [codeable]
    strength = None
    if product is not None and reading.usable({**product, "resourceType": resource.get("resourceType")}):
        ingredients = elements(product.get("ingredient"))
        codeables += [product.get("code"), *(item.get("itemCodeableConcept") for item in ingredients)]
        if len(ingredients) == 1:
            strength = _strength(ingredients[0].get("strength"), reading)
    concepts = reading.concepts(*codeables)
    route = next((found for item in codeables if (found := reading.terminology.product_route(item))), None)
    kind = str(resource.get("resourceType"))
    if concepts:
        return Medication(ref, kind, concepts, route=route), strength
    named = reading.terminology.drugs_named(codeables)
    return (Medication(ref, kind, named, route=route, matched_by_name=True), strength) if named else None


def _strength(ratio: object, reading: Reading) -> Strength | None:
    """Strength of one ingredient as milligrams in so much of the product."""
    if not isinstance(ratio, Mapping):
        return None
    above, below = reading.quantity(ratio.get("numerator")), reading.quantity(ratio.get("denominator"))
    amount = above.convert("mg") if above is not None and above.unit != "1" else None
    if amount is None or below is None or below.value <= 0 or amount.comparator or below.comparator:
        return None
    return Strength(amount.value, below.value, below.unit)


def _with_course(drug: Medication, dose: Course) -> Medication:
    return replace(
        drug,
        route=dose.route or drug.route,
        mg_per_day=dose.mg_per_day,
        mg_per_kg_day=dose.mg_per_kg_day,
        days=dose.days,
        single=dose.single,
        as_needed=dose.as_needed,
    )


def _end(start: FhirDate | None, dose: Course) -> FhirDate | None:
    """The last day of a course of known length."""
    if start is None or dose.days is None or dose.days > 100_000:
        return None
    try:
        return FhirDate.of(start.start.date() + timedelta(days=max(int(dose.days) - 1, 0)))
    except OverflowError:
        return None


def _supply(supply: object, reading: Reading) -> Decimal | None:
    """Expected supply duration times (repeats + 1), in days."""
    if not isinstance(supply, Mapping):
        return None
    quantity = reading.quantity(supply.get("expectedSupplyDuration"))
    length = quantity.convert("d") if quantity is not None else None
    repeats = number(supply.get("numberOfRepeatsAllowed", 0))
    if length is None or length.value <= 0 or repeats is None or not 0 <= repeats <= 1000:
        return None
    return length.value * (1 + repeats)


def _effective(resource: Element, reading: Reading) -> tuple[FhirDate | None, FhirDate | None]:
    moment = reading.date(resource.get("effectiveDateTime"))
    return (moment, None) if moment is not None else reading.period(resource.get("effectivePeriod"))


def _why(reasons: object, reading: Reading) -> frozenset[str]:
    return reading.answers(reasons) & {"ineffective", "intolerance"}
