"""One retry at most, for what may be over in a moment, and inside the deadline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cds_hooks.fhir_client import Access, Answer, FhirClient
from cds_hooks.observe import Metrics
from cds_hooks.settings import Settings
from tests.support.fault_server import FaultServer, fault_server, until


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as found:
        yield found


def read(server: FaultServer, behaviour: str, metrics: Metrics | None = None, seconds: float = 2.0) -> Answer:
    return FhirClient(Settings(), metrics).read(Access(server.url(behaviour), "t"), "Condition?patient=p1", until(seconds))


@pytest.mark.parametrize("behaviour", ["reset", "close", "502", "504", "503-for-a-moment", "429-for-a-moment"])
def test_what_may_be_over_in_a_moment_is_asked_again_once(server: FaultServer, behaviour: str) -> None:
    metrics = Metrics()
    assert read(server, f"once-{behaviour}", metrics).reason is None
    assert len(server.seen) == 2
    assert "nmcds_fhir_retries_total 1.0" in metrics.render().decode()


@pytest.mark.parametrize("behaviour", ["reset", "close", "502", "504", "503-for-a-moment", "429-for-a-moment"])
def test_it_is_not_asked_a_third_time(server: FaultServer, behaviour: str) -> None:
    assert read(server, behaviour).reason is not None
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "behaviour", ["400", "401", "403", "404", "500", "501", "html", "redirect-302", "truncated", "reset-within", "half-json", "gzip"]
)
def test_what_would_be_the_same_again_or_came_in_part_is_not_asked_again(server: FaultServer, behaviour: str) -> None:
    assert read(server, behaviour).reason is not None
    assert len(server.seen) == 1


@pytest.mark.parametrize("behaviour", ["429", "503"])
def test_a_server_that_wants_to_be_left_alone_for_longer_than_the_deadline_is(server: FaultServer, behaviour: str) -> None:
    """Both send Retry-After: 120."""
    assert read(server, behaviour).reason is not None
    assert len(server.seen) == 1


def test_there_is_no_retry_when_no_time_is_left_for_it(server: FaultServer) -> None:
    assert read(server, "once-502", seconds=0.09).reason is not None
    assert len(server.seen) <= 1


def test_a_search_of_several_pages_has_one_retry_for_all(server: FaultServer) -> None:
    server.script = {"Condition": ["502", "first-page", "502"]}
    found = read(server, "script")
    assert (len(found.pages), found.reason) == (1, "the FHIR server reported an error")
    assert len(server.seen) == 3


def test_a_timeout_is_not_followed_by_a_retry(server: FaultServer) -> None:
    assert read(server, "silent", seconds=0.3).reason == "the FHIR server did not answer in time"
    assert len(server.seen) == 1
