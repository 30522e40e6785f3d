"""Codes that mean nothing to us: which leave the record, and that nothing else ever does."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import rules
from rules.code_lists import CodeLists
from rules.facts import Unmapped
from rules.terminology import ICD, Terminology
from tests.unit.extract.conftest import Read
from tests.unit.extract.samples import ATC, CM, RXNORM, SNOMED, cc, resource

CODES = Path(rules.__file__).parent / "codes"
WHO = "http://hl7.org/fhir/sid/icd-10"
UNKNOWN_SNOMED = "999480451000087102"


def condition(*codings: tuple[str, str], **more: object) -> dict[str, object]:
    return resource("Condition", code=cc(*codings), **more)


def drug(*codings: tuple[str, str], text: str = "") -> dict[str, object]:
    return resource("MedicationRequest", status="active", intent="order", medicationCodeableConcept=cc(*codings, text=text))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (condition((CM, "G72.81")), ()),  # known
        (condition((CM, "G71.8")), [(CM, "G718", "G71")]),
        (condition((CM, "g71.8 ")), [(CM, "G718", "G71")]),
        (condition(("urn:oid:2.16.840.1.113883.6.90", "G71.8")), [(CM, "G718", "G71")]),
        (condition((WHO, "G11.1")), [(WHO, "G111", "G11")]),
        (condition((CM, "E11.49")), ()),
        (condition((CM, "E11.9")), ()),  # diabetes without nerves is no chapter of ours
        (condition((CM, "I10")), ()),
        (condition((SNOMED, UNKNOWN_SNOMED)), ()),  # SNOMED CT alone does not say the chapter
        (condition((CM, "G71.8"), (SNOMED, UNKNOWN_SNOMED)), [(CM, "G718", "G71"), (SNOMED, UNKNOWN_SNOMED, "G71")]),
        (condition((CM, "G12.21"), (SNOMED, UNKNOWN_SNOMED)), [(SNOMED, UNKNOWN_SNOMED, "G12")]),
        (condition((CM, "G71.8"), ("https://hospital.example.org/dx", "LOCAL-7")), [(CM, "G718", "G71")]),
        (drug((ATC, "L04AX99")), [(ATC, "L04AX99", "L04AX")]),
        (drug((ATC, "L04AX01")), ()),
        (drug((ATC, "C10AA98")), [(ATC, "C10AA98", "C10AA")]),
        (drug((ATC, "D01AE99")), ()),
        (drug((RXNORM, "9999999")), ()),  # RxNorm alone does not say the group
        (drug((RXNORM, "9999999"), text="azathioprine 50 mg tablet"), [(RXNORM, "9999999", "name")]),
        (drug((ATC, "L04AX99"), (RXNORM, "9999999")), [(ATC, "L04AX99", "L04AX"), (RXNORM, "9999999", "L04AX")]),
    ],
)
def test_which_codes_are_noted(read: Read, found: object, expected: list[tuple[str, str, str]]) -> None:
    assert read(found).unmapped == tuple(sorted(Unmapped(*one) for one in expected))


@pytest.mark.parametrize(
    "codings",
    [
        [(CM, "G71 Mrs Jane Smith")], [(CM, "G71.19700101")], [(CM, "G71.8"), (SNOMED, "19700101")], [(CM, "G71.8"), (SNOMED, "Smith")],
        [(CM, "G71.8"), (RXNORM, "not a code")], [(CM, "G71.8"), ("urn:mrn:hospital", "G718")], [(CM, "G71.8"), ("", "12345")],
        [(CM, "G71.8"), (CM, "G71.\n8")],
    ],
)  # fmt: skip
def test_nothing_that_is_no_code_of_a_known_system_leaves_the_record(read: Read, codings: list[tuple[str, str]]) -> None:
    assert set(read(condition(*codings)).unmapped) <= {Unmapped(CM, "G718", "G71")}


def test_an_element_with_many_codings_is_bounded(read: Read) -> None:
    many = [(CM, f"G71.{number:04}") for number in range(1000)]
    assert len(read(condition(*many)).unmapped) <= 20


def test_the_order_of_resources_does_not_matter_and_each_code_is_noted_once(read: Read) -> None:
    one, other = condition((CM, "G71.8")), resource("Condition", "y", code=cc((CM, "G71.8")))
    assert read(one, other).unmapped == read(other, one).unmapped == (Unmapped(CM, "G718", "G71"),)


# -- watched.csv


def watched(kind: str) -> set[str]:
    with (CODES / "watched.csv").open(encoding="utf-8", newline="") as stream:
        return {row["prefix"] for row in csv.DictReader(stream) if row["kind"] == kind}


def test_the_chapters_that_the_project_names_are_watched() -> None:
    named = {f"G{number}" for number in (*range(10, 14), *range(60, 65), *range(70, 74))} | {"M33", "M60", "E74"}
    assert named <= watched("condition")


def test_every_disease_of_the_taxonomy_has_its_chapter_watched(terminology: Terminology) -> None:
    ours = terminology.expand("neuromuscular-disorder")
    for row in CodeLists.read(CODES).rows:
        if row.system in ICD and row.concept in ours and len(row.code) > 4:
            assert terminology.watch.chapter("condition", row.code.replace(".", "")), row


def test_the_watched_drug_groups_are_those_of_our_drugs() -> None:
    groups = {row.code[:5] for row in CodeLists.read(CODES).rows if row.system == ATC and row.trusted}
    assert watched("medication") == groups
