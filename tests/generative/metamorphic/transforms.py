"""Changes of a patient's record that mean nothing, or that the rules must not take for an all-clear."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from fhir_fixtures import is_draft, patients
from fhir_fixtures.dates import moved
from rules.quantity import Bridge, Quantity
from rules.terminology import Terminology

Json = dict[str, Any]
Records = list[Json]
NOISE = {"url": "https://example.org/fhir/StructureDefinition/noise", "valueString": "of no meaning"}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = {
    "Condition": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    "AllergyIntolerance": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
}
WRONG = "entered-in-error"
OTHER_UNITS = {
    "kg": "[lb_av]", "[lb_av]": "kg", "g/dL": "g/L", "g/L": "g/dL", "mg/L": "mg/dL", "mL": "L", "L": "mL", "cm": "m", "m": "cm",
    "U/L": "[IU]/L", "[IU]/L": "U/L", "mmol/L": "meq/L", "meq/L": "mmol/L", "mm[Hg]": "kPa", "10*9/L": "10*3/uL", "10*3/uL": "10*9/L",
    "mg/dL": "umol/L", "umol/L": "mg/dL",
}  # fmt: skip
"""Units that two laboratories use for the same result. mg/dL <-> umol/L takes the molar mass of the substance (unit-bridges.csv)."""
ORDINARY: Records = [
    {
        "resourceType": "Condition",
        "id": "ordinary-1",
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "444814009"}], "text": "Viral sinusitis"},
        "onsetDateTime": "2026-11-01",
    },
    {
        "resourceType": "Condition",
        "id": "ordinary-2",
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "55822004"}], "text": "Hyperlipidaemia"},
    },
    {
        "resourceType": "Observation",
        "id": "ordinary-3",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "72166-2"}], "text": "Tobacco smoking status"},
        "effectiveDateTime": "2026-11-01",
        "valueCodeableConcept": {"text": "never smoked"},
    },
    {
        "resourceType": "Procedure",
        "id": "ordinary-4",
        "status": "completed",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "34043003"}], "text": "Dental consultation and report"},
        "performedDateTime": "2026-10-01",
    },
]


@dataclass(frozen=True)
class Changed:
    """The changed resources, how the clock moved, and what new references were called before."""

    resources: Records
    later: timedelta = timedelta()
    was: Mapping[str, str] = field(default_factory=dict)


Change = Callable[[Records, random.Random], Changed]


def _each(node: object, change: Callable[[Json], object]) -> None:
    """Call `change` for every object, innermost first."""
    if isinstance(node, dict):
        for value in list(node.values()):
            _each(value, change)
        change(node)
    elif isinstance(node, list):
        for value in node:
            _each(value, change)


def another_order(resources: Records, dice: random.Random) -> Changed:
    """The resources in another order."""
    return Changed(dice.sample(resources, len(resources)))


def codings_turned(resources: Records, dice: random.Random) -> Changed:
    """The codings of every CodeableConcept, and the members of every object, in another order. (Two codings stay a set.)"""
    made = copy.deepcopy(resources)

    def turn(node: Json) -> None:
        if isinstance(node.get("coding"), list):
            node["coding"].reverse()
        for key in dice.sample(list(node), len(node)):
            node[key] = node.pop(key)

    _each(made, turn)
    return Changed(made)


def everything_twice(resources: Records, dice: random.Random) -> Changed:  # noqa: ARG001 - all changes are called alike
    """Exact duplicates."""
    return Changed([*resources, *copy.deepcopy(resources)])


def unrelated_added(resources: Records, dice: random.Random) -> Changed:
    """A few ordinary resources."""
    patient = next(one for one in resources if one["resourceType"] == "Patient")
    about = {"reference": f"Patient/{patient['id']}"}
    return Changed(dice.sample([*resources, *({**one, "subject": about} for one in ORDINARY)], len(resources) + len(ORDINARY)))


def noise_added(resources: Records, dice: random.Random) -> Changed:  # noqa: ARG001
    """Another display at every code, an unknown extension in every object, meta and narrative."""
    made = copy.deepcopy(resources)

    def disturb(node: Json) -> None:
        if "system" in node and "code" in node and "value" not in node:
            node["display"] = "said otherwise"
        if node.get("url") != NOISE["url"]:
            node["extension"] = [*node.get("extension", []), dict(NOISE)]

    _each(made, disturb)
    for one in made:
        one["text"] = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">narrative</div>'}
        one["meta"] = {**one.get("meta", {}), "versionId": "7", "source": "#noise"}
    return Changed(made)


def other_units(resources: Records, dice: random.Random) -> Changed:  # noqa: ARG001
    """Results in other units of the same meaning, their limits too, by the project's own conversions."""
    made = copy.deepcopy(resources)
    terminology = _terminology()
    for one in made:
        if one["resourceType"] == "Observation":
            bridges = terminology.bridges(terminology.coding_concepts(one.get("code")))
            places = [(one, "valueQuantity"), *((limits, key) for limits in one.get("referenceRange", []) for key in ("low", "high"))]
            found = [(place, key, _other(place[key], bridges)) for place, key in places if key in place]
            if all(other for _, _, other in found):
                for place, key, other in found:
                    place[key] = other
    return Changed(made)


@cache
def _terminology() -> Terminology:
    return Terminology.load(Path(__file__).resolve().parents[3] / "rules" / "codes")


def _other(quantity: Json, bridges: tuple[Bridge, ...]) -> Json | None:
    unit = OTHER_UNITS.get(str(quantity.get("code")))
    if unit is None:
        return None
    converted = Quantity(Decimal(str(quantity["value"])), str(quantity["code"]), bridges=bridges).convert(unit)
    return None if converted is None else {**quantity, "value": float(converted.value), "unit": unit, "code": unit}


def renamed(resources: Records, dice: random.Random) -> Changed:
    """Every id another one, wherever it is referred to."""
    names = {
        f"{one['resourceType']}/{one['id']}": f"{one['resourceType']}/n{dice.randrange(10**9)}-{place}"
        for place, one in enumerate(resources)
    }
    made = copy.deepcopy(resources)

    def rename(node: Json) -> None:
        reference = node.get("reference")
        if isinstance(reference, str) and reference in names:
            node["reference"] = names[reference]

    _each(made, rename)
    for one in made:
        one["id"] = names[f"{one['resourceType']}/{one['id']}"].partition("/")[2]
    return Changed(made, was={new: old for old, new in names.items()})


def later_by(days: int) -> Change:
    """The patient and the clock so many days later."""

    def move(resources: Records, dice: random.Random) -> Changed:  # noqa: ARG001
        return Changed(moved(resources, timedelta(days)), timedelta(days))

    return move


def long_ago(resources: Records, dice: random.Random) -> Changed:
    """Every result also ten years earlier, every sure disease also as an episode long resolved, every drug also as a course long over."""
    old: Records = []
    for one in resources:
        if is_draft(one) or one["resourceType"] not in {"Observation", "Condition", "MedicationRequest"}:
            continue
        past = _earlier(one, 3653)
        if one["resourceType"] == "Condition":
            if "'confirmed'" not in str(one.get("verificationStatus")):
                continue
            past = {name: value for name, value in past.items() if not name.startswith("abatement")}
            past |= {"clinicalStatus": {"coding": [{"system": CLINICAL, "code": "resolved"}]}, "abatementDateTime": "2017-03-01"}
        elif one["resourceType"] == "MedicationRequest":
            past["status"] = "completed"
        old.append(past)
    return Changed(dice.sample([*old, *resources], len(old) + len(resources)))


def earlier_results(days: int, factor: float) -> Change:
    """Every result also so many days earlier, its number times `factor`, a yes or no turned round when the factor is not 1."""

    def add(resources: Records, dice: random.Random) -> Changed:
        old = [_earlier(one, days) for one in resources if one["resourceType"] == "Observation"]
        for one in old:
            if "valueQuantity" in one:
                one["valueQuantity"]["value"] *= factor
            if factor != 1 and isinstance(one.get("valueBoolean"), bool):
                one["valueBoolean"] = not one["valueBoolean"]
        return Changed(dice.sample([*old, *resources], len(old) + len(resources)))

    return add


def entered_in_error(resources: Records, dice: random.Random) -> Changed:
    """The records of ten other people, all of it entered in error."""
    added: Records = []
    for number, other in enumerate(dice.sample(patients(), 10)):
        for one in other.resources:
            wrong = None if is_draft(one) else _in_error({**one, "id": f"wrong{number}-{one['id']}"[:64]})
            added += [wrong] if wrong else []
    return Changed(dice.sample([*added, *resources], len(added) + len(resources)))


def _in_error(resource: Json) -> Json | None:
    """It as entered in error; None when its type has no such status."""
    kind = resource["resourceType"]
    if kind in VERIFICATION:
        coded = {name: value for name, value in resource.items() if name != "clinicalStatus"}
        return {**coded, "verificationStatus": {"coding": [{"system": VERIFICATION[kind], "code": WRONG}]}}
    name = "lifecycleStatus" if kind == "Goal" else "status"
    return {**resource, name: WRONG} if name in resource else None


def _earlier(resource: Json, days: int) -> Json:
    past: Json = moved(copy.deepcopy(resource), timedelta(days=-days))
    past["id"] = f"old-{days}-{resource['id']}"[:64]
    return past
