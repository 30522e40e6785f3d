"""What a site's release adds to the code lists, and what it must not change."""

from __future__ import annotations

from pathlib import Path

import pytest

import rules
from cds_hooks.vocabularies.seeds import Seeds
from rules.code_lists import CodeLists
from rules.expansion import Coded
from rules.extract import Input, extract
from rules.facts import Condition, Medication
from rules.terminology import CONCEPT_SYSTEM, RXNORM, SNOMED, Terminology
from tests.support.doubles import NOW

LISTS = CodeLists.read(Path(rules.__file__).parent / "codes")
MADE_UP = 990000000000  # codes that no list has


def coded(code: int, *near: str, far: tuple[str, ...] = (), system: str = SNOMED, form: str = "") -> Coded:
    return Coded(system, code, frozenset(near), frozenset(far), form)


def known(*rows: Coded) -> Terminology:
    return Terminology(LISTS, expansion=sorted(rows, key=lambda row: (row.system, row.code)))


def concepts(terminology: Terminology, code: int, system: str = SNOMED) -> set[str]:
    return set(terminology.concepts(system, str(code)))


def test_a_subtype_means_its_nearest_code() -> None:
    found = known(coded(MADE_UP, "als", far=("motor-neuron-disease",)))
    assert concepts(found, MADE_UP) == {"als"}  # the taxonomy knows what is above
    assert "motor-neuron-disease" in found.ancestors("als")
    assert concepts(found, MADE_UP + 1) == set()


def test_outside_the_disease_taxonomy_a_code_means_all_that_is_above_it() -> None:
    found = known(coded(MADE_UP, "ckd-stage-3", far=("ckd",)), coded(433144002, "ckd-stage-3", far=("ckd",)))
    assert concepts(found, MADE_UP) == {"ckd-stage-3", "ckd"}
    assert concepts(found, 433144002) == {"ckd-stage-3"}  # what our lists say stands
    assert concepts(known(coded(MADE_UP, far=("ckd", "muscular-dystrophy-any"))), MADE_UP) == {"ckd"}


def test_a_list_of_unspecified_dystrophies_does_not_claim_one_that_has_a_name() -> None:
    limb_girdle = 93153005
    found = known(
        coded(limb_girdle, "limb-girdle", far=("muscular-dystrophy-any",)), coded(MADE_UP, "limb-girdle", far=("muscular-dystrophy-any",))
    )
    assert concepts(found, limb_girdle) == concepts(known(), limb_girdle)
    assert concepts(found, MADE_UP) == {"limb-girdle"}


def test_what_our_lists_say_about_a_code_stands() -> None:
    als = 86044005
    assert concepts(known(coded(als, "primary-lateral-sclerosis")), als) == {"als"}


def test_siblings_above_a_code_become_their_common_ancestor() -> None:
    found = known(coded(MADE_UP, "cidp", "hereditary-neuropathy-other"))
    assert concepts(found, MADE_UP) == {"neuropathy"}


def test_a_product_means_all_its_ingredients_whatever_the_spelling_of_the_system() -> None:
    found = known(coded(MADE_UP, "trimethoprim", "prednisone", system=RXNORM))
    assert found.concepts("urn:oid:2.16.840.1.113883.6.88", f" {MADE_UP} ") == {"trimethoprim", "prednisone"}
    assert concepts(found, MADE_UP) == set()


@pytest.mark.parametrize("code", [f"0{MADE_UP}", f"{MADE_UP}.0", f"-{MADE_UP}", "", "٣", "9" * 40, f"{MADE_UP}x"])
def test_a_code_that_only_looks_like_one_means_nothing(code: str) -> None:
    assert known(coded(MADE_UP, "als"), coded(3, "als")).concepts(SNOMED, code) == set()


def test_our_own_names_and_the_codes_for_proposals_stay_as_they_are() -> None:
    bare, found = known(), known(coded(MADE_UP, "als"))
    assert found.concepts(CONCEPT_SYSTEM, "als") == {"als"}
    assert found.codings("als") == bare.codings("als")
    assert found.unresolved() == bare.unresolved()


@pytest.mark.parametrize("rows", [[coded(5, "als"), coded(4, "als")], [coded(5, "als"), coded(5, "gbs")], [coded(0, "als")]])
def test_rows_out_of_order_are_refused(rows: list[Coded]) -> None:
    with pytest.raises(ValueError, match="rising order"):
        Terminology(LISTS, expansion=rows)


def test_a_product_on_our_lists_gets_its_other_ingredients_too() -> None:
    risdiplam = 2390946
    assert concepts(known(coded(risdiplam, "prednisone", system=RXNORM)), risdiplam, RXNORM) == {"risdiplam", "prednisone"}


# -- from a resource


def facts(terminology: Terminology, *resources: dict[str, object]) -> list[object]:
    record = extract([Input(one) for one in resources], terminology=terminology, as_of=NOW, hook="patient-view", unread={})
    return [*record.conditions, *record.observations, *record.medications]


def finding(kind: str, code: int, **more: object) -> dict[str, object]:
    return {"resourceType": kind, "id": "x", "status": "final", "code": {"coding": [{"system": SNOMED, "code": str(code)}]}, **more}


INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
REFUTED = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "refuted"}]}


def test_a_subtype_that_is_refuted_does_not_refute_what_is_above_it() -> None:
    weak_hand, weakness = known(coded(MADE_UP, "muscle-weakness")), 26544005
    (there,) = facts(weak_hand, finding("Condition", MADE_UP))
    assert isinstance(there, Condition)
    assert there.concepts == {"muscle-weakness"}
    assert not facts(weak_hand, finding("Condition", MADE_UP, verificationStatus=REFUTED))
    (refuted,) = facts(weak_hand, finding("Condition", weakness, verificationStatus=REFUTED))
    assert isinstance(refuted, Condition)
    assert "muscle-weakness" in refuted.concepts


def test_a_refuted_subtype_keeps_what_another_code_of_our_lists_says() -> None:
    weak_hand = known(coded(MADE_UP, "muscle-weakness"))
    both = [{"system": SNOMED, "code": str(MADE_UP)}, {"system": SNOMED, "code": "26544005"}, {"system": SNOMED, "code": "x"}]
    assert weak_hand.added_concepts({"coding": both}) == set()
    icd = [{"system": SNOMED, "code": str(MADE_UP)}, {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G70.01"}]
    assert weak_hand.added_concepts({"coding": icd}) == {"muscle-weakness"}


def read_as(code: str) -> dict[str, object]:
    return {"interpretation": [{"coding": [{"system": INTERPRETATION, "code": code}]}]}


DENIED: list[dict[str, object]] = [
    {"valueBoolean": False}, {"valueString": "no"}, {"valueString": "absent"}, {"valueCodeableConcept": {"text": "Negative"}},
    read_as("NEG"), read_as("ND"), read_as("NR"), read_as("N"),
]  # fmt: skip


@pytest.mark.parametrize("denied", DENIED)
def test_a_subtype_that_was_looked_for_and_not_found_says_nothing_about_what_is_above_it(denied: dict[str, object]) -> None:
    weak_hand = known(coded(MADE_UP, "muscle-weakness"))
    for said, count in (({"valueBoolean": True}, 1), (denied, 0)):
        alone = finding("Observation", MADE_UP, **said)
        assert len(facts(weak_hand, alone)) == count
        part = {name: value for name, value in alone.items() if name != "id"}
        assert len(facts(weak_hand, {"resourceType": "Observation", "id": "x", "status": "final", "component": [part]})) == count
    assert facts(weak_hand, finding("Observation", 26544005, **denied))


@pytest.mark.parametrize(
    ("form", "route"),
    [
        ("Oral Tablet", "oral"),
        ("Topical Cream", "topical"),
        ("Ophthalmic Solution", "eye"),
        ("Injectable Solution", "injection"),
        ("Cartridge", None),
        ("", None),
    ],
)
def test_the_dose_form_of_a_product_says_its_route(form: str, route: str | None) -> None:
    terminology = known(coded(MADE_UP, "hydrocortisone", system=RXNORM, form=form))
    drug = {"coding": [{"system": RXNORM, "code": str(MADE_UP)}]}
    (fact,) = facts(
        terminology,
        {"resourceType": "MedicationRequest", "id": "x", "status": "active", "intent": "order", "medicationCodeableConcept": drug},
    )
    assert isinstance(fact, Medication)
    assert fact.concepts == {"hydrocortisone"}
    assert fact.route == route


def test_skin_cancer_other_than_melanoma_is_no_active_cancer_whatever_stands_above_it() -> None:
    basal_cell = next(word for word in LISTS.wide if word.code == "254701007")
    (seed,) = [one for one in Seeds.of(LISTS).snomed if one.code == int(basal_cell.code)]
    assert seed.fixed
    assert seed.below
    assert seed.concepts == {"non-melanoma-skin-cancer"}
    assert concepts(known(coded(254701007, "non-melanoma-skin-cancer")), 254701007) == {"non-melanoma-skin-cancer"}
