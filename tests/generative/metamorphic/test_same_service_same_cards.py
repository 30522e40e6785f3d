"""However the data come to the service, prefetched in any order, fetched or half and half, the answer has the same cards."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.app import create_app
from cds_hooks.settings import Settings
from fhir_fixtures import PatientFixture, patient
from fhir_fixtures.requests_for import PREFETCH_TYPES, prefetch_key
from rules.knowledge import Knowledge
from tests.generative.metamorphic.findings import knowledge
from tests.support.asgi import Client
from tests.support.doubles import AUTHORIZATION
from tests.support.fault_server import FaultServer, fault_server

Json = dict[str, Any]
EXPLANATION = "io.github.neuromuscular-cds.explanation"
ASKED = [
    ("mg_crisis", "encounter-start"),
    ("mg_azathioprine_allopurinol", "order-sign"),
    ("pdn_heart_block", "order-select"),
    ("als_low_vital_capacity", "patient-view"),
    ("duchenne_teenager", "patient-view"),
    ("gbs_cannot_walk", "patient-view"),
    ("healthy_adult", "patient-view"),
]


@pytest.fixture(scope="module")
def rules() -> Knowledge:
    return knowledge()


@pytest.fixture
def service(rules: Knowledge, tmp_path: Path) -> Iterator[Client]:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/nmcds.sqlite3"), rules, clock=lambda: patient("mg_crisis").as_of)
    yield Client(app)
    app.state.parts.writer.close()
    app.state.parts.database.close()


def cards(service: Client, hook: str, body: Json) -> list[object]:
    answer = service.post(f"/cds-services/neuromuscular-{hook}", body)
    assert answer.status == 200, answer.body
    return [
        (
            card["summary"],
            card["detail"],
            card["indicator"],
            [(one["label"], [(made["type"], str(made.get("resource"))) for made in one["actions"]]) for one in card.get("suggestions", ())],
            card["extension"][EXPLANATION],
        )
        for card in answer.json()["cards"]
    ]


def held(server: FaultServer, fixture: PatientFixture) -> None:
    prefetch: Json = fixture.prefetch()
    server.holds = {"Patient": prefetch["patient"], **{kind: prefetch[prefetch_key(kind)] for kind in PREFETCH_TYPES}}


@pytest.mark.parametrize(("name", "hook"), ASKED, ids=[name for name, _ in ASKED])
def test_prefetched_in_any_order_fetched_or_half_and_half_gives_the_same_cards(service: Client, name: str, hook: str) -> None:
    fixture, dice = patient(name), random.Random(name)  # noqa: S311 - the same every time
    body: Json = fixture.request(hook)
    prefetch: Json = body["prefetch"]
    expected = cards(service, hook, body)
    assert bool(expected) == (name != "healthy_adult")

    def again(keys: list[str], **more: object) -> list[object]:
        return cards(service, hook, {**body, "hookInstance": str(uuid.uuid4()), "prefetch": {key: prefetch[key] for key in keys}, **more})

    keys = list(prefetch)
    assert again(dice.sample(keys, len(keys))) == expected
    with fault_server() as server:
        held(server, fixture)
        there = {"fhirServer": server.url("holds"), "fhirAuthorization": AUTHORIZATION}
        assert again([], **there) == expected
        assert server.seen
        assert again(dice.sample(keys, len(keys) // 2), **there) == expected
