"""MedicationRequest, MedicationStatement, MedicationAdministration, MedicationDispense -> Medication."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from rules.extract.dosage import Course, Strength, course
from rules.extract.reading import NOTHING, Element, Reading, elements, flag, is_codeable, says_something, target_of
from rules.extract.unmapped import in_medications
from rules.facts import Medication, Origin
from rules.fhir_date import FhirDate
from rules.quantity import number

__all__ = ["administrations", "dispenses", "requests", "statements"]

DAY = timedelta(days=1)
"""An administration that is over in a day is one dose, though it has a period: an infusion of some hours, also over midnight."""


@dataclass(frozen=True, slots=True)
class _Product:
    """The drug of a resource: its concepts, the route its code implies, the strength of a single ingredient."""

    concepts: frozenset[str]
    route: str | None
    strength: Strength | None
    by_name: bool


def requests(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """A MedicationRequest (R4 11.1)."""
    product = _product(resource, reading)
    if product is None:
        return
    dose = course(resource.get("dosageInstruction"), product.strength, reading)
    authored = reading.date(resource.get("authoredOn"))
    start = dose.start or authored
    reasons, has_reason = reading.reasons(resource)
    yield Medication(
        ref,
        "MedicationRequest",
        product.concepts,
        status=reading.status(resource),
        intent=reading.intent(resource),
        origin=origin,
        do_not_perform=flag(resource.get("doNotPerform")) is True,
        route=dose.route or product.route,
        start=start,
        end=dose.end or _end(start, dose),
        authored=authored,
        mg_per_day=dose.mg_per_day,
        mg_per_kg_day=dose.mg_per_kg_day,
        dosing_days=dose.dosing_days,
        days=dose.days if dose.days is not None else _supply(resource.get("dispenseRequest"), reading),
        single=dose.single,
        as_needed=dose.as_needed,
        tapers=dose.tapers,
        reasons=reasons,
        has_reason=has_reason,
        status_reasons=_why(resource.get("statusReason"), reading),
        prior=target_of(resource.get("priorPrescription")),
        matched_by_name=product.by_name,
    )


def statements(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """A MedicationStatement (R4 11.4)."""
    product = _product(resource, reading)
    if product is None:
        return
    dose = course(resource.get("dosage"), product.strength, reading)
    start, end = _effective(resource, reading)
    reasons, has_reason = reading.reasons(resource)
    yield Medication(
        ref,
        "MedicationStatement",
        product.concepts,
        status=reading.status(resource),
        origin=origin,
        route=dose.route or product.route,
        start=start or dose.start,
        end=end or dose.end,
        authored=reading.date(resource.get("dateAsserted")),
        mg_per_day=dose.mg_per_day,
        mg_per_kg_day=dose.mg_per_kg_day,
        dosing_days=dose.dosing_days,
        days=dose.days,
        single=dose.single,
        as_needed=dose.as_needed,
        reasons=reasons,
        has_reason=has_reason,
        status_reasons=_why(resource.get("statusReason"), reading),
        matched_by_name=product.by_name,
    )


def administrations(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """A MedicationAdministration (R4 11.3): one dose unless its period says more."""
    product = _product(resource, reading)
    if product is None:
        return
    dosage = resource.get("dosage")
    amount = reading.quantity(dosage.get("dose")) if isinstance(dosage, dict) else None
    dose = amount.convert("mg") if amount is not None and not amount.comparator else None
    route = reading.terminology.route(dosage.get("route")) if isinstance(dosage, dict) else None
    start, end = _effective(resource, reading)
    reasons, has_reason = reading.reasons(resource)
    yield Medication(
        ref,
        "MedicationAdministration",
        product.concepts,
        status=reading.status(resource),
        origin=origin,
        route=route or product.route,
        start=start,
        end=end,
        mg_per_day=dose.value if dose is not None else None,
        single=start is not None and ("effectiveDateTime" in resource or (end is not None and end.end - start.start <= DAY)),
        reasons=reasons,
        has_reason=has_reason,
        status_reasons=_why(resource.get("statusReason"), reading),
        matched_by_name=product.by_name,
    )


def dispenses(resource: Element, ref: str, origin: Origin, reading: Reading) -> Iterable[Medication]:
    """A MedicationDispense (R4 11.2)."""
    product = _product(resource, reading)
    if product is None:
        return
    dose = course(resource.get("dosageInstruction"), product.strength, reading)
    yield Medication(
        ref,
        "MedicationDispense",
        product.concepts,
        status=reading.status(resource),
        origin=origin,
        route=dose.route or product.route,
        start=reading.date(resource.get("whenHandedOver")) or reading.date(resource.get("whenPrepared")),
        mg_per_day=dose.mg_per_day,
        mg_per_kg_day=dose.mg_per_kg_day,
        dosing_days=dose.dosing_days,
        days=dose.days if dose.days is not None else reading.days(resource.get("daysSupply")),
        single=dose.single,
        as_needed=dose.as_needed,
        matched_by_name=product.by_name,
    )


def _product(resource: Element, reading: Reading) -> _Product | None:
    """The drug of a resource, coded or by reference; None when it is on no list and no name in its text is."""
    codeables = [reading.codeable(resource, "medicationCodeableConcept")]
    if "medication" in resource:  # the element of R5
        reading.malformed(resource)
    reference = resource.get("medicationReference")
    target = reading.resolve(reference, resource)
    strength = None
    if target is not None and not reading.usable(target):
        reading.modified(resource)
    elif target is not None and target.get("status") == "entered-in-error":
        reading.malformed(resource)
    elif target is not None:
        if not is_codeable(target.get("code")):
            reading.malformed(resource)
        ingredients = [item for item in elements(target.get("ingredient")) if item.get("isActive") is not False]
        codeables += [target.get("code"), *(_substance(item, target, resource, reading) for item in ingredients)]
        if len(ingredients) == 1:
            strength = _strength(ingredients[0].get("strength"), reading)
    concepts = reading.concepts(*codeables)
    named = NOTHING if concepts else reading.terminology.drugs_named([*codeables, reference])
    reading.unmapped.update(in_medications(codeables, reading.terminology, named=bool(named)))
    if not concepts and not named:
        elsewhere = reference is not None and target is None
        if elsewhere or not any(says_something(item) for item in (*codeables, reference)):
            reading.malformed(resource)  # masked, absent with a reason, or said where we cannot read it: it could be any drug
        return None
    route = next((found for item in codeables if (found := reading.terminology.product_route(item, named=bool(named)))), None)
    return _Product(concepts or named, route, strength, bool(named))


def _substance(ingredient: Element, product: Element, order: Element, reading: Reading) -> object:
    """What an ingredient is: its code, or that of the Substance or Medication it refers to; all contained ones stand in the outermost
    resource (R4 references, contained)."""
    if ingredient.get("modifierExtension"):
        reading.modified(order)
        return None
    reference = ingredient.get("itemReference")
    found = reading.resolve(reference, product) or reading.resolve(reference, order)
    if found is None:
        return ingredient.get("itemCodeableConcept")
    if not reading.usable(found):
        reading.modified(order)
        return None
    return found.get("code")


def _strength(ratio: object, reading: Reading) -> Strength | None:
    """Strength of one ingredient as milligrams in so much of the product."""
    if not isinstance(ratio, dict):
        return None
    above, below = reading.quantity(ratio.get("numerator")), reading.quantity(ratio.get("denominator"))
    amount = above.convert("mg") if above is not None else None
    if amount is None or below is None or below.value <= 0 or amount.comparator or below.comparator:
        return None
    return Strength(amount.value, below.value, below.unit)


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
    if not isinstance(supply, dict):
        return None
    length = reading.days(supply.get("expectedSupplyDuration"))
    repeats = number(supply.get("numberOfRepeatsAllowed", 0))
    return length * (1 + repeats) if length is not None and repeats is not None and 0 <= repeats <= 1000 else None


def _effective(resource: Element, reading: Reading) -> tuple[FhirDate | None, FhirDate | None]:
    moment = reading.date(resource.get("effectiveDateTime"))
    return (moment, None) if moment is not None else reading.period(resource.get("effectivePeriod"))


def _why(reasons: object, reading: Reading) -> frozenset[str]:
    """Why therapy stopped: a failed trial, else that another reason was recorded."""
    known = reading.answers(reasons) & {"ineffective", "intolerance"}
    stated = any(says_something(one) for one in (reasons if isinstance(reasons, list) else [reasons]))
    return known or frozenset({"other"} if stated else ())
