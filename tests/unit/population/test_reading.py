"""Lines and documents of an export become rows with the patient they belong to, as `ownership` would say of the patient in context."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.ownership import Owner, Patient, named
from cds_hooks.population.reading import Row, read_document, read_text
from tests.support.doubles import bundle, condition, order, outcome, patient


def rows(value: object) -> list[Row]:
    return read_text(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("reference", "owner"),
    [
        ("Patient/a", "a"),
        ("https://ehr.example.org/r4/Patient/a", "a"),
        ("Patient/a/_history/3", "a"),
        ("urn:uuid:a", "a"),
        ("a", "a"),
        ("Group/a", None),
        ("#a", None),
        ("Patient?identifier=a", None),
        ("", None),
    ],
)
def test_the_owner_is_read_from_the_reference(reference: str, owner: str | None) -> None:
    (row,) = rows(condition(of=reference))
    assert row.patient == owner


@pytest.mark.parametrize("resource", [condition(of=None), {**condition(), "subject": {"identifier": {"value": "7"}}}])
def test_a_resource_that_names_nobody_is_nobodys(resource: dict[str, Any]) -> None:
    assert [(row.patient, row.body) for row in rows(resource)] == [(None, b"")]


REFERENCES = st.sampled_from(["Patient/a", "a", "urn:uuid:a", "https://x.example/Patient/a", "Patient/b", "#a", "Group/a", "", 7, None])
KINDS = st.sampled_from(["Condition", "AllergyIntolerance", "Appointment", "Task", "Patient", "Coverage"])


@given(KINDS, REFERENCES, REFERENCES)
def test_who_is_named_is_the_owner_and_who_is_the_owner_is_named(kind: str, one: object, other: object) -> None:
    actors = [{"actor": {"reference": one}}, {"actor": {"reference": other}}]
    resource: dict[str, object] = {"resourceType": kind, "id": "a", "participant": actors}
    resource |= {name: {"reference": one} for name in ("subject", "patient", "for", "beneficiary")}
    found = named(resource)
    assert ("a" in found or "urn:uuid:a" in found) == (Patient("a").owner(resource) is Owner.THIS)


def test_the_whole_line_is_kept_as_it_came() -> None:
    line = b'{"resourceType":"Observation","subject":{"reference":"Patient/a"},"valueQuantity":{"value":7.10}}'
    assert [row.body for row in read_text(line)] == [line]


def test_an_appointment_belongs_to_everyone_it_names() -> None:
    actors = [{"actor": {"reference": f"Patient/{name}"}} for name in ("a", "b")]
    assert [row.patient for row in rows({"resourceType": "Appointment", "participant": actors})] == ["a", "b"]


def test_a_bundle_calls_its_patient_by_the_name_of_the_entry() -> None:
    found = rows(bundle(entry=[{"fullUrl": "urn:uuid:x", "resource": patient("a")}, {"resource": condition(of="urn:uuid:x")}]))
    assert [(row.kind, row.patient, row.url) for row in found] == [("Patient", "a", "urn:uuid:x"), ("Condition", "a", "")]


def test_a_medication_is_known_by_its_id_and_its_entry() -> None:
    found = rows(bundle(entry=[{"fullUrl": "urn:uuid:m", "resource": {"resourceType": "Medication", "id": "m1"}}]))
    assert found[0].names == ("urn:uuid:m", "Medication/m1")
    (taker,) = rows(order(medicationReference={"reference": "https://x.example/r4/Medication/m1/_history/2"}))
    assert taker.names == ("https://x.example/r4/Medication/m1/_history/2", "Medication/m1")


@pytest.mark.parametrize(
    ("text", "kind", "owner"),
    [
        (b'{"resourceType":"Condition","subject":{"reference":"Patient/a"},', "Condition", "a"),
        (b'{"resourceType":"Patient","id":"a","name":', "Patient", "a"),
        (b'{"subject":{"reference":"https://x.example/Patient/a"}', "", "a"),
        (b'{"resourceType":"Condition","id":"c', "Condition", None),
        (b"7", "", None),
        (b"\xff", "", None),
        (b"[" * 500, "", None),
        (b'{"resourceType":"Bundle","entry":[{"resource":7}]}', "", None),
        (b'{"id":"x"}', "", None),
        (b'{"resourceType":"Condition","resourceType":"Patient","subject":{"reference":"Patient/a"}}', "Condition", "a"),
    ],
)
def test_a_damaged_line_says_whose_it_is_when_it_can(text: bytes, kind: str, owner: str | None) -> None:
    (row,) = read_text(text)
    assert (row.kind, row.patient, row.body) == (kind, owner, b"")
    assert row.problem


@given(st.binary())
def test_no_line_raises(text: bytes) -> None:
    assert all(row.problem or row.kind for row in read_text(text))


def test_an_error_of_the_exporting_server_is_a_problem_and_a_remark_is_none() -> None:
    assert [row.problem for row in rows(outcome())] == ["the exporting server reported an error"]
    assert rows(outcome("information")) == []
    assert [row.problem for row in rows(bundle(entry=[{"fullUrl": "urn:uuid:x"}]))] == ["an entry of the Bundle has no resource"]


def test_a_bundle_that_is_not_whole_makes_everything_unknown_for_everybody_in_it() -> None:
    whole = bundle(patient("a"), condition(of="Patient/b"))
    for broken in (bundle(patient("a"), condition(of="Patient/b"), outcome()), {**whole, "entry": [*whole["entry"], {}]}):
        problems = [(row.kind, row.patient) for row in rows(broken) if row.problem]
        assert problems == [("", "a"), ("", "b")]
    cut = json.dumps(bundle(patient("a"), condition(of="Patient/b"))).encode()[:-3]
    assert [(row.kind, row.patient) for row in read_text(cut)] == [("", "a"), ("", "b")]


def test_a_document_may_be_compressed_and_must_be_whole() -> None:
    packed = gzip.compress(json.dumps(patient("a")).encode())
    assert [row.patient for row in read_document(packed)] == ["a"]
    assert [row.problem for row in read_document(packed[:-9])] == ["the gzip file is cut off"]
    assert [row.problem for row in read_document(packed[:2] + b"\xff" * 9)] == ["not a gzip file, or a damaged one"]
