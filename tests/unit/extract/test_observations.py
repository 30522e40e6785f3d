"""Observation: values, answers, interpretation, ranges, components."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.facts import Observation
from rules.quantity import Quantity
from tests.unit.extract.conftest import Read
from tests.unit.extract.samples import ALS, CREATININE, HL7, LOINC, OWN, SNOMED, UCUM, Json, cc, names, quantity, resource

INTERPRETATION = HL7 + "v3-ObservationInterpretation"
HGNC = "http://www.genenames.org"


def observation(read: Read, *extra: object, **content: object) -> Observation:
    (found,) = read(resource("Observation", "o", **{"status": "final", "code": cc(CREATININE), **content}), *extra).observations
    return found


def test_a_result_keeps_value_time_and_range(read: Read) -> None:
    found = observation(
        read,
        effectiveDateTime="2026-11-20T10:00:00Z",
        valueQuantity=quantity(1.2, "mg/dL"),
        interpretation=[cc((INTERPRETATION, "H"))],
        referenceRange=[{"low": quantity(0.5, "mg/dL"), "high": {"value": 1.1}}],
    )
    assert (found.ref, found.concepts, found.status, str(found.when)) == (
        "Observation/o",
        names("creatinine"),
        "final",
        "2026-11-20T10:00:00Z",
    )
    assert found.value == Quantity(Decimal("1.2"), "mg/dL")
    assert (found.low, found.high) == (Quantity(Decimal("0.5"), "mg/dL"), Quantity(Decimal("1.1"), "mg/dL"))
    assert (found.interpretation, found.answers, found.truth, found.valued) == (names("H"), names(), None, True)


def test_a_creatinine_converts_between_mass_and_substance(read: Read) -> None:
    found = observation(read, valueQuantity=quantity(1, "mg/dL"), referenceRange=[{"high": quantity(1, "mg/dL")}])
    for mass in (found.value, found.high):
        substance = mass.convert("umol/L") if mass is not None else None
        assert substance is not None
        assert round(substance.value, 1) == Decimal("88.4")


@pytest.mark.parametrize(
    ("content", "when"),
    [
        ({"effectiveDateTime": "2026-11"}, "2026-11"),
        ({"effectiveInstant": "2026-11-01T00:00:00Z"}, "2026-11-01T00:00:00Z"),
        ({"effectivePeriod": {"start": "2026-11-01", "end": "2026-11-03"}}, "2026-11-03"),
        ({"effectivePeriod": {"start": "2026-11-01"}}, "2026-11-01"),
        ({"effectivePeriod": {}, "issued": "2026-11-05T00:00:00Z"}, "2026-11-05T00:00:00Z"),
        ({"effectiveDateTime": "nonsense", "issued": "2026-11-05T00:00:00Z"}, "2026-11-05T00:00:00Z"),
        ({"effectiveTiming": {"event": ["2026-11-01"]}}, "None"),
    ],
)
def test_the_time_is_the_clinically_relevant_one(read: Read, content: Json, when: str) -> None:
    assert str(observation(read, **content).when) == when


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (quantity(5, "mg/dL"), "mg/dL"),
        ({"value": 5, "unit": "mm Hg", "system": UCUM, "code": "mm[Hg]"}, "mm[Hg]"),
        ({"value": 5, "system": UCUM, "code": "mmHg"}, "mm[Hg]"),
        ({"value": 5, "system": UCUM, "code": "[unheard]"}, "[unheard]"),
        ({"value": 5, "unit": "mmHg"}, "mm[Hg]"),
        ({"value": 5, "unit": "mg/dL"}, "mg/dL"),
        ({"value": 5, "code": "mg/dL"}, "mg/dL"),
        ({"value": 5}, "1"),
    ],
)
def test_the_unit_is_ucum_or_a_listed_spelling(read: Read, value: Json, unit: str) -> None:
    assert observation(read, valueQuantity=value).value == Quantity(Decimal(5), unit)


@pytest.mark.parametrize(
    "value",
    [
        {"value": 5, "unit": "bananas"},
        {"value": 5, "unit": "mg/dL", "system": "http://local", "code": "mgdl"},
        {"value": 5, "unit": 7},
        {"value": "5", "unit": "mg/dL"},
        {"value": True, "unit": "mg/dL"},
        {"value": 1e300, "unit": "mg/dL"},
        {"unit": "mg/dL"},
        {"value": 5, "unit": "mg/dL", "comparator": "about"},
        {"value": 5, "unit": "mg/dL", "comparator": ["<"]},
        {},
        5,
        [],
    ],
)
def test_a_value_that_cannot_be_understood_is_there_and_unknown(read: Read, value: object) -> None:
    found = observation(read, valueQuantity=value)
    assert (found.valued, found.value, found.truth, found.date, found.answers) == (True, None, None, None, names())


@pytest.mark.parametrize(
    ("content", "score"),
    [
        ({"valueQuantity": quantity(30, "mm")}, None),  # of a line whose length nobody says
        ({"valueQuantity": quantity(7, "{score}")}, 7),
        ({"valueQuantity": {"value": 10}}, 10),
        ({"valueInteger": 0}, 0),
        ({"valueQuantity": {"value": 30}}, None),  # of 100, or a mistake
        ({"valueInteger": 11}, None),
        ({"valueQuantity": quantity(30, "%")}, None),
        ({"valueQuantity": quantity(-1, "1")}, None),
    ],
)
def test_a_pain_score_is_a_point_of_its_scale(read: Read, content: Json, score: int | None) -> None:
    found = observation(read, **content, code=cc((LOINC, "38214-3")))
    assert (found.value and found.value.value, found.valued) == (score, True)


def test_a_comparator_is_kept(read: Read) -> None:
    value = observation(read, valueQuantity={**quantity(5, "mg/dL"), "comparator": "<"}).value
    assert value is not None
    assert value.comparator == "<"


@pytest.mark.parametrize("content", [{}, {"dataAbsentReason": cc((HL7 + "data-absent-reason", "unknown"))}, {"valueQuantity": None}])
def test_a_result_without_value_is_not_valued(read: Read, content: Json) -> None:
    assert not observation(read, **content).valued


@pytest.mark.parametrize(
    ("content", "answers"),
    [
        ({"valueCodeableConcept": cc((SNOMED, "10828004"))}, names("positive")),
        ({"valueCodeableConcept": cc((SNOMED, "260385009"), ("http://local", "N"))}, names("negative")),
        ({"valueCodeableConcept": {"text": "Not detected"}}, names("negative")),
        ({"valueCodeableConcept": {"text": "probably positive"}}, names()),
        ({"valueCodeableConcept": cc((SNOMED, "260385009"), text="positive")}, names("negative")),
        ({"valueCodeableConcept": cc((OWN, "mgfa-3"))}, names("mgfa-3")),
        ({"valueCodeableConcept": cc(ALS)}, names("als")),
        ({"valueCodeableConcept": 5}, names()),
        ({"valueString": "REACTIVE"}, names("positive")),
        ({"valueString": "reactive, see comment"}, names()),
        ({"valueString": 5}, names()),
        ({"valueBoolean": True}, names("yes")),
        ({"valueBoolean": False}, names("no")),
        ({"valueBoolean": "true"}, names()),
        ({"interpretation": [cc((INTERPRETATION, "NEG"))]}, names("negative")),
        ({"interpretation": [cc(("http://hl7.org/fhir/v2/0078", "POS"))]}, names("positive")),
    ],
)
def test_answers_are_normalised(read: Read, content: Json, answers: frozenset[str]) -> None:
    found = observation(read, **content)
    assert (found.answers, found.valued) == (answers, True)


def test_truth_integer_and_date_values_are_read(read: Read) -> None:
    assert observation(read, valueBoolean=False).truth is False
    assert observation(read, valueInteger=7).value == Quantity(Decimal(7), "1")
    assert observation(read, valueInteger="7").value is None
    assert str(observation(read, valueDateTime="2027-02-01").date) == "2027-02-01"
    assert observation(read, valueDateTime="soon").date is None


@pytest.mark.parametrize(
    "interpretation",
    [None, 5, "H", {}, [5], [{}], [{"coding": 5}], [cc(("http://local", "H"))], [{"coding": [{"code": "H"}]}], [{"text": "high"}]],
)
def test_an_interpretation_of_another_system_is_none(read: Read, interpretation: object) -> None:
    found = observation(read, interpretation=interpretation, valueQuantity=quantity(1, "mg/dL"))
    assert found.interpretation == names()


@pytest.mark.parametrize(
    ("ranges", "high"),
    [
        ([{"high": quantity(1.1, "mg/dL")}], "1.1"),
        ([{"high": quantity(1.1, "mg/dL"), "type": cc((HL7 + "referencerange-meaning", "normal"))}], "1.1"),
        ([{"high": quantity(1.1, "mg/dL"), "type": cc((HL7 + "referencerange-meaning", "treatment"))}], None),
        ([{"high": quantity(1.1, "mg/dL"), "type": 5}], None),
        ([{"high": quantity(1.1, "mg/dL")}, {"high": quantity(1.3, "mg/dL")}], None),
        ([{"high": quantity(1.1, "mg/dL")}, {"high": quantity(9, "mg/dL"), "type": cc((HL7, "recommended"))}], "1.1"),
        ([{"high": {"value": 1.1}}], "1.1"),
        ([{"high": {"value": 1.1, "unit": "bananas"}}], None),
        ([{"high": {"value": "about 1.1"}}], None),
        ([{"text": "< 1.1"}], None),
        (5, None),
    ],
)
def test_the_normal_range_counts_when_there_is_one(read: Read, ranges: object, high: str | None) -> None:
    found = observation(read, valueQuantity=quantity(1, "mg/dL"), referenceRange=ranges).high
    assert found == (Quantity(Decimal(high), "mg/dL") if high else None)


@pytest.mark.parametrize("stated", [{"code": "1", "system": UCUM}, {"unit": "1"}])
def test_a_limit_that_says_it_has_no_unit_does_not_take_that_of_the_value(read: Read, stated: Json) -> None:
    found = observation(read, valueQuantity=quantity(1, "mg/dL"), referenceRange=[{"low": {"value": 5, **stated}}])
    assert found.low == Quantity(Decimal(5), "1")


@pytest.mark.parametrize(
    ("focus", "counts"),
    [
        ({"reference": "RelatedPerson/donor"}, False),
        ({"reference": "Patient/fetus"}, False),
        ({"type": "Patient", "identifier": {"value": "7"}}, False),
        ({"reference": "#someone"}, False),
        ({"reference": "Patient/p"}, True),
        ({"reference": "p", "type": "Patient"}, True),
        ({"reference": "https://ehr.example.org/fhir/Patient/p/_history/2"}, True),
        ({"reference": "Device/pump"}, True),
        ({"display": "left kidney"}, True),
        ({"reference": 5}, True),
    ],
)
def test_a_result_of_a_donor_or_a_fetus_is_not_the_patients(read: Read, focus: Json, counts: bool) -> None:
    result = resource(
        "Observation", "o", status="final", code=cc(CREATININE), focus=[focus], contained=[resource("RelatedPerson", "someone")]
    )
    for subject in ("Patient/p", "p", "urn:uuid:p"):
        assert len(read({**result, "subject": {"reference": subject}}).observations) == counts


def test_sites_and_focus_are_read(read: Read) -> None:
    found = observation(
        read,
        resource("Condition", "c", code=cc(ALS)),
        bodySite=cc((SNOMED, "85562004"), (OWN, "gastrostomy")),
        focus=[{"reference": "Condition/c"}],
    )
    assert (found.body_sites, found.focus) == (names("hand", "gastrostomy"), names("als"))


@pytest.mark.parametrize(("status", "expected"), [("registered", "registered"), ("done", "unreadable"), (5, "unreadable"), (None, None)])
def test_the_status_is_kept(read: Read, status: object, expected: str | None) -> None:
    assert observation(read, status=status).status == expected


def test_an_observation_on_no_list_is_no_fact(read: Read) -> None:
    assert read(resource("Observation", code=cc((LOINC, "1-8")), valueQuantity=quantity(1, "mg"))).observations == ()


def test_components_repeat_the_parent(read: Read) -> None:
    parent, first = read(
        resource(
            "Observation",
            "o",
            status="final",
            effectiveDateTime="2026-11-20",
            code=cc((LOINC, "24357-6")),
            component=[
                {"code": cc(CREATININE), "valueQuantity": quantity(1, "mg/dL")},
                {"code": cc((LOINC, "1-8")), "valueQuantity": quantity(1, "mg/dL")},
                {"code": cc(CREATININE), "valueQuantity": quantity(9, "mg/dL"), "modifierExtension": [{"url": "x"}]},
                5,
            ],
        )
    ).observations
    assert (parent.concepts, parent.value, parent.valued) == (names("urinalysis"), None, True)
    assert (first.ref, first.status, str(first.when), first.concepts) == ("Observation/o", "final", "2026-11-20", names("creatinine"))


def test_a_component_whose_meaning_may_be_changed_makes_the_type_unread(read: Read) -> None:
    part = {"code": cc(CREATININE), "modifierExtension": [{"url": "x"}]}
    assert "Observation" in read(resource("Observation", code=cc(CREATININE), component=[part])).unread


def test_a_genetics_panel_gathers_gene_and_significance(read: Read) -> None:
    whole, *parts = read(
        resource(
            "Observation",
            "g",
            status="final",
            code=cc((LOINC, "69548-6")),
            component=[
                {"code": cc((LOINC, "48018-6")), "valueCodeableConcept": cc((HGNC, "HGNC:11179"))},
                {"code": cc((LOINC, "53037-8")), "valueCodeableConcept": cc((LOINC, "LA6668-3"))},
                {"code": cc((LOINC, "82155-3")), "valueQuantity": quantity(2, "1")},
            ],
        )
    ).observations
    assert (whole.concepts, whole.answers) == (names("gene-studied", "variant-significance", "gene-copies"), names("SOD1", "pathogenic"))
    assert [part.concepts for part in parts] == [names("gene-studied"), names("variant-significance"), names("gene-copies")]
    assert whole.value == Quantity(Decimal(2), "1")


@pytest.mark.parametrize(
    "content",
    [
        {"valueSampledData": {"origin": quantity(0, "mV"), "period": 10, "dimensions": 1, "data": "1 2 9 2 1"}},
        {"valueAttachment": {"contentType": "image/png", "data": "iVBORw0KGgo="}},
        {"extension": [{"url": "http://example.org/curve", "valueString": "9.9 mg/dL"}]},
    ],
    ids=["curve", "attachment", "extension"],
)
def test_a_curve_or_an_image_is_no_result(read: Read, content: Json) -> None:
    """Signals and images are not read (SAFETY.md, contraindicated use)."""
    found = observation(read, **content)
    assert (found.value, found.interpretation, found.answers, found.truth) == (None, names(), names(), None)


@pytest.mark.parametrize("kind", ["Media", "DocumentReference", "Binary"])
def test_what_holds_an_image_or_a_document_says_nothing(read: Read, kind: str) -> None:
    described = resource(kind, status="completed", code=cc(CREATININE), type=cc(ALS), content={"contentType": "image/png"}, data="AA==")
    assert read(described) == read()
