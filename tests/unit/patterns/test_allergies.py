"""How bad the reaction of an allergy was, and how it showed; a result below the limit of detection."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Presence
from rules.patterns import Context, PatternError, RecordIndex, build
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
CONTEXT = Context(CODES, {}, lifelong=True)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Json = dict[str, object]

RHABDOMYOLYSIS: Json = {"coding": [{"system": "http://snomed.info/sct", "code": "240131006"}]}
HEADACHE: Json = {"coding": [{"system": "http://snomed.info/sct", "code": "25064002"}]}
IN_WORDS: Json = {"text": "Headache"}
SEVERE: Json = {"allergy": "VS-IG", "severity": "severe"}
MUSCULAR: Json = {"allergy": "VS-IG", "reaction": "rhabdomyolysis"}
ANAPHYLACTIC: Json = {"allergy": "VS-IG", "reaction": "anaphylaxis"}  # no code list says what that looks like


def verdict(table: Json, *resources: Json) -> Presence:
    record = extract([Input(one) for one in resources], terminology=CODES, as_of=NOW, hook="order-sign", unread={})
    return build(CONTEXT, table).match(RecordIndex(record)).presence


def allergy(*manifestations: Json, severity: str | None = None, status: str = "active") -> Json:
    reaction: Json = {"manifestation": list(manifestations), **({"severity": severity} if severity else {})}
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": status}]},
        "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5666"}]},
        "reaction": [reaction] if manifestations else [],
    }


@pytest.mark.parametrize(
    ("table", "resource", "expected"),
    [
        (SEVERE, allergy(HEADACHE, severity="severe"), "present"),
        (SEVERE, allergy(HEADACHE, severity="mild"), "absent"),
        (SEVERE, allergy(HEADACHE), "unknown"),
        (SEVERE, allergy(), "unknown"),
        (SEVERE, allergy(HEADACHE, severity="awful"), "unknown"),
        (SEVERE, allergy(HEADACHE, severity="severe", status="resolved"), "absent"),
        (MUSCULAR, allergy(RHABDOMYOLYSIS, severity="mild"), "present"),
        (MUSCULAR, allergy(HEADACHE, RHABDOMYOLYSIS), "present"),
        (MUSCULAR, allergy(HEADACHE), "absent"),
        (MUSCULAR, allergy(IN_WORDS), "unknown"),
        (MUSCULAR, allergy(), "unknown"),
        ({**MUSCULAR, "severity": ["moderate", "severe"]}, allergy(RHABDOMYOLYSIS, severity="mild"), "absent"),
        (ANAPHYLACTIC, allergy(HEADACHE), "unknown"),
        (ANAPHYLACTIC, allergy(RHABDOMYOLYSIS), "absent"),
        (ANAPHYLACTIC, allergy(RHABDOMYOLYSIS, HEADACHE), "unknown"),
    ],
)
def test_an_allergy_is_asked_for_by_severity_and_by_reaction(table: Json, resource: Json, expected: str) -> None:
    assert verdict(table, resource).value == expected


def test_nobody_with_an_allergy_had_a_severe_one() -> None:
    assert verdict(SEVERE).value == "absent"


def test_a_reaction_that_no_list_knows_is_refused() -> None:
    with pytest.raises(PatternError, match="no-such-reaction"):
        build(CONTEXT, {"allergy": "VS-IG", "reaction": "no-such-reaction"})


@pytest.mark.parametrize(("comparator", "expected"), [("<", "present"), ("<=", "unknown"), ("", "unknown")])
def test_a_result_smaller_than_a_value_is_below_detection(comparator: str, expected: str) -> None:
    quantity: Json = {"value": 0.05, "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"}
    if comparator:
        quantity["comparator"] = comparator
    resource: Json = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2458-8"}]},
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": quantity,
    }
    assert verdict({"lab": "IgA", "answer": ["below-detection"]}, resource).value == expected
