"""Whatever the FHIR server does, the call is answered within 2.1 s, and what was not read completely is unknown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.fhir_client import FhirClient
from cds_hooks.settings import Settings
from tests.support.doubles import AUTHORIZATION, COMPLETE, FakeKnowledge, bundle, condition, order, request
from tests.support.fault_server import BEHAVIOURS, FaultServer, fault_server
from tests.support.service import Service, running

PARTS = {"mixed", "outcome-among-results", "truncated-total", *(name for name in BEHAVIOURS if name.startswith("next-"))}
USABLE = {"good", *PARTS, "paging", "other-patient"}
DEAD = sorted(set(BEHAVIOURS) - USABLE)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as found:
        yield found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, FakeKnowledge(), fhir=FhirClient(Settings(fetch_limit_bytes=1_000_000))) as found:
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
def test_a_server_that_gives_nothing_is_412_within_the_deadline(service: Service, server: FaultServer, behaviour: str) -> None:
    started = time.monotonic()
    answer = service.hook(ask(server, behaviour))
    assert time.monotonic() - started < 2.1
    assert (answer.status, answer.number) == (412, "NMCDS-110")
    assert answer.paths == ["prefetch.patient", "prefetch.conditions"]


@pytest.mark.parametrize("behaviour", DEAD)
def test_what_such_a_server_was_asked_for_is_unknown_when_the_rest_is_there(service: Service, server: FaultServer, behaviour: str) -> None:
    started = time.monotonic()
    service.cards(ask(server, behaviour, prefetch={key: value for key, value in COMPLETE.items() if key != "observations"}))
    assert time.monotonic() - started < 2.1
    assert list(service.knowledge.unread) == ["Observation"]


@pytest.mark.parametrize("behaviour", sorted(PARTS))
def test_a_part_is_used_and_unknown(service: Service, server: FaultServer, behaviour: str) -> None:
    service.cards(ask(server, behaviour))
    assert "Condition/c1" in service.knowledge.refs
    assert "MedicationRequest" in service.knowledge.unread
    assert "MedicationRequest/m2" not in service.knowledge.refs


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


def test_a_redirect_is_not_followed(service: Service, server: FaultServer) -> None:
    service.hook(ask(server, "redirect"))
    assert all(path.startswith("/redirect/") for path, _ in server.seen)


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


def test_medications_are_read_inside_the_same_deadline(service: Service, server: FaultServer) -> None:
    prefetch = {**COMPLETE, "medicationRequests": bundle(order(medicationReference={"reference": "Medication/d1"}))}
    started = time.monotonic()
    service.cards(ask(server, "silent", prefetch=prefetch))
    assert time.monotonic() - started < 2.1
    assert set(service.knowledge.unread) == {"MedicationRequest"}
