"""Extraction takes any JSON: it never raises, and damage never makes a wrong fact."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.extract import TYPES, Input, extract
from rules.facts import Allergy, Condition, Event, Medication, Observation, Origin, Record, Relative
from rules.fhir_date import FhirDate
from rules.quantity import Quantity, is_unit, number
from rules.terminology import Terminology
from rules.vignette import build

Fact: TypeAlias = Condition | Medication | Observation | Event | Allergy | Relative

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CODES = Path(__file__).resolve().parents[3] / "rules" / "codes"
TERMINOLOGY = Terminology.load(CODES)

PATIENT = {
    "age": 45,
    "gender": "female",
    "diagnoses": ["generalised-myasthenia", {"code": "G71.01", "system": "icd-10-cm", "abated": "-1 year", "severity": "severe"}],
    "findings": ["ptosis", {"concept": "dysphagia", "present": False}],
    "medications": [
        {"concept": "prednisone", "mg_per_day": 20, "days": 30, "route": "oral", "reason": "generalised-myasthenia"},
        {"concept": "azathioprine", "status": "stopped", "until": "-10 days", "status_reason": "ineffective"},
        {"concept": "rituximab", "kind": "MedicationAdministration", "since": "-2 months", "mg_per_day": 1000, "route": "iv"},
        {"concept": "ibuprofen", "kind": "MedicationStatement", "prn": True, "mg_per_day": 400},
        {"concept": "tacrolimus", "kind": "MedicationDispense", "days": 30},
    ],
    "drafts": ["ciprofloxacin", "massage", {"concept": "live-vaccine-mmr", "type": "ImmunizationRecommendation"}],
    "labs": [
        {"concept": "creatinine", "value": 1.2, "unit": "mg/dL", "high": 1.1, "low": 0.5, "result": "high"},
        {"concept": "anti-achr", "result": "positive"},
        {"concept": "delivery-date-estimated", "date": "+30 days"},
    ],
    "genes": [{"gene": "SMN2", "copies": 3, "significance": "pathogenic"}],
    "procedures": ["thymectomy"],
    "imaging": ["chest-ct"],
    "reports": [{"concept": "echocardiography", "conclusion": "positive"}],
    "immunizations": ["live-vaccine-mmr"],
    "allergies": ["penicillamine"],
    "family": ["duchenne"],
    "encounters": ["neurology"],
    "orders": ["referral-neurology"],
    "appointments": ["referral-cardiology"],
    "plans": ["emergency"],
    "goals": [{"achievement": "not-achieved", "for": "generalised-myasthenia"}],
    "devices": ["noninvasive-ventilation"],
    "flags": ["palliative-care-status"],
    "answers": [{"concept": "frail", "kind": "QuestionnaireResponse"}, "progressive"],
    "communications": ["patient-education"],
    "consents": ["gastrostomy"],
}
SCENE = build(PATIENT, on=date(2026, 11, 25), hook="order-select", terminology=TERMINOLOGY)
RESOURCES = [*SCENE.resources, *SCENE.drafts]


def read(resources: list[object], origin: Origin = Origin.RECORD) -> Record:
    inputs = [Input(resource, origin) for resource in resources]
    return extract(inputs, terminology=TERMINOLOGY, as_of=NOW, hook="order-select", unread={})


def words(fact: Fact) -> frozenset[str]:
    return fact.answers if isinstance(fact, Observation) else fact.tags if isinstance(fact, Event) else frozenset()


def everything(record: Record) -> list[Fact]:
    return [*record.conditions, *record.medications, *record.observations, *record.events, *record.allergies, *record.relatives]


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["active", "2026-11-25", "mg", "draft"])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["coding", "system", "code", "value", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(anything, max_size=4))
def test_any_json_is_taken(values: list[object]) -> None:
    assert everything(read(values)) == []


@settings(max_examples=300)
@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from([
    "id", "meta", "code", "status", "subject", "birthDate", "deceasedDateTime", "medicationCodeableConcept", "medicationReference",
    "contained",
    "dosageInstruction", "dosage", "component", "valueQuantity", "referenceRange", "interpretation", "condition", "relationship", "item",
    "period",
    "class", "type", "provision", "activity", "recommendation", "addresses", "achievementStatus", "device", "reasonReference", "reasonCode",
    "vaccineCode", "procedureCode", "procedureReference", "category", "onsetAge", "onsetRange", "abatementString", "doNotPerform", "focus",
    "dispenseRequest", "effectivePeriod", "performedPeriod", "serviceType", "description", "topic", "reaction", "ingredient",
    "questionnaire",
]), anything, max_size=8))  # fmt: skip
def test_any_content_of_any_type_is_taken(kind: str, content: dict[str, object]) -> None:
    record = read([{**content, "resourceType": kind}])
    assert record.hook == "order-select"


def _places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from _places(inner, (*path, key))


def _damaged(resource: dict[str, object], path: tuple[object, ...], junk: object) -> dict[str, object]:
    found = copy.deepcopy(resource)
    inner: object = found
    for key in path[:-1]:
        inner = inner[key]  # type: ignore[index]
    inner[path[-1]] = junk  # type: ignore[index]
    return found


@pytest.mark.parametrize(
    "junk",
    [None, 5, "nonsense", [], {}, [[]], [None], {"x": 1}, True, 1e400, "9" * 400],
    ids=["null", "number", "text", "list", "object", "nested", "null-in-list", "other", "true", "infinity", "long"],
)
def test_damage_anywhere_is_taken_and_makes_no_new_concept_or_answer(junk: object) -> None:
    whole: dict[str, frozenset[str]] = {}
    for fact in everything(read(list(RESOURCES))):
        whole[fact.ref] = whole.get(fact.ref, frozenset()) | fact.concepts | words(fact)
    for resource in RESOURCES:
        ref = f"{resource['resourceType']}/{resource['id']}"
        others = [other for other in RESOURCES if other is not resource]
        for path in _places(resource):
            if path and path[0] not in ("resourceType", "id"):
                for fact in everything(read([*others, _damaged(resource, path, junk)])):
                    if fact.ref == ref:
                        assert fact.concepts | words(fact) <= whole[ref] | {"any", "yes"}, (path, junk)


def test_the_order_of_a_whole_record_does_not_matter() -> None:
    expected = read(list(RESOURCES))
    shuffled = list(RESOURCES)
    for seed in range(20):
        random.Random(seed).shuffle(shuffled)  # noqa: S311
        assert read(list(shuffled)) == expected


def test_unknown_extensions_everywhere_change_nothing() -> None:
    def extended(value: object) -> object:
        if isinstance(value, dict):
            more = {} if "coding" in value else {"extension": [{"url": "http://example.org/x", "valueString": "refuted"}]}
            return {**{key: extended(inner) for key, inner in value.items()}, **more}
        return [extended(inner) for inner in value] if isinstance(value, list) else value

    assert read([extended(resource) for resource in RESOURCES]) == read(list(RESOURCES))


@given(st.text(max_size=40) | anything)
def test_any_text_is_a_date_or_none(value: object) -> None:
    found = FhirDate.parse(value)
    assert found is None or found.start <= found.end


@given(st.dates(min_value=date(1, 1, 2), max_value=date(9999, 12, 30)))
def test_every_day_is_read_back(day: date) -> None:
    assert FhirDate.of(day) == FhirDate.parse(day.isoformat())


@given(st.text(alphabet="mgkLdl/.{}[]10*^-_ U%", max_size=12))
def test_any_text_is_a_unit_or_none(code: str) -> None:
    assert is_unit(code) in (True, False)


@given(anything)
def test_any_value_is_a_number_or_none(value: object) -> None:
    found = number(value)
    assert found is None or abs(found) <= 10**15


@given(
    st.integers(min_value=-(10**9), max_value=10**9),
    st.sampled_from(["mg/dL", "g/L", "ug/mL", "kg/m3"]),
    st.sampled_from(["mg/dL", "g/L", "ng/mL"]),
)
def test_conversion_there_and_back_is_the_same(value: int, unit: str, other: str) -> None:
    amount = number(value)
    assert amount is not None
    there = Quantity(amount, unit).convert(other)
    assert there is not None
    assert there.convert(unit) == Quantity(amount, unit)
