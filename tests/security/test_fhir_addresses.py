"""`fhirServer` comes from the caller. Nothing but a listed server or, in open mode, loopback is ever connected to."""

from __future__ import annotations

import socket
from pathlib import Path
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
    "http://[::ffff:169.254.169.254]/x", "http://[::ffff:a9fe:a9fe]/x", "http://[::169.254.169.254]/x", "http://[::127.0.0.1]/fhir",
    "http://[64:ff9b::7f00:1]/fhir", "http://[64:ff9b:1::a9fe:a9fe]/x", "http://[2002:7f00:1::1]/fhir", "http://[2001:0:7f00:1::]/fhir",
    "http://[::1%25lo]/fhir", "http://[fec0::1]/fhir", "http://[::ffff:0:127.0.0.1]/fhir",
    "http://2852039166/latest", "http://0xa9fea9fe/latest", "http://0xa9.0xfe.0xa9.0xfe/latest", "http://0251.0376.0251.0376/latest",
    "http://169.254.43518/latest", "http://169.16689662/latest", "http://169.254.169.254./latest", "http://[fd00:ec2::254]/latest",
    "https://100.100.100.200/latest", "https://168.63.129.16/machine", "https://192.0.0.192/latest", "http://instance-data/latest",
    "http://0x7f.1/fhir", "http://0177.1/fhir", "http://017700000001/fhir", "http://00000177.0.0.1/fhir", "http://127.0.0.0001/fhir",
    "http://127.000.000.001/fhir", "http://127.0.0.1.localdomain/fhir", "http://0.0.0.0:8080/fhir", "http://4294967295/fhir",
    "http://１２７.０.０.１/fhir", "http://127。0．0｡1/fhir", "http://ⓛocalhost/fhir", "http://localhoſt/fhir", "http://xn--localhost/fhir",
    "http://LOCALHOST./fhir", "http://localhost6/fhir", "http://ip6-localhost/fhir", "http://a.localhost/fhir", "http://%6cocalhost/fhir",
    "http://printer.local/fhir", "http://ehr.internal/fhir", "http://kubernetes.default.svc/fhir", "http://localtest.me/fhir",
    "http://127-0-0-1.sslip.io/fhir", "https://7f000001.nip.io/fhir",
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
    assert len(set(REFUSED)) == len(REFUSED) >= 100


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
    assert client().check(server, (), "").token == ""


def test_loopback_is_refused_when_the_service_is_not_on_loopback() -> None:
    with pytest.raises(RefusedError):
        client(host="10.0.0.1").check("http://127.0.0.1/fhir", (), "token")


def test_loopback_is_refused_behind_a_proxy_on_the_same_machine_when_callers_are_registered(tmp_path: Path) -> None:
    """A registered caller must not reach what else listens on this machine."""
    with pytest.raises(RefusedError):
        client(host="127.0.0.1", registry_file=tmp_path).check("http://127.0.0.1:6379/fhir", (), "token")


@pytest.mark.parametrize("server", ["http://127.0.0.1/fhir", "http://fhir.example.org/r4"])
def test_http_is_refused_outside_open_mode_even_when_it_is_listed(server: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        client(registry_file=tmp_path).check(server, ("https://ehr.example.org/fhir", "http://127.0.0.1/fhir"), "token")


def test_without_a_token_no_server_of_a_registered_caller_is_asked(tmp_path: Path) -> None:
    listed = ("https://ehr.example.org/fhir",)
    with pytest.raises(RefusedError, match="not sent with the request"):
        client(registry_file=tmp_path).check(listed[0], listed, "")
    assert client(registry_file=tmp_path).check(listed[0], listed, "t").base == listed[0]


def test_a_server_of_another_callers_list_is_refused() -> None:
    with pytest.raises(RefusedError):
        client().check("https://ehr.example.org/fhir", ("https://other.example.org/fhir",), "t")


def test_a_server_of_the_callers_own_list_is_allowed() -> None:
    assert client().check("https://ehr.example.org/fhir", ("https://ehr.example.org/fhir",), "t").base == "https://ehr.example.org/fhir"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "::1", "10.0.0.1", "172.16.5.5", "192.168.0.1", "169.254.169.254", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255",  # noqa: S104
        "100.64.0.1", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2001:0:7f00:1::",
        "64:ff9b::a00:1",
        "192.0.2.1", "198.18.0.1", "240.0.0.1", "not-an-address",
        "::7f00:1", "::a9fe:a9fe", "::ffff:a9fe:a9fe", "::ffff:0:7f00:1", "64:ff9b:1::7f00:1", "2002:a9fe:a9fe::1", "fec0::1", "::1%1",
        "fe80::1%eth0", "2001:db8::1", "100::1", "192.88.99.1", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254",
        "127.255.255.254", "0.1.2.3", "::ffff:0.0.0.0", "::ffff:224.0.0.1",
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


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0",  # noqa: S104 - refused here
        "::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fec0::1",
    ],
)  # fmt: skip
def test_loopback_link_local_and_metadata_are_refused_for_a_listed_name_even_then(address: str) -> None:
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


def test_a_name_that_comes_to_point_inside_is_not_connected_to_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request is checked, not the first one only."""
    answers = iter(["93.184.216.34", "93.184.216.34", "10.0.0.1"])
    tried: list[object] = []

    def resolve(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 443))]

    def connect(_self: socket.socket, to: object) -> None:
        tried.append(to)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    one = client(resolve)
    reasons = [one.read(Access("https://fhir.example.org/r4", "t"), "Condition", until()).reason for _ in range(3)]
    assert reasons[2] == "the FHIR server is not one that this service may call"
    assert tried == [("93.184.216.34", 443)] * 2


@pytest.mark.parametrize("name", ["127-0-0-1.sslip.io", "localtest.me", "ehr.internal", "printer.local"])
def test_a_listed_name_that_resolves_to_this_machine_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", never)
    base = f"https://{name}/r4"
    found = client(resolving("127.0.0.1"), fhir_servers=(base,), fhir_private=True).read(Access(base, "t"), "Condition", until())
    assert found.reason == "the FHIR server is not one that this service may call"


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
