"""The token of a call goes to the origin that it was given for, and to no other: neither by a redirect nor by a link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import responses

from cds_hooks.fhir_client import Access, FhirClient
from cds_hooks.settings import Settings
from tests.support.doubles import AUTHORIZATION, bundle, request
from tests.support.fault_server import BEHAVIOURS, FaultServer, answer, fault_server, until
from tests.support.service import running

POINTING = sorted(name for name in BEHAVIOURS if name.startswith(("redirect-", "next-")) or name in ("refresh", "link-header"))
NOT_FOLLOWED = [
    "http://OTHER/good/x", "HTTP://OTHER/good/x", "//OTHER/good/x", "http:\\\\OTHER\\good", "\\\\OTHER\\good",
    "/\\OTHER/good", "http://HERE@OTHER/good", "http://OTHER#@HERE/good", "http://OTHER\\@HERE/good", "http://HERE\\@OTHER/good",
    "http://HERE:80@OTHER/x", "http://a:b@HERE/good", "http://HERE.OTHER/good", "http://HERE%2f@OTHER/x", "http://HERE%00.OTHER/x",
    " http://OTHER/good", "\thttp://OTHER/good", "http://OTHER /good", "ht\ntp://OTHER/good", "http://127.0.0.1/good", "http://localhost/x",
    "http://127.0.0.1.:1/x", "http://[::1]/x", "https://HERE/good", "https://OTHER/good", "ftp://OTHER/x", "file:///etc/passwd",
    "javascript:alert(1)", "data:application/fhir+json,{}", "http://", "http://[", "http://①②⑦.0.0.1/x",
    "http://OTHER\r\nX-Y: z", "http://169.254.169.254/latest/meta-data",
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as found:
        yield found


@pytest.fixture
def other() -> Iterator[FaultServer]:
    with fault_server() as found:
        yield found


@pytest.mark.parametrize("behaviour", POINTING)
def test_no_other_server_sees_a_connection_however_it_is_pointed_to(
    tmp_path: Path, server: FaultServer, other: FaultServer, behaviour: str
) -> None:
    server.elsewhere = f"127.0.0.1:{other.port}"
    with running(tmp_path, fhir=FhirClient(Settings())) as service:
        service.hook(request(prefetch=None, fhirServer=server.url(behaviour), fhirAuthorization=AUTHORIZATION))
    assert other.connections == 0
    assert server.seen
    assert {headers["authorization"] for _, headers in server.seen} == {f"Bearer {AUTHORIZATION['access_token']}"}
    assert {path.split("/")[1] for path, _ in server.seen} == {behaviour}


@pytest.mark.parametrize("link", NOT_FOLLOWED)
def test_a_next_link_leads_nowhere_but_to_the_same_origin(
    server: FaultServer, other: FaultServer, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = link.replace("OTHER", f"127.0.0.1:{other.port}").replace("HERE", f"127.0.0.1:{server.port}")
    monkeypatch.setitem(
        BEHAVIOURS, "pointing", lambda _server, peer, _path: peer.sendall(answer(bundle(link=[{"relation": "next", "url": place}])))
    )
    found = FhirClient(Settings()).read(Access(server.url("pointing"), "t"), "Condition?patient=p1", until())
    assert found.reason is not None
    assert len(found.pages) == 1
    assert (len(server.seen), other.connections) == (1, 0)


@pytest.mark.parametrize("link", ["///OTHER/good/x", "http:///x", "OTHER/x", "http:OTHER", "./../../../x"])
def test_an_odd_next_link_that_means_a_path_stays_on_the_same_origin(
    server: FaultServer, other: FaultServer, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = link.replace("OTHER", f"127.0.0.1:{other.port}")
    monkeypatch.setitem(
        BEHAVIOURS, "pointing", lambda _server, peer, _path: peer.sendall(answer(bundle(link=[{"relation": "next", "url": place}])))
    )
    assert FhirClient(Settings()).read(Access(server.url("pointing"), "t"), "Condition?patient=p1", until()).reason is not None
    assert other.connections == 0


@pytest.mark.parametrize(
    "link", ["Condition?page=2", "?page=2", "/good/Condition?page=2", "http://HERE/good/Condition?page=2", "//HERE/x?y"]
)
def test_a_relative_next_link_is_followed_on_the_same_origin(server: FaultServer, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = link.replace("HERE", f"127.0.0.1:{server.port}")
    first = answer(bundle(link=[{"relation": "next", "url": place}]))
    monkeypatch.setitem(BEHAVIOURS, "pointing", lambda s, peer, _path: peer.sendall(first if len(s.seen) == 1 else answer(bundle())))
    monkeypatch.setitem(BEHAVIOURS, "x?y", BEHAVIOURS["pointing"])
    found = FhirClient(Settings()).read(Access(server.url("pointing"), "t"), "Condition?patient=p1", until())
    assert (len(found.pages), found.reason) == (2, None)


@responses.activate
@pytest.mark.parametrize("link", ["http://fhir.example.org/r4/x", "http://fhir.example.org:443/r4/x", "https://fhir.example.org:8443/r4/x"])
def test_a_next_link_that_leaves_tls_or_the_port_is_not_followed(link: str) -> None:
    base = "https://fhir.example.org/r4"
    responses.get(f"{base}/Condition", json=bundle(link=[{"relation": "next", "url": link}]), content_type="application/fhir+json")
    responses.get(link, json=bundle(), content_type="application/fhir+json")
    found = FhirClient(Settings(fhir_servers=(base,))).read(Access(base, "t"), "Condition", until())
    assert found.reason is not None
    assert [call.request.url for call in responses.calls] == [f"{base}/Condition"]


def test_a_redirect_with_an_endless_body_is_let_go_at_once(server: FaultServer) -> None:
    """The library would read all of it, although it follows no redirect: the server would see its end only with the deadline."""
    found = FhirClient(Settings()).read(Access(server.url("redirect-endless"), "t"), "Condition?patient=p1", until(10))
    assert found.reason == "the FHIR server pointed to another place"
