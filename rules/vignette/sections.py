"""One function for each section of a vignette: an entry becomes FHIR R4 resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rules.fhir_date import Duration
from rules.quantity import is_unit
from rules.terminology import CONCEPT_SYSTEM
from rules.vignette import therapies
from rules.vignette.elements import HL7, code, instant, listed, period, quantity
from rules.vignette.entry import Entry, Json
from rules.vignette.maker import SUBJECT, Maker

__all__ = ["MAKERS"]

_CLINICAL: Final = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")
_VERIFICATION: Final = ("unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error")
_SEVERITIES: Final = ("mild", "moderate", "severe")
_INTERPRETATIONS: Final = {"positive": "POS", "negative": "NEG", "indeterminate": "IND", "high": "H", "low": "L", "normal": "N"}
_STATUS_REASON: Final = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
_PRIORITIES: Final = ("routine", "urgent", "asap", "stat")
_RELATIONS: Final = {
    "mother": "MTH", "father": "FTH", "brother": "BRO", "sister": "SIS", "son": "SON", "daughter": "DAU", "child": "CHILD",
    "sibling": "SIB", "parent": "PRN", "aunt": "AUNT", "uncle": "UNCLE", "cousin": "COUSN", "grandmother": "GRMTH",
    "grandfather": "GRFTH", "maternal uncle": "MUNCLE", "paternal uncle": "PUNCLE", "son-in-law": "SONINLAW", "niece or nephew": "NIENEPH",
}  # fmt: skip


def _diagnosis(maker: Maker, entry: Entry) -> None:
    a_year_ago = Duration(1, "year").before(maker.noon).date()
    start = a_year_ago if maker.birth is None else max(a_year_ago, min(maker.birth, maker.on))
    onset = entry.when("onset", start.isoformat())
    verification = entry.choice("verification", _VERIFICATION, "confirmed")
    raw_abated = entry.raw.get("abated", "")
    abated: Json = {}
    if raw_abated is True:
        abated = {"abatementString": "abated"}
    elif raw_abated is not False and entry.text("abated"):
        abated = {"abatementDateTime": entry.when("abated")}
    made = maker.resource(
        "Condition",
        subject=SUBJECT,
        code=entry.codings(),
        clinicalStatus={}
        if verification == "entered-in-error"
        else code("condition-clinical", entry.choice("clinical", _CLINICAL, "resolved" if abated else "active")),
        verificationStatus=code("condition-ver-status", verification),
        severity=entry.answer("severity"),
        bodySite=[site] if (site := entry.answer("site")) else [],
        onsetDateTime=onset,
        recordedDate=entry.when("recorded", onset),
        meta={"lastUpdated": instant(changed, 12)} if (changed := entry.when("changed")) else {},
        **abated,
    )
    if entry.truth("new", False):
        maker.problems.append(made)


def _finding(maker: Maker, entry: Entry) -> None:
    present = entry.truth("present", True)
    when = entry.when("when", "-7 days")
    if entry.choice("as", ("observation", "condition"), "observation") == "condition":
        maker.resource(
            "Condition",
            subject=SUBJECT,
            code=entry.codeable(),
            clinicalStatus=code("condition-clinical", "active") if present else {},
            verificationStatus=code("condition-ver-status", "confirmed" if present else "refuted"),
            onsetDateTime=when,
            recordedDate=when,
        )
        return
    maker.resource(
        "Observation",
        status=entry.text("status", "final"),
        category=[code("observation-category", "exam")],
        code=entry.codeable(),
        subject=SUBJECT,
        effectiveDateTime=when,
        valueBoolean=present,
    )


def _lab(maker: Maker, entry: Entry) -> None:
    unit = entry.text("unit") or "1"
    if not is_unit(unit):
        raise ValueError(f"{entry.where}.unit: found {unit!r}, expected a UCUM unit such as mg/dL")
    value = quantity(entry.number("value"), unit)
    if value and entry.text("comparator"):
        value["comparator"] = entry.text("comparator")
    result = entry.choice("result", _INTERPRETATIONS, "")
    coded: Json = entry.answer("answer")
    if result in ("positive", "negative", "indeterminate") and not value and not coded:
        known = maker.terminology.answer_coding(result)
        coded = {"coding": [known] if known else [], "text": result}
    low, high = quantity(entry.number("low"), unit), quantity(entry.number("high"), unit)
    limits = {name: limit for name, limit in (("low", low), ("high", high)) if limit}
    truth = entry.truth("truth", False) if "truth" in entry.raw else None
    focus = entry.named("focus")
    about = maker.resource("Condition", subject=SUBJECT, code=focus) if focus else {}
    maker.resource(
        "Observation",
        status=entry.text("status", "final"),
        code=entry.codeable(),
        subject=SUBJECT,
        focus=[{"reference": f"Condition/{about['id']}"}] if about else [],
        effectiveDateTime=entry.when("when", "-7 days"),
        valueQuantity=value,
        valueCodeableConcept=coded,
        valueBoolean=truth,
        valueDateTime=entry.when("date"),
        interpretation=listed(code("v3-ObservationInterpretation", _INTERPRETATIONS[result])) if result else [],
        referenceRange=[limits] if limits else [],
        bodySite=entry.answer("site"),
    )


def _gene(maker: Maker, entry: Entry) -> None:
    """A genetics result: gene studied, and its significance or copy number."""
    gene, significance, copies = entry.named("gene"), entry.answer("significance"), entry.number("copies")
    parts: list[Json] = [{"code": maker.codeable(entry.where, "gene-studied"), "valueCodeableConcept": gene}]
    if significance:
        parts.append({"code": maker.codeable(entry.where, "variant-significance"), "valueCodeableConcept": significance})
    if copies is not None:
        parts.append({"code": maker.codeable(entry.where, "gene-copies"), "valueQuantity": quantity(copies, "1")})
    maker.resource(
        "Observation",
        status=entry.text("status", "final"),
        code={"text": "Genetic variant assessment"},
        subject=SUBJECT,
        effectiveDateTime=entry.when("when", "-30 days"),
        component=parts,
    )


def _procedure(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "Procedure",
        status=entry.text("status", "completed"),
        code=entry.codeable(),
        subject=SUBJECT,
        performedDateTime=entry.when("when", "-30 days"),
        reasonCode=listed(entry.named("reason")),
    )


def _imaging(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "ImagingStudy",
        status=entry.text("status", "available"),
        subject=SUBJECT,
        started=entry.when("when", "-30 days"),
        procedureCode=[entry.codeable()],
        reasonCode=listed(entry.named("reason")),
    )


def _report(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "DiagnosticReport",
        status=entry.text("status", "final"),
        code=entry.codeable(),
        subject=SUBJECT,
        effectiveDateTime=entry.when("when", "-30 days"),
        conclusionCode=listed(entry.answer("conclusion")),
    )


def _immunization(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "Immunization",
        status=entry.text("status", "completed"),
        vaccineCode=entry.codeable(),
        patient=SUBJECT,
        occurrenceDateTime=entry.when("when", "-30 days"),
        reasonCode=listed(entry.named("reason")),
    )


def _allergy(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "AllergyIntolerance",
        clinicalStatus=code("allergyintolerance-clinical", entry.text("clinical", "active")),
        verificationStatus=code("allergyintolerance-verification", entry.text("verification", "confirmed")),
        code=entry.codeable(),
        patient=SUBJECT,
        recordedDate=entry.when("when", "-1 year"),
        reaction=listed(_reaction(entry)),
    )


def _reaction(entry: Entry) -> Json:
    """The reaction of an allergy; without the option `reaction` it manifested as something that carries no code."""
    severity = entry.choice("severity", _SEVERITIES, "")
    shown = entry.named("reaction")
    if not severity and not shown:
        return {}
    return {"manifestation": [shown or {"text": "not coded"}], **({"severity": severity} if severity else {})}


def _relative(maker: Maker, entry: Entry) -> None:
    relation = entry.choice("relationship", _RELATIONS, "mother")
    maker.resource(
        "FamilyMemberHistory",
        status=entry.text("status", "completed"),
        patient=SUBJECT,
        relationship=code("v3-RoleCode", _RELATIONS[relation]),
        condition=[{"code": entry.codeable()}],
    )


def _encounter(maker: Maker, entry: Entry) -> None:
    when = entry.when("when", "-30 days")
    maker.resource(
        "Encounter",
        status=entry.text("status", "finished"),
        **{"class": {"system": HL7 + "v3-ActCode", "code": entry.text("class", "AMB")}},
        serviceType=entry.codeable(needed=False),
        priority=code("v3-ActPriority", entry.text("priority")),
        subject=SUBJECT,
        period=period(when, when),
        hospitalization={"admitSource": came} if (came := code("admit-source", entry.text("admit_source"))) else {},
        reasonCode=listed(entry.named("reason")),
    )


def _order(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "ServiceRequest",
        extension=[{"url": _STATUS_REASON, "valueCodeableConcept": {"text": reason}}] if (reason := entry.text("status_reason")) else [],
        status=entry.text("status", "active"),
        intent="order",
        priority=entry.choice("priority", _PRIORITIES, ""),
        doNotPerform=entry.truth("do_not_perform", False) or None,
        code=entry.codeable(),
        subject=SUBJECT,
        authoredOn=entry.when("when", "-30 days"),
        occurrenceDateTime=entry.when("due"),
        reasonCode=listed(entry.named("reason")),
    )


def _plan(maker: Maker, entry: Entry) -> None:
    about = _addressed(maker, entry)
    maker.resource(
        "CarePlan",
        status=entry.text("status", "active"),
        intent="plan",
        category=[entry.codeable()],
        subject=SUBJECT,
        period=period(entry.when("when", "-30 days"), entry.when("until")),
        addresses=about,
    )


def _goal(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "Goal",
        lifecycleStatus=entry.text("status", "active"),
        achievementStatus=code("goal-achievement", entry.text("achievement")),
        description=entry.codeable(needed=False) or {"text": "Goal"},
        subject=SUBJECT,
        startDate=entry.when("when", "-30 days"),
        addresses=_addressed(maker, entry),
    )


def _addressed(maker: Maker, entry: Entry) -> list[Json]:
    """References to the patient's conditions with the code of `for`; it is an error when there is none."""
    wanted = entry.named("for")
    if not wanted:
        return []
    found = [made for made in maker.resources if made["resourceType"] == "Condition" and made.get("code") == wanted]
    if not found:
        raise ValueError(f"{entry.where}.for: found {entry.text('for')!r}, expected one of the patient's diagnoses")
    return [{"reference": f"Condition/{made['id']}"} for made in found]


def _device(maker: Maker, entry: Entry) -> None:
    status = entry.text("status", "active")
    device = maker.resource("Device", status="active", type=entry.codeable(), patient=SUBJECT) if _is_use(entry) else None
    if device is None:
        maker.resource("Device", status=status, type=entry.codeable(), patient=SUBJECT)
        return
    maker.resource(
        "DeviceUseStatement",
        status=status,
        subject=SUBJECT,
        timingPeriod=period(entry.when("when", "-30 days"), entry.when("until")),
        device={"reference": f"Device/{device['id']}"},
    )


def _is_use(entry: Entry) -> bool:
    return entry.choice("kind", ("DeviceUseStatement", "Device"), "DeviceUseStatement") == "DeviceUseStatement"


def _flag(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "Flag",
        status=entry.text("status", "active"),
        code=entry.codeable(),
        subject=SUBJECT,
        period=period(entry.when("when", "-30 days"), entry.when("until")),
    )


def _answer(maker: Maker, entry: Entry) -> None:
    when = entry.when("when", "-7 days")
    coded = entry.answer("answer")
    if entry.choice("kind", ("Observation", "QuestionnaireResponse"), "Observation") == "Observation":
        maker.resource(
            "Observation",
            status=entry.text("status", "final"),
            code=entry.codeable(),
            subject=SUBJECT,
            effectiveDateTime=when,
            valueCodeableConcept=coded,
            valueBoolean=None if coded else entry.truth("yes", True),
        )
        return
    codings = coded.get("coding")
    value: Json = {"valueCoding": codings[0]} if isinstance(codings, list) else {"valueBoolean": entry.truth("yes", True)}
    maker.resource(
        "QuestionnaireResponse",
        status=entry.text("status", "completed"),
        subject=SUBJECT,
        authored=when,
        item=[{"linkId": f"{CONCEPT_SYSTEM}#{entry.text('concept')}", "answer": [value]}],
    )


def _communication(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "Communication",
        status=entry.text("status", "completed"),
        topic=entry.codeable(),
        subject=SUBJECT,
        sent=instant(entry.when("when", "-30 days"), 12),
        reasonCode=listed(entry.named("reason")),
    )


def _consent(maker: Maker, entry: Entry) -> None:
    maker.resource(
        "Consent",
        status=entry.text("status", "active"),
        scope=code("consentscope", "treatment"),
        category=[code("consentcategorycodes", "acd")],
        patient=SUBJECT,
        dateTime=entry.when("when", "-30 days"),
        provision={
            "type": entry.choice("type", ("deny", "permit"), "deny"),
            "code": [entry.codeable()],
            **({"period": {"end": until}} if (until := entry.when("until")) else {}),
        },
    )


MAKERS: Final[Mapping[str, Callable[[Maker, Entry], None]]] = {
    "diagnoses": _diagnosis,
    "findings": _finding,
    "medications": therapies.medication,
    "drafts": therapies.draft,
    "planned": therapies.planned,
    "labs": _lab,
    "genes": _gene,
    "procedures": _procedure,
    "imaging": _imaging,
    "reports": _report,
    "immunizations": _immunization,
    "allergies": _allergy,
    "family": _relative,
    "encounters": _encounter,
    "orders": _order,
    "appointments": therapies.appointment,
    "plans": _plan,
    "goals": _goal,
    "devices": _device,
    "flags": _flag,
    "answers": _answer,
    "communications": _communication,
    "consents": _consent,
}
