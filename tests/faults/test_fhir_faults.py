"""Whatever the FHIR server does, the call is answered within 2.1 s, and what was not read completely is unknown."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.fhir_client import FhirClient
from cds_hooks.settings import Settings
from tests.support.doubles import AUTHORIZATION, COMPLETE, FakeKnowledge, bundle, condition, order, request
from tests.support.fault_server import BEHAVIOURS, FaultServer, fault_server
from tests.support.patience import in_time
from tests.support.service import Service, running

PARTS = {
    "mixed", "outcome-among-results", "outcome-that-suppressed", "outcome-of-odd-types", "truncated-total", "same-twice", "two-versions",
    "other-type", "no-bundle", "no-bundle-type", "history", "no-resource", "subset", "too-many", "too-long", "refresh", "link-header",
    *(name for name in BEHAVIOURS if name.startswith("next-")),
}  # fmt: skip
USABLE = {
    "good", *PARTS, "paging", "other-patient", "script", "first-page", "crowd", "holds",
    *(name for name in BEHAVIOURS if name.startswith("once-")),
}  # fmt: skip
DEAD = sorted(set(BEHAVIOURS) - USABLE)
PROMISE_S = 2.1
PATIENT, CONDITIONS = COMPLETE["patient"], COMPLETE["conditions"]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as found:
        yield found


@contextmanager
def fresh(folder: Path) -> Iterator[Service]:
    with running(folder, FakeKnowledge(), fhir=FhirClient(Settings(fetch_limit_bytes=1_000_000, fetch_resources=500))) as found:
        yield found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with fresh(tmp_path) as found:
        yield found


@pytest.fixture
def unhurried(tmp_path: Path) -> Iterator[Service]:
    """The same with ten seconds for each call: what a busy machine may take where time is not the point."""
    settings = Settings(fetch_limit_bytes=1_000_000, fetch_resources=500, deadline_s=10)
    with running(tmp_path, FakeKnowledge(), fhir=FhirClient(settings), deadline_s=10) as found:
        yield found


@contextmanager
def hasty(folder: Path) -> Iterator[Service]:
    """The same with half a second for each call: a quarter of the waiting where the two seconds are not the point."""
    settings = Settings(fetch_limit_bytes=1_000_000, deadline_s=0.5)
    with running(folder, FakeKnowledge(), fhir=FhirClient(settings), deadline_s=0.5) as found:
        yield found


def ask(server: FaultServer, behaviour: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON member
    return request(fhirServer=server.url(behaviour), fhirAuthorization=AUTHORIZATION, **{"prefetch": None, **changes})


def test_a_good_server_is_read_in_parallel_with_the_token(service: Service, server: FaultServer) -> None:
    assert service.cards(ask(server, "good")) == []
    assert sorted(service.knowledge.refs) == ["Condition/c1", "Patient/p1"]
    assert service.knowledge.unread == {}
    assert sorted(path for path, _ in server.seen) == [
        "/good/Condition?patient=p1&_count=200",
        "/good/MedicationRequest?patient=p1&_count=200",
        "/good/Observation?patient=p1&_count=200",
        "/good/Patient/p1",
    ]
    assert {headers["authorization"] for _, headers in server.seen} == {"Bearer CANARY-opaque-token"}
    assert {headers["host"] for _, headers in server.seen} == {f"127.0.0.1:{server.port}"}
    assert all("cookie" not in headers for _, headers in server.seen)


@pytest.mark.parametrize("behaviour", DEAD)
def test_a_server_that_gives_nothing_is_412_within_the_deadline(tmp_path: Path, server: FaultServer, behaviour: str) -> None:
    answer = in_time(lambda: fresh(tmp_path), lambda service: service.hook(ask(server, behaviour)), PROMISE_S)
    assert (answer.status, answer.number) == (412, "NMCDS-110")
    assert answer.paths == ["prefetch.patient", "prefetch.conditions"]


@pytest.mark.parametrize("behaviour", DEAD)
def test_what_such_a_server_was_asked_for_is_unknown_when_the_rest_is_there(tmp_path: Path, server: FaultServer, behaviour: str) -> None:
    def act(service: Service) -> Mapping[str, str]:
        service.cards(ask(server, behaviour, prefetch={key: value for key, value in COMPLETE.items() if key != "observations"}))
        return service.knowledge.unread

    unread = in_time(lambda: hasty(tmp_path), act, PROMISE_S)
    assert list(unread) == ["Observation"]
    assert unread["Observation"].startswith("the FHIR server ")


@pytest.mark.parametrize("behaviour", sorted(PARTS))
def test_a_part_is_used_and_unknown(unhurried: Service, server: FaultServer, behaviour: str) -> None:
    unhurried.cards(ask(server, behaviour))
    assert "Condition/c1" in unhurried.knowledge.refs
    assert "MedicationRequest" in unhurried.knowledge.unread
    assert "MedicationRequest/m2" not in unhurried.knowledge.refs


@pytest.mark.parametrize(
    ("behaviour", "reason", "used"),
    [
        ("outcome-among-results", "the FHIR server reported an error", []),
        ("outcome-that-suppressed", "the FHIR server reported an error", []),
        ("truncated-total", "only a part of the data came", []),
        ("same-twice", "only a part of the data came", ["MedicationRequest/m1"]),
        ("two-versions", "one record came in two versions", ["MedicationRequest/m1"] * 2),
        ("other-type", "other kinds of data came in its place", []),
        ("no-bundle", "the FHIR server answered with something other than a search result", ["MedicationRequest/m1"]),
        ("no-bundle-type", "the FHIR server answered with something other than a search result", ["MedicationRequest/m1"]),
        ("history", "the FHIR server answered with something other than a search result", []),
        ("no-resource", "only a part of the data came", []),
        ("subset", "only a part of the data came", ["MedicationRequest/m1"]),
        ("too-long", "the FHIR server has more data than this service reads", []),
        ("mixed", "data of another patient came and were not used", ["MedicationRequest/m1"]),
        ("next-elsewhere", "the FHIR server pointed to another server", ["MedicationRequest/m1"]),
    ],
)
def test_the_reason_says_what_happened_and_what_came_is_used(
    unhurried: Service, server: FaultServer, behaviour: str, reason: str, used: list[str]
) -> None:
    unhurried.cards(ask(server, behaviour, prefetch={"patient": PATIENT, "conditions": CONDITIONS, "observations": None}))
    assert unhurried.knowledge.unread == {"MedicationRequest": reason}
    assert [ref for ref in unhurried.knowledge.refs if ref.startswith("MedicationRequest")] == used


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("401", "refused access"), ("403", "refused access"), ("404", "did not find what was asked for"),
        ("410", "did not find what was asked for"), ("400", "did not accept the question"), ("422", "did not accept the question"),
        ("429", "is overloaded"), ("500", "reported an error"), ("503", "reported an error"), ("502", "reported an error"),
        ("redirect-302", "pointed to another place"), ("html", "answered with something other than FHIR JSON"),
        ("204", "answered with something other than FHIR JSON"), ("gzip-bomb", "answered with something other than FHIR JSON"),
        ("reset", "could not be read"), ("truncated-though-json", "could not be read"),
        ("endless", "has more data than this service reads"),
        ("outcome-that-informs", "reported an error"),
    ],
)  # fmt: skip
def test_a_clinician_is_told_what_the_server_did(unhurried: Service, server: FaultServer, behaviour: str, reason: str) -> None:
    unhurried.cards(ask(server, behaviour, prefetch={key: value for key, value in COMPLETE.items() if key != "observations"}))
    assert unhurried.knowledge.unread == {"Observation": f"the FHIR server {reason}"}


def test_resources_past_the_limit_are_not_used(service: Service, server: FaultServer) -> None:
    service.cards(ask(server, "too-many"))
    assert len([ref for ref in service.knowledge.refs if ref.startswith("MedicationRequest")]) == 500
    assert service.knowledge.unread["MedicationRequest"] == "the FHIR server has more data than this service reads"


def test_what_rules_could_not_work_through_in_time_is_not_taken_in(tmp_path: Path, server: FaultServer) -> None:
    """Half a second would be gone with 6,000 resources; the limit of one search would let them in."""
    server.script = {"MedicationRequest": ["crowd"]}
    with running(tmp_path, fhir=FhirClient(Settings(deadline_s=0.5, fetch_resources=10_000)), deadline_s=0.5) as service:
        service.cards(ask(server, "script", prefetch={key: value for key, value in COMPLETE.items() if key != "medicationRequests"}))
        [(kind, why)] = service.knowledge.unread.items()
        assert kind == "MedicationRequest"
        assert why in ("there are more data than can be checked in time", "the FHIR server did not answer in time")  # a slow machine
        assert service.knowledge.refs == ["Patient/p1", "Condition/c1"]


def test_a_clinician_is_told_that_the_server_did_not_answer(tmp_path: Path, server: FaultServer) -> None:
    with hasty(tmp_path) as service:
        service.cards(ask(server, "silent", prefetch={key: value for key, value in COMPLETE.items() if key != "observations"}))
        assert service.knowledge.unread == {"Observation": "the FHIR server did not answer in time"}


def test_pages_that_came_before_the_deadline_are_used_when_a_later_one_does_not_come(service: Service, server: FaultServer) -> None:
    server.script = {"Condition": ["first-page", "silent"]}
    service.cards(ask(server, "script", prefetch={key: value for key, value in COMPLETE.items() if key != "conditions"}))
    assert "Condition/c0" in service.knowledge.refs
    assert service.knowledge.unread == {"Condition": "the FHIR server did not answer in time"}


def test_endless_pages_end_at_the_page_limit(tmp_path: Path, server: FaultServer) -> None:
    with running(tmp_path, fhir=FhirClient(Settings(fetch_pages=3))) as service:
        service.cards(ask(server, "paging", prefetch={key: value for key, value in COMPLETE.items() if key != "conditions"}))
        assert len(server.seen) == 3
        assert service.knowledge.unread == {"Condition": "the FHIR server has more data than this service reads"}


def test_data_of_another_patient_from_the_server_are_not_used(service: Service, server: FaultServer) -> None:
    answer = service.hook(ask(server, "other-patient"))
    assert (answer.status, answer.paths) == (412, ["prefetch.patient", "prefetch.conditions"])
    assert service.knowledge.calls == 0


def test_a_next_page_of_the_prefetch_is_followed_on_the_same_origin_only(service: Service, server: FaultServer) -> None:
    for url, unread in (
        (f"{server.url('good')}/Condition?page=2", {}),
        ("http://127.0.0.2:1/x", {"Condition": "the FHIR server pointed to another server"}),
    ):
        first = bundle(condition("c0"), link=[{"relation": "next", "url": url}])
        service.cards(ask(server, "good", prefetch={**COMPLETE, "conditions": first}))
        assert service.knowledge.unread == unread
    assert len(server.seen) == 1


def test_a_dead_server_does_not_use_up_the_threads_for_others(tmp_path: Path, server: FaultServer) -> None:
    """Threads that wait for a dripping server are cut off soon after the deadline, so that they can work again."""
    with running(tmp_path, fhir=FhirClient(Settings(fetch_workers=4)), deadline_s=0.4) as service:
        for behaviour in ("drip-head", "endless-head", "silent", "drip-body"):
            assert service.hook(ask(server, behaviour)).status == 412
        time.sleep(0.6)
        assert service.hook(ask(server, "good")).status == 200


def test_a_refused_connection_is_unknown(service: Service) -> None:
    answer = service.hook(request(prefetch=None, fhirServer="http://127.0.0.1:1/fhir", fhirAuthorization=AUTHORIZATION))
    assert answer.status == 412
    assert "the FHIR server could not be read" in answer.json()["issue"][0]["diagnostics"]


def test_medications_are_read_inside_the_same_deadline(tmp_path: Path, server: FaultServer) -> None:
    def act(service: Service) -> Mapping[str, str]:
        service.cards(ask(server, "silent", prefetch=prefetch))
        return service.knowledge.unread

    prefetch = {**COMPLETE, "medicationRequests": bundle(order(medicationReference={"reference": "Medication/d1"}))}
    assert set(in_time(lambda: fresh(tmp_path), act, PROMISE_S)) == {"MedicationRequest"}
