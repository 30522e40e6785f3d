"""Patient, Condition, AllergyIntolerance, FamilyMemberHistory."""

from __future__ import annotations

import pytest

from rules.facts import Allergy, Condition, Origin, Relative
from rules.fhir_date import FhirDate
from tests.unit.extract.conftest import Read
from tests.unit.extract.samples import ALS, HL7, OWN, PREDNISONE, SNOMED, Json, cc, names, quantity, resource

CLINICAL = HL7 + "condition-clinical"
VERIFICATION = HL7 + "condition-ver-status"


def condition(read: Read, **content: object) -> Condition:
    (found,) = read(resource("Patient", "p", birthDate="1980-02-03"), resource("Condition", "c", **{"code": cc(ALS), **content})).conditions
    return found


def test_a_patient_is_a_person(read: Read) -> None:
    person = read(resource("Patient", "p", birthDate="1980-02", gender="female", deceasedBoolean=False)).person
    assert person is not None
    assert (person.ref, person.birth and person.birth.text, person.gender, person.deceased) == ("Patient/p", "1980-02", "female", False)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"birthDate": 1980, "gender": "F", "deceasedBoolean": "yes"},
        {"gender": []},
        {"deceasedBoolean": None},
        {"deceasedDateTime": "unreadable"},
        {"deceasedDateTime": True},
    ],
)
def test_an_unreadable_patient_is_a_person_of_whom_nothing_is_known(read: Read, content: Json) -> None:
    person = read(resource("Patient", **content)).person
    assert person is not None
    assert (person.birth, person.gender, person.deceased) == (None, None, False)


@pytest.mark.parametrize("content", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-01-01"}, {"deceasedDateTime": "2026"}])
def test_a_dead_patient_is_dead_even_when_the_date_is_unreadable(read: Read, content: Json) -> None:
    person = read(resource("Patient", **content)).person
    assert person is not None
    assert person.deceased


def test_who_is_born_tomorrow_in_the_east_is_born_and_who_is_born_later_is_of_unknown_age(read: Read) -> None:
    births = ["2026", "2026-11", "2026-11-26", "2026-11-27", "2030-01-01", "9999-12-31"]
    people = [read(resource("Patient", birthDate=birth)).person for birth in births]
    assert [one is not None and one.birth is not None for one in people] == [True, True, True, False, False, False]


def test_a_death_in_the_future_is_none(read: Read) -> None:
    people = [read(resource("Patient", deceasedDateTime=date)).person for date in ("2026-11-25", "2099-01-01", "2026-11-27T00:00:00Z")]
    assert [one is not None and one.deceased for one in people] == [True, False, False]


def test_what_two_versions_of_the_patient_say_differently_is_not_known(read: Read) -> None:
    old: Json = {"birthDate": "1968-01-01", "gender": "female", "deceasedBoolean": True}
    for new, expected in (
        ({}, ("1968-01-01", "female", True)),
        ({"birthDate": "2016-01-01"}, (None, "female", True)),
        ({"gender": "male", "meta": {"lastUpdated": "2026-01-01T00:00:00Z"}}, ("1968-01-01", None, True)),
        ({"deceasedBoolean": False}, ("1968-01-01", "female", False)),
    ):
        person = read(resource("Patient", "p", **old), resource("Patient", "p", **{**old, **new})).person
        assert person is not None
        assert (person.birth and person.birth.text, person.gender, person.deceased) == expected


def test_of_several_patients_the_first_by_reference_counts(read: Read) -> None:
    person = read(resource("Patient", "b"), resource("Patient", "a")).person
    assert person is not None
    assert person.ref == "Patient/a"


def test_a_condition_keeps_its_statuses_and_dates(read: Read) -> None:
    found = condition(
        read,
        clinicalStatus=cc((CLINICAL, "resolved")),
        verificationStatus=cc((VERIFICATION, "entered-in-error")),
        onsetDateTime="2024-05",
        recordedDate="2024-06-01",
        abatementDateTime="2025",
        severity=cc((SNOMED, "24484000")),
        bodySite=[cc((SNOMED, "56459004")), cc((OWN, "gastrostomy"))],
    )
    assert (found.concepts, found.clinical, found.verification) == (names("als"), "resolved", "entered-in-error")
    assert (str(found.onset), str(found.recorded), found.abated, str(found.abatement)) == ("2024-05", "2024-06-01", True, "2025")
    assert (found.severity, found.body_sites) == (names("severe"), names("foot", "gastrostomy"))


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"lastUpdated": "2026-10-22T08:00:00Z"}, "2026-10-22T08:00:00Z"),
        ({"lastUpdated": "soon"}, None),
        ({"lastUpdated": 7}, None),
        ({}, None),
        ("damaged", None),
    ],
)
def test_when_a_condition_was_last_changed(read: Read, meta: object, expected: str | None) -> None:
    changed = condition(read, meta=meta).changed
    assert (changed and changed.text) == expected


def test_a_condition_just_added_is_a_draft(read: Read) -> None:
    record = read(resource("Condition", "c", code=cc(ALS)), drafts=(resource("Condition", "d", code=cc(ALS)),))
    assert [found.origin for found in record.conditions] == [Origin.RECORD, Origin.DRAFT]


def test_missing_statuses_are_missing(read: Read) -> None:
    found = condition(read)
    assert (found.clinical, found.verification, found.onset, found.recorded, found.abated) == (None, None, None, None, False)


@pytest.mark.parametrize(
    "status",
    [
        "confirmed",
        5,
        [],
        {},
        {"text": "confirmed"},
        cc((VERIFICATION, "sure")),
        cc((VERIFICATION, "confirmed"), (VERIFICATION, "refuted")),
        {"coding": "x"},
    ],
)
def test_a_status_that_cannot_be_understood_is_unreadable_and_not_missing(read: Read, status: object) -> None:
    assert condition(read, verificationStatus=status).verification == "unreadable"


def test_a_status_is_understood_beside_a_local_code(read: Read) -> None:
    assert condition(read, clinicalStatus=cc(("http://local", "A1"), (CLINICAL, "relapse"))).clinical == "relapse"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"onsetPeriod": {"start": "2020-01", "end": "2021"}}, "2020-01"),
        ({"onsetAge": quantity(30, "a")}, "2010"),
        ({"onsetAge": {"value": 18, "unit": "months"}}, "1981-08"),
        ({"onsetAge": quantity(10, "d")}, "1980-02-13"),
        ({"onsetRange": {"low": quantity(30, "a"), "high": quantity(40, "a")}}, "2010"),
        ({"onsetString": "in 2010"}, "None"),
        ({"onsetAge": quantity(30, "kg")}, "None"),
        ({"onsetAge": quantity(-1, "a")}, "None"),
        ({"onsetAge": quantity(6000, "d")}, "None"),
        ({"onsetAge": {"value": "30", "unit": "a"}}, "None"),
        ({"onsetAge": 30}, "None"),
        ({"onsetDateTime": "never"}, "None"),
    ],
)
def test_onset_is_read_in_every_form_that_is_a_date(read: Read, content: Json, text: str) -> None:
    assert str(condition(read, **content).onset) == text


def test_an_onset_age_without_a_birth_date_is_unknown(read: Read) -> None:
    (found,) = read(resource("Condition", code=cc(ALS), onsetAge=quantity(30, "a"))).conditions
    assert found.onset is None


@pytest.mark.parametrize(
    ("content", "abated"),
    [
        ({"abatementString": "better"}, True),
        ({"abatementAge": quantity(40, "a")}, True),
        ({"abatementBoolean": False}, False),
        ({"abatementBoolean": True}, True),
        ({"abatementDateTime": None}, False),
    ],
)
def test_any_abatement_counts_as_abated(read: Read, content: Json, abated: bool) -> None:
    assert condition(read, **content).abated is abated


@pytest.mark.parametrize("code", [cc((SNOMED, "160245001")), cc((SNOMED, "000")), {"text": "ALS"}, None])
def test_a_condition_on_no_list_is_no_fact(read: Read, code: object) -> None:
    assert read(resource("Condition", code=code)).conditions == ()


MASKED: Json = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
REDACTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "REDACTED"}]}


@pytest.mark.parametrize(
    "content", [{}, {"code": MASKED}, {"_code": MASKED}, {"meta": REDACTED}, {"code": {"coding": [{"system": SNOMED, "_code": MASKED}]}}]
)
def test_a_condition_that_does_not_say_what_it_is_makes_the_problem_list_unread(read: Read, content: Json) -> None:
    assert read(resource("Condition", **content)).unread == {"Condition": "an entry does not say what it is"}
    for status in ("refuted", "entered-in-error"):
        assert read(resource("Condition", verificationStatus=cc((VERIFICATION, status)), **content)).unread == {}


def test_a_new_problem_that_does_not_say_what_it_is_was_not_checked(read: Read) -> None:
    record = read(drafts=(resource("Condition", code=MASKED),))
    assert (record.lost, record.unread) == (("Condition",), {})


@pytest.mark.parametrize("code", [{"text": "ALS"}, {"coding": [{"display": "ALS"}]}, cc((SNOMED, "000"))])
def test_a_condition_in_words_or_in_a_strange_code_is_read(read: Read, code: Json) -> None:
    assert read(resource("Condition", code=code)).unread == {}


def test_an_allergy_names_substance_and_reaction_substances(read: Read) -> None:
    (found,) = read(
        resource(
            "AllergyIntolerance",
            code=cc(PREDNISONE),
            reaction=[{"substance": cc(("http://www.whocc.no/atc", "L04AX01"))}, 5],
            clinicalStatus=cc((HL7 + "allergyintolerance-clinical", "active")),
            verificationStatus=cc((HL7 + "allergyintolerance-verification", "refuted")),
            recordedDate="2020-01-01",
        )
    ).allergies
    assert (found.concepts, found.clinical, found.verification, str(found.when)) == (
        names("prednisone", "azathioprine"),
        "active",
        "refuted",
        "2020-01-01",
    )


def test_an_allergy_has_all_that_its_reactions_say(read: Read) -> None:
    stroke, local = {"text": "stroke"}, cc(("http://local", "1"))
    reactions = [{"severity": "severe", "manifestation": [cc(ALS), stroke]}, {"severity": "awful", "manifestation": [local]}]
    said = resource("AllergyIntolerance", "a", code=cc(PREDNISONE), onsetDateTime="2019", recordedDate="2020", reaction=reactions)
    when = FhirDate.parse("2019")
    assert read(said).allergies == (
        Allergy(
            "AllergyIntolerance/a", names("prednisone"), when=when, severities=names("severe"), reactions=names("als"), reaction_coded=True,
            reaction_strange=True,
        ),
    )  # fmt: skip
    (spoken,) = read({**said, "reaction": [{"manifestation": [stroke]}]}).allergies
    assert (spoken.reaction_coded, spoken.reaction_strange) == (False, True)
    (known,) = read({**said, "reaction": [{"manifestation": [cc(ALS)]}]}).allergies
    assert (known.reaction_coded, known.reaction_strange) == (True, False)


def test_an_allergy_on_no_list_is_no_fact(read: Read) -> None:
    assert read(resource("AllergyIntolerance", code=cc((SNOMED, "91935009")))).allergies == ()


@pytest.mark.parametrize(
    ("relation", "first", "relations"),
    [
        ("MTH", True, names("first-degree")),
        ("NBRO", True, names("first-degree")),
        ("SIS", True, names("first-degree")),
        ("HBRO", False, names()),
        ("STPFTH", False, names()),
        ("GRMTH", False, names("other-relative")),
        ("MUNCLE", False, names("maternal-uncle")),
        ("UNCLE", False, names()),  # of either side
        ("x", False, names()),
    ],
)
def test_relatives_are_first_degree_by_blood_only(read: Read, relation: str, first: bool, relations: frozenset[str]) -> None:
    told = resource(
        "FamilyMemberHistory", "f", status="completed", relationship=cc((HL7 + "v3-RoleCode", relation)), condition=[{"code": cc(ALS)}]
    )
    assert read(told).relatives == (Relative("FamilyMemberHistory/f", names("als"), first, "completed", relations),)


def test_each_coded_condition_of_a_relative_is_a_fact_and_never_a_diagnosis(read: Read) -> None:
    record = read(
        resource(
            "FamilyMemberHistory",
            condition=[{"code": cc(ALS)}, {"code": {"text": "stroke"}}, {"code": cc(ALS), "modifierExtension": [{"url": "x"}]}, 5],
        )
    )
    assert len(record.relatives) == 1
    assert record.conditions == ()
    assert "FamilyMemberHistory" in record.unread


def test_a_diagnosis_is_never_taken_from_text(read: Read) -> None:
    told = "Myasthenia gravis, on Mestinon"
    local = {"coding": [{"system": "http://hospital.example/dx", "code": "1", "display": told}, {"code": "G70.00"}], "text": told}
    for kind in ("Condition", "AllergyIntolerance", "FamilyMemberHistory"):
        record = read(resource("Patient", "p"), resource(kind, "c", code=local, note=[{"text": told}], condition=[{"code": local}]))
        assert (record.conditions, record.relatives, record.medications) == ((), (), ())


def test_disagreeing_codings_are_kept_apart(read: Read) -> None:
    found = condition(read, code=cc((SNOMED, "76670001"), (SNOMED, "387732009")))
    assert (found.concepts, found.disputed) == (names("duchenne-or-becker"), names("duchenne", "becker"))
    assert condition(read).disputed == names()


@pytest.mark.parametrize(
    ("mark", "verification", "clinical"),
    [
        ("G", "confirmed", None),
        ("V", "provisional", None),
        ("A", "refuted", None),
        ("Z", "confirmed", "resolved"),
        ("X", "unreadable", None),
    ],
)
def test_german_certainty_stands_in_for_missing_statuses(read: Read, mark: str, verification: str, clinical: str | None) -> None:
    coding = {
        "system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
        "code": "G70.0",
        "extension": [{"url": "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit", "valueCoding": {"code": mark}}],
    }
    found = condition(read, code={"coding": [coding]})
    assert (found.verification, found.clinical) == (verification, clinical)
    stated = condition(read, code={"coding": [coding]}, verificationStatus=cc((VERIFICATION, "confirmed")))
    assert stated.verification == "confirmed"


def test_an_allergy_is_read_by_its_code_or_else_by_its_name(read: Read) -> None:
    (named,) = read(resource("AllergyIntolerance", "a", code={"text": "Lipitor"})).allergies
    assert (named.concepts, named.matched_by_name) == (names("atorvastatin"), True)
    (coded,) = read(resource("AllergyIntolerance", "a", code=cc(PREDNISONE, text="Lipitor"))).allergies
    assert (coded.concepts, coded.matched_by_name) == (names("prednisone"), False)
