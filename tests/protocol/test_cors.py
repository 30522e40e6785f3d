from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doubles import request
from tests.support.service import Service, running

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
