"""A server that is down is not waited for, and holds up nobody who reads another one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.faults import RefusedError
from cds_hooks.fhir_client import Access, FhirClient
from cds_hooks.lanes import MOST_LANES, Lanes
from cds_hooks.observe import Metrics
from cds_hooks.settings import Settings
from tests.support.doubles import AUTHORIZATION, COMPLETE, request
from tests.support.fault_server import FaultServer, fault_server, until
from tests.support.service import running

LATELY = "the FHIR server did not answer lately"
QUERY = "Observation?patient=p1"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as found:
        yield found


def without_observations(server: FaultServer, behaviour: str) -> dict[str, Any]:
    prefetch = {key: value for key, value in COMPLETE.items() if key != "observations"}
    return request(prefetch=prefetch, fhirServer=server.url(behaviour), fhirAuthorization=AUTHORIZATION)


@pytest.mark.parametrize("behaviour", ["500", "silent", "reset", "truncated"])
def test_after_three_failures_the_server_is_not_asked_and_the_data_are_unknown(tmp_path: Path, server: FaultServer, behaviour: str) -> None:
    metrics = Metrics()
    settings = Settings(deadline_s=0.3)
    with running(tmp_path, fhir=FhirClient(settings, metrics), deadline_s=0.3) as service:
        for _ in range(3):
            service.cards(without_observations(server, behaviour))
            assert service.knowledge.unread["Observation"] != LATELY
        asked = len(server.seen)
        service.cards(without_observations(server, behaviour))
        assert service.knowledge.unread == {"Observation": LATELY}
        assert service.hook(request(prefetch=None, fhirServer=server.url("good"), fhirAuthorization=AUTHORIZATION)).status == 412
    assert len(server.seen) == asked
    text = metrics.render().decode()
    assert 'nmcds_fhir_circuit_open{server="loopback"} 1.0' in text
    assert 'nmcds_fhir_faults_total{kind="circuit-open"} 5.0' in text


@pytest.mark.parametrize("behaviour", ["400", "401", "403", "404", "429", "html", "redirect-302", "outcome"])
def test_a_server_that_answers_no_is_not_down(server: FaultServer, behaviour: str) -> None:
    client = FhirClient(Settings())
    for _ in range(5):
        assert client.read(Access(server.url(behaviour), "t"), QUERY, until()).reason != LATELY
    assert client.read(Access(server.url("good"), "t"), QUERY, until()).reason is None


def test_too_little_time_is_not_the_servers_fault(server: FaultServer) -> None:
    client = FhirClient(Settings())
    for _ in range(5):
        assert client.read(Access(server.url("silent"), "t"), QUERY, until(0.05)).reason == "the FHIR server did not answer in time"
    assert client.read(Access(server.url("good"), "t"), QUERY, until()).reason is None


def test_a_trial_after_the_pause_brings_the_server_back(server: FaultServer) -> None:
    metrics = Metrics()
    client = FhirClient(Settings(fhir_failures=1, fhir_pause_s=0.2), metrics)
    assert client.read(Access(server.url("500"), "t"), QUERY, until()).reason == "the FHIR server reported an error"
    assert client.read(Access(server.url("good"), "t"), QUERY, until()).reason == LATELY
    threading.Event().wait(0.25)
    assert client.read(Access(server.url("good"), "t"), QUERY, until()).reason is None
    assert client.read(Access(server.url("good"), "t"), QUERY, until()).reason is None
    assert 'nmcds_fhir_circuit_open{server="loopback"} 0.0' in metrics.render().decode()


def test_a_question_that_is_refused_before_it_is_asked_is_no_trial(server: FaultServer) -> None:
    client = FhirClient(Settings(fhir_failures=1, fhir_pause_s=0.2))
    client.read(Access(server.url("500"), "t"), QUERY, until())
    threading.Event().wait(0.25)
    assert (
        client.read(Access(server.url("good"), "t"), "http://127.0.0.2:1/x", until()).reason == "the FHIR server pointed to another server"
    )
    assert client.read(Access(server.url("good"), "t"), QUERY, until()).reason is None


def test_a_server_that_is_down_does_not_close_the_way_to_another(server: FaultServer) -> None:
    client = FhirClient(Settings(fhir_failures=1))
    client.read(Access(server.url("500"), "t"), QUERY, until())
    with fault_server() as other:
        assert client.read(Access(other.url("good"), "t"), QUERY, until()).reason is None


def test_many_reads_of_a_black_hole_leave_the_threads_of_another_server_free(server: FaultServer) -> None:
    client = FhirClient(Settings(fetch_workers=4))
    stuck = [client.submit(Access(server.url("silent"), "t"), QUERY, until(20)) for _ in range(40)]
    with fault_server() as other:
        answers = [client.submit(Access(other.url("good"), "t"), QUERY, until(20)) for _ in range(8)]
        assert [answer.result(timeout=20).reason for answer in answers] == [None] * 8
    assert not any(read.done() for read in stuck)
    assert len(server.seen) <= 4
    client.close()
    server.stop.set()


def test_a_read_that_never_had_its_turn_is_counted(server: FaultServer) -> None:
    metrics = Metrics()
    client = FhirClient(Settings(fetch_workers=1), metrics)
    stuck = [client.submit(Access(server.url("silent"), "t"), QUERY, until(20)) for _ in range(3)]
    assert stuck[2].cancel()
    assert 'nmcds_fhir_faults_total{kind="busy"} 1.0' in metrics.render().decode()
    client.close()
    server.stop.set()


def test_so_many_servers_are_remembered_and_the_longest_idle_one_is_forgotten() -> None:
    changes: list[tuple[str, bool]] = []
    lanes = Lanes(1, 1, 60, lambda origin, opened: changes.append((origin, opened)))
    for number in range(MOST_LANES):
        lanes.circuit(f"https://{number}.example").record(False, 0)
    lanes.circuit("https://0.example")
    lanes.circuit("https://one-more.example")
    assert changes[-1] == ("https://1.example", False)
    assert not lanes.circuit("https://0.example").allows()
    assert lanes.circuit("https://1.example").allows()
    lanes.close()


def test_a_server_too_many_while_all_others_are_being_read_is_refused_at_once() -> None:
    lanes = Lanes(1, 1, 60, lambda _origin, _opened: None)
    hold = threading.Event()
    running = [lanes.submit(f"https://{number}.example", hold.wait) for number in range(MOST_LANES)]
    with pytest.raises(RefusedError, match="too many"):
        lanes.submit("https://one-more.example", hold.wait)
    hold.set()
    assert all(future.result() for future in running)
    lanes.close(wait=True)
    lanes.circuit("https://one-more.example")
