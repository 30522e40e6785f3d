from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rules.findings import Evaluation
from tests.support.doubles import AUTHORIZATION, COMPLETE, bundle, condition, order, outcome, patient, request
from tests.support.service import Service, running

SERVER: dict[str, Any] = {"fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": AUTHORIZATION}


def without(*keys: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON member
    return {key: value for key, value in {**COMPLETE, **more}.items() if key not in keys}


def test_a_bundle_is_data(service: Service) -> None:
    service.cards(request())
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {}


def test_null_means_looked_and_found_none(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": None}))
    assert service.knowledge.unread == {}


def test_an_empty_bundle_means_looked_and_found_none(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle()}))
    assert service.knowledge.unread == {}


def test_a_single_resource_is_accepted_where_a_bundle_is_expected(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": condition()}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]


def test_a_bundle_is_accepted_where_the_patient_is_expected(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "patient": bundle(patient())}))
    assert "Patient/p1" in service.knowledge.refs


def test_a_missing_key_without_a_server_is_unknown(service: Service) -> None:
    service.cards(request(prefetch=without("observations")))
    assert service.knowledge.unread == {"Observation": "not sent with the request, and no FHIR server could be asked"}


def test_an_empty_answer_says_to_programs_what_could_not_be_read(service: Service) -> None:
    service.knowledge.answer = Evaluation((), (), relevant=False)
    answer = service.hook(request(prefetch=without("observations"))).json()
    assert answer == {"cards": [], "extension": {"io.github.neuromuscular-cds.not-read": {"types": ["Observation"]}}}
    assert service.hook(request()).json() == {"cards": []}


def test_an_open_server_is_asked_without_a_token(service: Service) -> None:
    """`fhirAuthorization` is optional: a sandbox's server asks for none."""
    found = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}}
    service.fhir.answers["Observation?patient=p1"] = bundle(found)
    service.cards(request(prefetch=without("observations"), fhirServer="http://127.0.0.1:8080/fhir"))
    assert (service.knowledge.refs[-1], service.knowledge.unread, service.fhir.tokens) == ("Observation/o1", {}, [""])


def test_a_missing_key_is_fetched_with_the_token(service: Service) -> None:
    service.fhir.answers["Observation?patient=p1"] = bundle(
        {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}}
    )
    service.cards(request(prefetch=without("observations"), **SERVER))
    assert service.fhir.asked == ["Observation?patient=p1&_count=200"]
    assert service.fhir.tokens == ["CANARY-opaque-token"]
    assert "Observation/o1" in service.knowledge.refs
    assert service.knowledge.unread == {}


def test_everything_is_fetched_when_there_is_no_prefetch(service: Service) -> None:
    service.fhir.answers = {
        "Patient/p1": patient(), "Condition?patient=p1": bundle(condition()), "MedicationRequest?patient=p1": bundle(),
        "Observation?patient=p1": bundle(),
    }  # fmt: skip
    service.cards(request(prefetch=None, **SERVER))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {}


def test_nothing_is_fetched_when_the_prefetch_is_complete(service: Service) -> None:
    service.cards(request(**SERVER))
    assert service.fhir.asked == []


def test_nothing_is_fetched_without_a_token_where_callers_are_registered(service: Service) -> None:
    """The client decides that (`security/test_fhir_addresses.py`); its refusal leaves the key unknown."""
    service.fhir.refuses = True
    service.cards(request(prefetch=without("observations"), fhirServer="https://ehr.example.org/fhir"))
    assert service.fhir.asked == []
    assert set(service.knowledge.unread) == {"Observation"}


def test_a_server_that_may_not_be_called_leaves_the_key_unknown(service: Service) -> None:
    service.fhir.refuses = True
    service.cards(request(prefetch=without("observations"), **SERVER))
    assert service.fhir.asked == []
    assert service.knowledge.unread == {"Observation": "the FHIR server is not one that this service may call"}


def test_an_operation_outcome_is_unknown_and_is_not_asked_for_again(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "observations": outcome()}, **SERVER))
    assert service.fhir.asked == []
    assert service.knowledge.unread == {"Observation": "the sending system reported an error"}


@pytest.mark.parametrize("severity", ["fatal", "error", "warning"])
def test_an_outcome_among_the_results_makes_them_a_part(service: Service, severity: str) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), outcome(severity))}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {"Condition": "the sending system reported an error"}


def test_an_outcome_that_only_informs_changes_nothing(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), outcome("information"))}))
    assert service.knowledge.unread == {}


@pytest.mark.parametrize("severity", ["information", "success", "error"])
def test_an_outcome_in_place_of_the_data_is_unknown_whatever_its_severity(service: Service, severity: str) -> None:
    service.cards(request(prefetch={**COMPLETE, "observations": outcome(severity)}))
    assert service.knowledge.unread == {"Observation": "the sending system reported an error"}


@pytest.mark.parametrize("code", ["suppressed", "incomplete", "throttled", "timeout", "too-costly", "transient"])
def test_an_outcome_that_says_not_everything_makes_it_a_part_even_as_information(service: Service, code: str) -> None:
    said = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": code}]}
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), said)}))
    assert service.knowledge.unread == {"Condition": "the sending system reported an error"}


@pytest.mark.parametrize("severity", [["information"], {}, 5, None])
def test_an_outcome_of_odd_types_is_unknown_and_not_a_defect(service: Service, severity: object) -> None:
    said = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": severity}]}
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), said)}))
    assert service.knowledge.unread == {"Condition": "the sending system reported an error"}


@pytest.mark.parametrize("said", [{}, {"issue": []}, {"issue": {}}, {"issue": 5}, {"issue": [5]}])
def test_an_outcome_that_does_not_say_what_is_wrong_is_unknown(service: Service, said: dict[str, Any]) -> None:
    found = bundle(condition(), {"resourceType": "OperationOutcome", **said})
    service.cards(request(prefetch={**COMPLETE, "conditions": found}))
    assert service.knowledge.unread == {"Condition": "the sending system reported an error"}


def test_a_resource_that_comes_twice_counts_once_towards_the_total_and_is_used_once(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), condition(), total=1)}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {}
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), condition(), total=2)}))
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}


def test_two_versions_of_one_resource_are_both_used_and_unknown(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), condition(note=[{"text": "x"}]))}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1", "Condition/c1"]
    assert service.knowledge.unread == {"Condition": "one record came in two versions"}


def test_a_resource_without_an_id_is_never_the_same_as_another(service: Service) -> None:
    one = {name: value for name, value in condition().items() if name != "id"}
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(one, one, total=2)}))
    assert service.knowledge.unread == {}


def test_a_resource_of_which_the_server_left_elements_out_makes_it_a_part(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(meta={"tag": [{"code": "SUBSETTED"}]}))}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}


def test_fewer_entries_than_the_total_without_a_next_page_are_a_part(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), total=2)}))
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}


@pytest.mark.parametrize("total", ["2", 2.0, 1e300, "many", "²", True, {}])
def test_a_total_written_oddly_still_says_that_more_is_there(service: Service, total: object) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), total=total)}))
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}


@pytest.mark.parametrize("total", ["1", 1.0, 0, -1, None])
def test_a_total_that_claims_no_more_than_came_changes_nothing(service: Service, total: object) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), total=total)}))
    assert service.knowledge.unread == {}


def test_included_resources_do_not_count_towards_the_total(service: Service) -> None:
    found = bundle(condition(), total=2)
    found["entry"].append({"resource": {"resourceType": "Practitioner", "id": "d"}, "search": {"mode": "include"}})
    service.cards(request(prefetch={**COMPLETE, "conditions": found}))
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]


def test_an_entry_without_a_resource_is_a_part(service: Service) -> None:
    service.cards(
        request(prefetch={**COMPLETE, "conditions": {"resourceType": "Bundle", "entry": [{"fullUrl": "x"}, {"resource": condition()}]}})
    )
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}


def test_a_next_page_that_cannot_be_fetched_is_a_part(service: Service) -> None:
    page = bundle(condition(), link=[{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}])
    service.cards(request(prefetch={**COMPLETE, "conditions": page}))
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}


def test_a_next_page_without_an_address_is_a_part(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), link=[{"relation": "next"}])}))
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}


def test_other_links_and_addresses_that_are_none_do_no_harm(service: Service) -> None:
    page = bundle(condition(), link=[5, {"relation": "self", "url": "https://ehr.example.org/fhir?page=1"}])
    page["entry"][0]["fullUrl"] = 5
    service.cards(request(prefetch={**COMPLETE, "patient": {**page, "entry": [{"fullUrl": 5, "resource": patient()}]}, "conditions": page}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {}


def test_an_outcome_on_a_fetched_page_makes_it_a_part(service: Service) -> None:
    found = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}}
    service.fhir.answers["Observation?patient=p1"] = bundle(found, outcome())
    service.cards(request(prefetch=without("observations"), **SERVER))
    assert "Observation/o1" in service.knowledge.refs
    assert service.knowledge.unread == {"Observation": "the FHIR server reported an error"}


def test_pages_that_do_not_come_are_a_part_for_the_reason_that_the_reading_gives(service: Service) -> None:
    url = "https://ehr.example.org/fhir?page=2"
    page = bundle(condition(), link=[{"relation": "next", "url": url}])
    service.cards(request(prefetch={**COMPLETE, "conditions": page}, **SERVER))
    assert service.fhir.asked == [url]
    assert service.knowledge.unread == {"Condition": "the FHIR server reported an error"}


def test_a_medication_that_the_search_included_comes_along(service: Service) -> None:
    found = bundle(order(medicationReference={"reference": "Medication/d1"}))
    found["entry"].append({"resource": {"resourceType": "Medication", "id": "d1"}, "search": {"mode": "include"}})
    service.cards(request(prefetch={**COMPLETE, "medicationRequests": found}))
    assert "Medication/d1" in service.knowledge.refs
    assert service.knowledge.unread == {}


@pytest.mark.parametrize("link", ["Condition?page=2", "?page=2", "/fhir/Condition?page=2", "//ehr.example.org/fhir/Condition?page=2"])
def test_a_relative_link_to_the_next_page_starts_from_the_search(service: Service, link: str) -> None:
    service.fhir.answers["https://ehr.example.org/fhir/Condition?page=2"] = bundle(condition("c2"), total=2)
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), link=[{"relation": "next", "url": link}])}, **SERVER))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1", "Condition/c2"]
    assert service.knowledge.unread == {}


@pytest.mark.parametrize("link", ["", None, 5, "//["])
def test_a_next_page_without_an_address_is_not_asked_for(service: Service, link: object) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), link=[{"relation": "next", "url": link}])}, **SERVER))
    assert service.fhir.asked == []
    assert service.knowledge.unread == {"Condition": "only a part of the data came"}


def test_a_next_page_is_fetched(service: Service) -> None:
    url = "https://ehr.example.org/fhir?page=2"
    service.fhir.answers[url] = bundle(condition("c2"), total=2)
    service.cards(
        request(prefetch={**COMPLETE, "conditions": bundle(condition(), total=2, link=[{"relation": "next", "url": url}])}, **SERVER)
    )
    assert service.fhir.asked == [url]
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1", "Condition/c2"]
    assert service.knowledge.unread == {}


def test_other_kinds_of_data_in_place_of_the_expected_ones_are_not_used_and_make_it_unknown(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "observations": bundle(order())}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {"Observation": "other kinds of data came in its place"}


def test_a_medication_that_only_a_reference_names_is_fetched(service: Service) -> None:
    service.fhir.answers["Medication/d1"] = {"resourceType": "Medication", "id": "d1"}
    service.cards(
        request(prefetch={**COMPLETE, "medicationRequests": bundle(order(medicationReference={"reference": "Medication/d1"}))}, **SERVER)
    )
    assert service.fhir.asked == ["Medication/d1"]
    assert "Medication/d1" in service.knowledge.refs
    assert service.knowledge.unread == {}


HERE = "https://ehr.example.org/fhir/Medication/d1"


@pytest.mark.parametrize(
    ("references", "asked"),
    [
        ([HERE], ["Medication/d1"]),
        (["Medication/d1/_history/2"], ["Medication/d1/_history/2"]),
        ([f"{HERE}/_history/2", "Medication/d1/_history/2"], ["Medication/d1/_history/2"]),
        (["Medication/d1/_history/2", HERE], ["Medication/d1"]),
        (["Medication/d1", HERE], ["Medication/d1"]),
    ],
)
def test_a_medication_of_the_fhir_server_is_read_however_it_is_called(service: Service, references: list[str], asked: list[str]) -> None:
    service.fhir.answers[asked[0]] = {"resourceType": "Medication", "id": "d1"}
    orders = [order(f"m{place}", medicationReference={"reference": reference}) for place, reference in enumerate(references)]
    service.cards(request(prefetch={**COMPLETE, "medicationRequests": bundle(*orders)}, **SERVER))
    assert service.fhir.asked == asked
    assert service.knowledge.unread == {}


def test_a_medication_is_read_from_the_server_as_the_caller_writes_its_address(service: Service) -> None:
    service.fhir.answers["Medication/d1"] = {"resourceType": "Medication", "id": "d1"}
    named = order(medicationReference={"reference": "https://EHR.example.org:443/fhir/Medication/d1"})
    there = {**SERVER, "fhirServer": "https://EHR.example.org:443/fhir/"}
    service.cards(request(prefetch={**COMPLETE, "medicationRequests": bundle(named)}, **there))
    assert service.fhir.asked == ["Medication/d1"]


@pytest.mark.parametrize(
    "references",
    [
        ["https://ehr.example.org/Medication/d1"],
        ["https://ehr.example.org/fhir/other/Medication/d1"],
        ["https://elsewhere.example.org/fhir/Medication/d1"],
        ["https://ehr.example.org.evil.example/fhir/Medication/d1"],
        ["//ehr.example.org/fhir/Medication/d1"],
        ["Medication/.."],
        ["Medication/d1/_history/.."],
        ["Medication/d1/_history/1", "Medication/d1/_history/2"],
        ["Medication/d1/_history/2?x=1"],
    ],
)
def test_a_medication_that_another_server_or_no_single_version_holds_is_not_read(service: Service, references: list[str]) -> None:
    orders = [order(f"m{place}", medicationReference={"reference": reference}) for place, reference in enumerate(references)]
    service.cards(request(prefetch={**COMPLETE, "medicationRequests": bundle(*orders)}, **SERVER))
    assert service.fhir.asked == []
    assert set(service.knowledge.unread) == {"MedicationRequest"}


def test_a_medication_reference_cannot_climb_to_another_address(service: Service) -> None:
    service.cards(
        request(
            prefetch={**COMPLETE, "medicationRequests": bundle(order(medicationReference={"reference": "Medication/../Patient/p2"}))},
            **SERVER,
        )
    )
    assert service.fhir.asked == []
    assert set(service.knowledge.unread) == {"MedicationRequest"}


@pytest.mark.parametrize(
    ("prefetch", "keys"),
    [
        (without("patient"), ["prefetch.patient"]),
        (without("conditions"), ["prefetch.conditions"]),
        ({}, ["prefetch.patient", "prefetch.conditions"]),
        ({**COMPLETE, "patient": None}, ["prefetch.patient"]),
        ({**COMPLETE, "patient": outcome()}, ["prefetch.patient"]),
        ({**COMPLETE, "patient": patient("p2")}, ["prefetch.patient"]),
        ({**COMPLETE, "patient": {"resourceType": "Patient"}}, ["prefetch.patient"]),
        ({**COMPLETE, "conditions": outcome()}, ["prefetch.conditions"]),
        ({**COMPLETE, "conditions": bundle(condition(of="Patient/p2"))}, ["prefetch.conditions"]),
    ],
)
def test_required_data_that_cannot_be_had_are_412_and_named(service: Service, prefetch: dict[str, Any], keys: list[str]) -> None:
    answer = service.hook(request(prefetch=prefetch))
    assert (answer.status, answer.number, answer.paths) == (412, "NMCDS-110", keys)
    assert service.knowledge.calls == 0
    for key, issue in zip(keys, answer.json()["issue"], strict=True):
        assert issue["severity"] == "error"
        assert issue["code"] == "processing"
        assert f"prefetch key {key.removeprefix('prefetch.')}" in issue["diagnostics"]


def test_a_part_of_the_conditions_is_used_and_said_to_be_a_part(service: Service) -> None:
    service.cards(request(prefetch={**COMPLETE, "conditions": bundle(condition(), condition("c2", of="Patient/p2"))}))
    assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]
    assert service.knowledge.unread == {"Condition": "data of another patient came and were not used"}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (5, "prefetch.conditions"), ("x", "prefetch.conditions"), ([], "prefetch.conditions"), ({}, "prefetch.conditions.resourceType"),
        ({"resourceType": ""}, "prefetch.conditions.resourceType"), ({"resourceType": "A/../b"}, "prefetch.conditions.resourceType"),
        ({"resourceType": "Bundle", "entry": [None]}, "prefetch.conditions.entry[0]"),
        ({"resourceType": "Bundle", "entry": "x"}, "prefetch.conditions.entry"),
    ],
)  # fmt: skip
def test_prefetch_that_is_not_fhir_is_refused_with_its_place(service: Service, value: object, path: str) -> None:
    answer = service.hook(request(prefetch={**COMPLETE, "conditions": value}))
    assert (answer.status, answer.number, answer.paths) == (400, "NMCDS-104", [path])


def test_more_resources_of_one_key_than_a_search_may_bring_are_a_part(tmp_path: Path) -> None:
    many = bundle(*(condition(id=f"c{number}") for number in range(12)))
    with running(tmp_path, fetch_resources=10) as service:
        service.cards(request(prefetch={**COMPLETE, "conditions": many}))
        assert len([ref for ref in service.knowledge.refs if ref.startswith("Condition")]) == 10
        assert service.knowledge.unread == {"Condition": "there are more data than this service reads"}
        assert not service.fhir.asked
