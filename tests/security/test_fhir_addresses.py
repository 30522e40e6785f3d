"""`fhirServer` comes from the caller. Nothing but a listed server or, in open mode, loopback is ever connected to."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import responses

from cds_hooks.fhir_client import Access, FhirClient, RefusedError
from cds_hooks.settings import Settings
from tests.support.doubles import bundle
from tests.support.fault_server import fault_server, until

REFUSED = [
    # link-local and cloud metadata
    "http://169.254.169.254/latest", "https://169.254.169.254/fhir", "https://[fe80::1]/fhir", "https://[fe80::1%25eth0]/fhir",
    "https://metadata.google.internal/x", "https://[fd00:ec2::254]/x",
    # private networks
    "https://10.0.0.1/fhir", "https://172.16.0.1/fhir", "https://192.168.1.1/fhir", "https://100.64.0.1/fhir", "https://[fc00::1]/fhir",
    # this machine, misspelled
    "http://0.0.0.0/fhir", "http://0/fhir", "http://127.1/fhir", "http://127.0.1/fhir", "http://2130706433/fhir", "http://0x7f000001/fhir",
    "http://0x7f.0.0.1/fhir", "http://0177.0.0.1/fhir", "http://127.0.0.1./fhir", "http://localhost./fhir",
    "http://localhost.localdomain/fhir",
    "http://127.0.0.1.nip.io/fhir", "http://[::]/fhir", "http://[::ffff:7f00:1]@evil.example/fhir", "http://[0:0:0:0:0:ffff:a00:1]/fhir",
    "http://①②⑦.⓪.⓪.①/fhir", "http://127。0。0。1/fhir", "http://127%2e0%2e0%2e1/fhir",
    # users, separators and parsers that disagree
    "http://127.0.0.1@evil.example/", "http://evil.example@127.0.0.1/", "http://127.0.0.1\\@evil.example/",
    "http://127.0.0.1:80\\@evil.example/",
    "http://127.0.0.1#@evil.example/", "http://127.0.0.1?@evil.example/", "http://127.0.0.1 .evil.example/",
    "http://127.0.0.1\t/", "http://127.0.0.1\r\nX: y/",
    "http://127.0.0.1:0/fhir", "http://127.0.0.1:99999/fhir", "http://127.0.0.1:8x/fhir", "http://[127.0.0.1]/fhir",
    "http://[::1/fhir", "http:///fhir",
    # other schemes and no scheme
    "file:///etc/passwd", "ftp://127.0.0.1/fhir", "gopher://127.0.0.1:6379/_x", "dict://127.0.0.1:11211/",
    "unix:///var/run/docker.sock", "127.0.0.1/fhir",
    "//127.0.0.1/fhir", "javascript:alert(1)", "data:application/json,{}", "",
    # other servers
    "https://evil.example/fhir", "http://fhir.example.org/r4", "https://fhir.example.org/r4/../admin", "https://fhir.example.org/r4x",
    "https://fhir.example.org:8443/r4", "https://fhir.example.org.evil.example/r4", "https://fhir.example.org/",
    "https://fhir.example.org/r4?x=1",
    "https://fhir.example.org@evil.example/r4",
]  # fmt: skip


class NoDnsError(Exception):
    """The test asked for a name."""


def never(*_: object, **__: object) -> list[Any]:
    raise NoDnsError


def resolving(*addresses: str) -> Any:  # noqa: ANN401 - as socket.getaddrinfo
    def resolve(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

    return resolve


def client(resolve: Any = never, **settings: Any) -> FhirClient:  # noqa: ANN401 - as socket.getaddrinfo; any setting
    return FhirClient(Settings(**{"fhir_servers": ("https://fhir.example.org/r4",), **settings}), resolve=resolve)


@pytest.mark.parametrize("server", REFUSED)
def test_a_server_that_is_not_listed_is_refused_without_a_lookup_or_connection(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", never)
    with pytest.raises(RefusedError, match="not one that this service may call"):
        client().check(server, (), "token")


def test_there_are_enough_of_them() -> None:
    assert len(set(REFUSED)) == len(REFUSED) >= 60


@pytest.mark.parametrize(
    "server",
    [
        "https://fhir.example.org/r4", "https://fhir.example.org/r4/", "https://FHIR.example.org:443/r4",
        "http://127.0.0.1:8080/fhir", "http://localhost/fhir",
        "http://[::1]:8080/fhir", "https://127.0.0.1/fhir",
    ],
)  # fmt: skip
def test_a_listed_server_and_loopback_are_allowed_in_open_mode(server: str) -> None:
    assert client().check(server, (), "token").token == "token"  # noqa: S105 - a word


def test_loopback_is_refused_when_the_service_is_not_on_loopback() -> None:
    with pytest.raises(RefusedError):
        client(host="10.0.0.1").check("http://127.0.0.1/fhir", (), "token")


def test_a_server_of_the_callers_own_list_is_allowed() -> None:
    assert client().check("https://ehr.example.org/fhir", ("https://ehr.example.org/fhir",), "t").base == "https://ehr.example.org/fhir"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "::1", "10.0.0.1", "172.16.5.5", "192.168.0.1", "169.254.169.254", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255",  # noqa: S104
        "100.64.0.1", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2001:0:7f00:1::",
        "64:ff9b::a00:1",
        "192.0.2.1", "198.18.0.1", "240.0.0.1", "not-an-address",
    ],
)  # fmt: skip
def test_a_listed_name_that_points_inside_is_refused_without_a_connection(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", never)
    found = client(resolving(address)).read(Access("https://fhir.example.org/r4", "token"), "Condition?patient=p1", until())
    assert found.reason == "the FHIR server is not one that this service may call"
    assert found.pages == ()


def test_one_inside_address_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", never)
    found = client(resolving("93.184.216.34", "127.0.0.1")).read(Access("https://fhir.example.org/r4", "t"), "Condition", until())
    assert found.reason == "the FHIR server is not one that this service may call"


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.0.1", "fc00::1"])
def test_a_private_address_is_connected_to_when_the_setting_says_so(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def connect(_self: socket.socket, to: object) -> None:
        tried.append(to)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    found = client(resolving(address), fhir_private=True).read(Access("https://fhir.example.org/r4", "t"), "Condition", until())
    assert found.reason == "the FHIR server could not be read"
    assert [to[0] for to in tried if isinstance(to, tuple)] == [address]


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0"])  # noqa: S104 - refused here
def test_loopback_and_link_local_are_refused_for_a_listed_name_even_then(address: str) -> None:
    found = client(resolving(address), fhir_private=True).read(Access("https://fhir.example.org/r4", "t"), "Condition", until())
    assert found.reason == "the FHIR server is not one that this service may call"


def test_a_name_is_looked_up_once_and_the_checked_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: a second look-up would give an inside address."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    tried: list[object] = []

    def resolve(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in next(answers)]

    def connect(_self: socket.socket, to: object) -> None:
        tried.append(to)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    client(resolve).read(Access("https://fhir.example.org/r4", "t"), "Condition", until())
    assert tried == [("93.184.216.34", 443)]


def test_localhost_that_points_elsewhere_is_refused() -> None:
    found = client(resolving("93.184.216.34")).read(Access("http://localhost/fhir", "t"), "Condition", until())
    assert found.reason == "the FHIR server is not one that this service may call"


def test_a_name_that_does_not_resolve_is_unreadable() -> None:
    def resolve(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror

    found = client(resolve).read(Access("https://fhir.example.org/r4", "t"), "Condition", until())
    assert found.reason == "the FHIR server could not be read"


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor a .netrc of the machine may see or replace the token."""
    with fault_server() as server:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        found = FhirClient(Settings()).read(Access(server.url("good"), "t"), "Condition?patient=p1", until())
        assert found.reason is None
        assert [headers["authorization"] for _, headers in server.seen] == ["Bearer t"]


@responses.activate
def test_tokens_of_different_calls_do_not_mix_and_cookies_are_not_kept() -> None:
    responses.get(
        "https://fhir.example.org/r4/Condition",
        json=bundle(),
        headers={"Set-Cookie": "s=1; Path=/", "Content-Type": "application/fhir+json"},
    )
    one = client()
    for token in ("first", "second"):
        assert one.read(Access("https://fhir.example.org/r4", token), "Condition", until()).reason is None
    sent = [call.request.headers for call in responses.calls]
    assert [headers["Authorization"] for headers in sent] == ["Bearer first", "Bearer second"]
    assert all("Cookie" not in headers for headers in sent)
    assert all(headers["Accept-Encoding"] == "identity" for headers in sent)


@responses.activate
def test_pages_are_followed_to_the_last() -> None:
    base = "https://fhir.example.org/r4"
    responses.get(
        f"{base}/Condition", json=bundle(link=[{"relation": "next", "url": f"{base}/page?2"}]), content_type="application/fhir+json"
    )
    responses.get(f"{base}/page?2", json=bundle(link=[{"relation": "next", "url": "page?3"}]), content_type="application/fhir+json")
    responses.get(f"{base}/page?3", json=bundle(link=[{"relation": "self", "url": "x"}]), content_type="application/json; charset=utf-8")
    found = client().read(Access(base, "t"), "Condition", until())
    assert (len(found.pages), found.reason) == (3, None)


@responses.activate
def test_a_page_that_leads_to_itself_ends() -> None:
    base = "https://fhir.example.org/r4"
    responses.get(
        f"{base}/Condition", json=bundle(link=[{"relation": "next", "url": f"{base}/Condition"}]), content_type="application/fhir+json"
    )
    found = client().read(Access(base, "t"), "Condition", until())
    assert (len(found.pages), found.reason) == (1, "the FHIR server has more data than this service reads")


def test_nothing_is_asked_after_the_deadline() -> None:
    with fault_server() as server:
        found = FhirClient(Settings()).read(Access(server.url("good"), "t"), "Condition?patient=p1", until(-1))
        assert found.reason == "the FHIR server did not answer in time"
        assert server.connections == 0
