"""What holds for every resource type: unknown types, duplicates, order, modifiers, references, damage."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from rules.extract import TYPES, Input
from rules.facts import Origin
from tests.unit.extract.conftest import Read
from tests.unit.extract.samples import ALS, CREATININE, PREDNISONE, SNOMED, Json, cc, names, quantity, resource

WRONG = "entered-in-error"
ALS_CONDITION = resource("Condition", "c", code=cc(ALS))


def test_the_supported_types_are_listed_in_order() -> None:
    assert list(TYPES) == sorted(TYPES)
    assert names("Patient", "Medication", "Condition", "ImagingStudy", "Appointment") <= set(TYPES)
    assert len(TYPES) == 26


@pytest.mark.parametrize(
    "value",
    [None, 5, "x", [], {}, {"resourceType": None}, {"resourceType": 5}, {"resourceType": []}, {"resourceType": {}}, resource("Slot"), True],
)
def test_what_is_no_resource_of_ours_is_passed_over(read: Read, value: object) -> None:
    record = read(value, ALS_CONDITION)
    assert [found.ref for found in record.conditions] == ["Condition/c"]
    assert (record.medications, record.observations, record.events, record.unread) == ((), (), (), {})


@pytest.mark.parametrize(
    "content",
    [
        resource("Observation", status=WRONG, code=cc(CREATININE), valueQuantity=quantity(1, "mg/dL")),
        resource("MedicationRequest", status=WRONG, medicationCodeableConcept=cc(PREDNISONE)),
        resource("MedicationAdministration", status=WRONG, medicationCodeableConcept=cc(PREDNISONE)),
        resource("ServiceRequest", status=WRONG, code=cc(ALS)),
        resource("Goal", lifecycleStatus=WRONG, description=cc(ALS)),
        resource("FamilyMemberHistory", status=WRONG, condition=[{"code": cc(ALS)}]),
        resource("CarePlan", status=WRONG, category=[cc(ALS)]),
        resource("Flag", status=WRONG, code=cc(ALS)),
    ],
    ids=lambda content: content["resourceType"],
)
def test_what_was_entered_in_error_says_nothing(read: Read, content: Json) -> None:
    """Seen: a weight entered in error gave the dose for each kilogram, and an answer entered in error counted as a no."""
    right = {"status": "active"} if "status" in content else {"lifecycleStatus": "active"}
    facts = [
        (found.observations, found.medications, found.events, found.relatives) for found in (read(content), read({**content, **right}))
    ]
    assert facts[0] == ((), (), (), ())
    assert facts[1] != facts[0]
    assert read(content).unread == {}


def test_the_record_carries_moment_hook_and_what_was_unread(read: Read) -> None:
    record = read(unread={"Goal": "the server refused"})
    assert (record.hook, record.as_of.isoformat(), record.unread) == (
        "patient-view",
        "2026-11-25T12:00:00+00:00",
        {"Goal": "the server refused"},
    )


def test_of_duplicates_the_later_update_counts(read: Read) -> None:
    old = {**ALS_CONDITION, "meta": {"lastUpdated": "2025-01-01T00:00:00Z"}, "recordedDate": "2025"}
    new = {**ALS_CONDITION, "meta": {"lastUpdated": "2026-01-01T00:00:00Z"}, "recordedDate": "2026"}
    for order in ((old, new), (new, old)):
        (condition,) = read(*order).conditions
        assert condition.recorded is not None
        assert condition.recorded.text == "2026"


def test_of_duplicates_without_a_date_the_last_counts(read: Read) -> None:
    for before, after in ((None, "damaged"), ("damaged", {"lastUpdated": "2026-01-01T00:00:00Z"})):
        old, new = {**ALS_CONDITION, "recordedDate": "2025", "meta": before}, {**ALS_CONDITION, "recordedDate": "2026", "meta": after}
        (condition,) = read(old, new).conditions
        assert condition.recorded is not None
        assert condition.recorded.text == "2026"


def test_a_draft_and_a_record_of_the_same_id_both_stay(read: Read) -> None:
    order = resource("MedicationRequest", "m", status="active", medicationCodeableConcept=cc(PREDNISONE))
    record = read(order, drafts=({**order, "status": "stopped"},))
    assert [(found.origin, found.status) for found in record.medications] == [(Origin.RECORD, "active"), (Origin.DRAFT, "stopped")]


@pytest.mark.parametrize("name", [None, 5, "", "?", "a/b", "a#b", "a\nb", "a\ud800"])
def test_resources_without_an_id_all_stay(read: Read, name: object) -> None:
    record = read({**ALS_CONDITION, "id": name}, {**ALS_CONDITION, "id": name})
    assert [condition.ref for condition in record.conditions] == ["Condition/?", "Condition/?"]


@pytest.mark.parametrize("name", ["a b", "x" * 65, "x" * 300, "ä"])
def test_resources_with_an_id_that_fhir_does_not_allow_all_stay_and_are_called_by_it(read: Read, name: str) -> None:
    record = read({**ALS_CONDITION, "id": name}, {**ALS_CONDITION, "id": name})
    assert [condition.ref for condition in record.conditions] == [f"Condition/{name}", f"Condition/{name}"]


def test_the_order_of_resources_does_not_matter(read: Read) -> None:
    resources = [
        resource("Patient", "p", birthDate="1980-01-01", gender="female"),
        resource("Condition", "c1", code=cc(ALS), onsetAge=quantity(40, "a")),
        resource("Condition", "c2", code=cc((SNOMED, "91637004"))),
        resource("Observation", "o", code=cc(CREATININE), status="final", valueQuantity=quantity(1, "mg/dL")),
        resource(
            "MedicationRequest", "m", medicationReference={"reference": "Medication/d"}, reasonReference=[{"reference": "Condition/c1"}]
        ),
        resource("Medication", "d", code=cc(PREDNISONE)),
    ]
    records = {repr(read(*order)) for order in itertools.permutations(resources)}
    assert len(records) == 1


@pytest.mark.parametrize("key", ["modifierExtension", "implicitRules"])
def test_a_resource_whose_meaning_may_be_changed_is_not_used_and_its_type_is_unread(read: Read, key: str) -> None:
    record = read({**ALS_CONDITION, key: [{"url": "http://example.org/not-really"}] if key == "modifierExtension" else "http://x"})
    assert record.conditions == ()
    assert record.unread == {"Condition": "a resource carries a modifier extension this service does not know"}


def test_a_patient_whose_meaning_may_be_changed_is_not_used(read: Read) -> None:
    record = read(resource("Patient", birthDate="1980", modifierExtension=[{"url": "x"}]))
    assert record.person is None
    assert "Patient" in record.unread


def test_an_earlier_reason_for_unread_data_stays(read: Read) -> None:
    record = read({**ALS_CONDITION, "implicitRules": "x"}, unread={"Condition": "page 2 was lost"})
    assert record.unread == {"Condition": "page 2 was lost"}


def test_unknown_extensions_and_display_texts_change_nothing(read: Read) -> None:
    plain = resource("Condition", "c", code=cc(ALS), onsetDateTime="2024")
    odd = json.loads(json.dumps(plain))
    odd["extension"] = [{"url": "http://example.org/x", "valueString": "refuted"}]
    odd["code"]["coding"][0] |= {"display": "Nothing at all", "extension": [{"url": "x"}]}
    odd["_onsetDateTime"] = {"extension": []}
    odd["text"] = {"div": "<div>myasthenia gravis</div>"}
    assert read(plain) == read(odd)


@pytest.mark.parametrize(
    "code",
    [
        5,
        "x",
        [],
        [cc(ALS)],
        True,
        {"coding": {"system": SNOMED, "code": "86044005"}},
        {"coding": ["86044005"]},
        {"coding": [{"system": SNOMED, "code": 86044005}]},
        {"coding": [{"system": [SNOMED], "code": "86044005"}]},
        {"concept": cc(ALS)},
        {"reference": {"reference": "Medication/m"}},
    ],
)
def test_a_code_that_is_no_codeable_concept_makes_its_type_unread(read: Read, code: object) -> None:
    for kind, element in {
        "Condition": "code",
        "Observation": "code",
        "Procedure": "code",
        "MedicationRequest": "medicationCodeableConcept",
        "AllergyIntolerance": "code",
        "Immunization": "vaccineCode",
        "ServiceRequest": "code",
        "DiagnosticReport": "code",
        "Device": "type",
        "Flag": "code",
    }.items():
        assert read(resource(kind, **{element: code})).unread == {kind: "a resource of this type could not be read"}


@pytest.mark.parametrize("kind", ["MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"])
def test_a_medication_as_r5_names_it_makes_its_type_unread(read: Read, kind: str) -> None:
    for named in ({"concept": cc(PREDNISONE)}, {"reference": {"reference": "Medication/m"}}):
        assert read(resource(kind, medication=named)).unread == {kind: "a resource of this type could not be read"}


@pytest.mark.parametrize(
    "reference", ["Condition/c", "https://ehr.example.org/fhir/Condition/c", "Condition/c/_history/3", "urn:uuid:1-2", "#c"]
)
def test_a_reference_is_followed_however_it_is_written(read: Read, reference: str) -> None:
    order = resource(
        "ServiceRequest",
        code=cc((SNOMED, "308474002")),
        reasonReference=[{"reference": reference}],
        contained=[{"resourceType": "Condition", "id": "c", "code": cc(ALS)}],
    )
    (event,) = read(order, Input({**ALS_CONDITION}, url="urn:uuid:1-2")).events
    assert (event.reasons, event.has_reason) == (names("als"), True)


@pytest.mark.parametrize(
    "reference", ["Condition/other", "#other", "", "c", "x" * 600, 5, None, {"reference": 5}, "Condition/c|x", "condition/c", "urn:uuid:9"]
)
def test_a_reference_that_leads_nowhere_is_a_reason_without_a_concept(read: Read, reference: object) -> None:
    order = resource("ServiceRequest", code=cc((SNOMED, "308474002")), reasonReference=[{"reference": reference}])
    (event,) = read(order, ALS_CONDITION).events
    assert (event.reasons, event.has_reason) == (names(), True)


def test_every_reason_that_is_referred_to_counts(read: Read) -> None:
    myasthenia = resource("Condition", "g", code=cc((SNOMED, "91637004")))
    both = [{"reference": "Condition/c"}, {"reference": "Condition/none"}, {"reference": "Condition/g"}]
    (event,) = read(resource("ServiceRequest", code=cc((SNOMED, "308474002")), reasonReference=both), ALS_CONDITION, myasthenia).events
    assert event.reasons == names("als", "myasthenia-gravis")


@pytest.mark.parametrize(("parts", "unread"), [(500, {}), (501, {"Observation": "one resource has more parts than this service reads"})])
def test_of_a_crowded_resource_the_first_parts_are_read_and_the_rest_is_unknown(read: Read, parts: int, unread: Json) -> None:
    results: list[Json] = [{"code": cc(CREATININE), "valueQuantity": quantity(number, "mg/dL")} for number in range(parts)]
    record = read(resource("Observation", status="final", component=results))
    assert [found.value and found.value.value for found in record.observations] == list(range(500))
    assert record.unread == unread


def test_facts_of_one_resource_keep_their_order(read: Read) -> None:
    pressure = resource(
        "Observation",
        code=cc(("http://loinc.org", "85354-9")),
        status="final",
        component=[
            {"code": cc(("http://loinc.org", "8480-6")), "valueQuantity": quantity(120, "mm[Hg]")},
            {"code": cc(("http://loinc.org", "8462-4")), "valueQuantity": quantity(80, "mm[Hg]")},
        ],
    )
    values = [found.value for found in read(pressure).observations]
    assert [value and value.value for value in values] == [None, 120, 80]


def test_five_hundred_resources_cost_little(read: Read) -> None:
    laboratory = [
        resource("Observation", f"o{number}", code=cc(CREATININE), status="final", valueQuantity=quantity(number, "mg/dL"))
        for number in range(500)
    ]
    spent = []
    for _ in range(5):
        started = time.process_time()
        assert len(read(*laboratory).observations) == 500
        spent.append(time.process_time() - started)
    assert min(spent) < 0.02
