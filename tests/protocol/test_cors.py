from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doubles import request
from tests.support.service import Service, running
from tests.support.tokens import BASE, ES, VIEW, bearer, claims, write_registry

PATH = "/cds-services/neuromuscular-patient-view"
ORIGIN = "https://ehr.example.org"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, cors_origins=(ORIGIN,)) as found:
        yield found


def test_without_the_setting_no_origin_may_call(service: Service) -> None:
    answer = service.send("OPTIONS", PATH, headers={"origin": ORIGIN, **PREFLIGHT})
    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "access-control-allow-origin" not in service.get("/cds-services", {"origin": ORIGIN}).headers


def test_a_named_origin_may_send_a_preflight_with_authorization(named: Service) -> None:
    answer = named.send("OPTIONS", PATH, headers={"origin": ORIGIN, **PREFLIGHT})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert {"authorization", "content-type"} <= set(answer.headers["access-control-allow-headers"].lower().replace(" ", "").split(","))
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


def test_a_named_origin_on_the_public_network_may_call_a_service_on_a_private_one(named: Service) -> None:
    """Seen: the preflight of a public page was refused (Private Network Access, https://wicg.github.io/private-network-access)."""
    asked = {**PREFLIGHT, "access-control-request-private-network": "true"}
    answer = named.send("OPTIONS", PATH, headers={"origin": ORIGIN, **asked})
    assert (answer.status, answer.headers["access-control-allow-private-network"]) == (200, "true")
    other = named.send("OPTIONS", PATH, headers={"origin": "https://evil.example", **asked})
    assert (other.status, other.headers.get("access-control-allow-origin")) == (400, None)


def test_a_named_origin_may_read_the_answer_and_caches_keep_origins_apart(named: Service) -> None:
    answer = named.post(PATH, request(), {"origin": ORIGIN})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://ehr.example.org.evil.example", "http://ehr.example.org", "null", "*", "https://ehr.example.org:444"],
)
def test_no_other_origin_may(named: Service, origin: str) -> None:
    assert "access-control-allow-origin" not in named.send("OPTIONS", PATH, headers={"origin": origin, **PREFLIGHT}).headers
    assert "access-control-allow-origin" not in named.post(PATH, request(), {"origin": origin}).headers


def test_errors_carry_the_headers_too(named: Service) -> None:
    assert named.post(PATH, {}, {"origin": ORIGIN}).headers["access-control-allow-origin"] == ORIGIN


def test_with_a_registry_the_preflight_needs_no_token_and_the_call_does(tmp_path: Path) -> None:
    with running(tmp_path, cors_origins=(ORIGIN,), registry_file=write_registry(tmp_path), base_url=BASE) as service:
        preflight = service.send("OPTIONS", PATH, headers={"origin": ORIGIN, **PREFLIGHT})
        assert preflight.status == 200
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        refused = service.post(PATH, request(), {"origin": ORIGIN})
        called = service.post(PATH, request(), {"origin": ORIGIN, **bearer(ES.sign(claims(aud=VIEW)))})
        assert (refused.status, called.status) == (401, 200)
        for answer in (preflight, refused, called):
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert "access-control-allow-credentials" not in answer.headers
        other = service.send("OPTIONS", PATH, headers={"origin": "https://evil.example", **PREFLIGHT})
        assert "access-control-allow-origin" not in other.headers
