"""What was read takes its time in the rules: reading ends earlier for it, and what they could not work through is not taken in."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.body import read_body
from cds_hooks.fhir_client import Access, Answer
from tests.support.doubles import COMPLETE, FakeFhir, FakeKnowledge, bundle, order, request
from tests.support.service import running

LATE = "the FHIR server did not answer in time"
AT = {"fhirServer": "https://ehr.example.org/fhir"}


class Silent(FakeFhir):
    """A server that never answers."""

    def submit(self, access: Access, query: str, until: float) -> Future[Answer]:  # noqa: ARG002 - as the real one
        return Future()


def orders(count: int) -> dict[str, Any]:
    return bundle(*(order(f"m{number}") for number in range(count)))


def others(kind: str, count: int) -> dict[str, Any]:
    me = {"reference": "Patient/p1"}
    return bundle(*({"resourceType": kind, "id": f"{kind}-{number}", "subject": me} for number in range(count)))


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        (0, {"MedicationRequest": 3000}),
        (0, {"Observation": 12_000}),
        (0, {"MedicationRequest": 1500, "Observation": 6000}),
        (1200, {"Observation": 3500, "Procedure": 3500}),
    ],
)
def test_what_the_rules_could_not_work_through_in_time_is_unknown(tmp_path: Path, sent: int, asked: dict[str, int]) -> None:
    """At most 0.4 ms for an order, 0.1 ms for another: with the orders that were sent, each case is more than the second that there is."""
    server = FakeFhir()
    prefetch = {**COMPLETE, "medicationRequests": orders(sent), "procedures": None}
    for kind, count in asked.items():
        del prefetch[f"{kind[0].lower()}{kind[1:]}s"]
        server.answers[f"{kind}?patient=p1"] = orders(count) if kind == "MedicationRequest" else others(kind, count)
    with running(tmp_path, FakeKnowledge(types=(*FakeKnowledge.types, "Procedure")), fhir=server, deadline_s=1.0) as service:
        service.cards(request(prefetch=prefetch, **AT))
        assert set(service.knowledge.unread.values()) == {LATE}


def test_a_long_record_leaves_a_silent_server_less_time(tmp_path: Path) -> None:
    """2500 orders may take a second in the rules: the server is waited for until one second of the two is left."""
    known = {**COMPLETE, "medicationRequests": orders(2500)}
    del known["observations"]
    with running(tmp_path, fhir=Silent(), deadline_s=2.0) as service:
        started = time.monotonic()
        service.cards(request(prefetch=known, **AT))
        assert time.monotonic() - started < 2
        assert service.knowledge.unread == {"Observation": LATE}


def test_the_time_begins_when_all_of_the_call_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long record over a slow line is no slow FHIR server, and no reason to check nothing."""

    async def slow_line(*args: Any) -> bytes:  # noqa: ANN401 - whatever read_body takes
        body = await read_body(*args)
        await asyncio.sleep(0.6)
        return body

    monkeypatch.setattr("cds_hooks.invoke.read_body", slow_line)
    known = {**COMPLETE}
    del known["observations"]
    with running(tmp_path, deadline_s=0.5) as service:
        service.fhir.answers["Observation?patient=p1"] = bundle()
        service.cards(request(prefetch=known, **AT))
        assert service.knowledge.unread == {}
