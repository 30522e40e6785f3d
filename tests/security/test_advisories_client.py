"""Known weaknesses of the libraries that fetch (requests, urllib3, idna), tried on our own doors to the network over real sockets."""

from __future__ import annotations

import ast
import gzip
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cds_hooks.bulk.door import Door, TryAgainError, read_json
from cds_hooks.connecting import checked_session
from cds_hooks.fhir_client import Access, FhirClient, RefusedError
from cds_hooks.settings import Settings
from tests.support.fault_server import BEHAVIOURS, FaultServer, answer, fault_server, head, until
from tests.support.key_server import fetched, key_server

ROOT = Path(__file__).parents[2]
SECRET = "CANARYpassword"  # noqa: S105 - to be found, if it gets out
FHIR = "application/fhir+json"
BOMB = gzip.compress(b" " * 30_000_000)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with fault_server() as found:
        yield found


def read(server: FaultServer, behaviour: str) -> str | None:
    """What a search of the server comes to: None, or why its data are unknown."""
    reader = FhirClient(Settings())
    try:
        return reader.read(Access(server.url(behaviour), "t"), "Condition?patient=p1", until(5)).reason
    finally:
        reader.close(wait=True)


def test_passwords_and_proxies_of_the_machine_go_nowhere(tmp_path: Path, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a .netrc nor a proxy with its credentials has a say, whatever the answer points to."""
    (tmp_path / ".netrc").write_text(f"default login x password {SECRET}\nmachine 127.0.0.1 login x password {SECRET}\n", encoding="ascii")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with fault_server() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://x:{SECRET}@127.0.0.1:{proxy.port}")
        server.elsewhere = f"127.0.0.1:{proxy.port}"
        assert read(server, "good") is None
        for status in (301, 302, 303, 307, 308):
            assert read(server, f"redirect-{status}") == "the FHIR server pointed to another place"
        with Door(Settings(), server.url("good")).ask("GET", server.url("good") + "/x") as found:
            assert found.status_code == 200
        assert proxy.connections == 0
    assert len(server.seen) == 7
    for _, headers in server.seen:
        assert headers.get("authorization", "Bearer t") == "Bearer t"
        assert not {"proxy-authorization", "cookie"} & headers.keys()


def test_certificates_of_the_environment_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with key_server(tmp_path) as server:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(server.certificate))
        assert fetched(Settings(), server.url) == "connection"
        assert fetched(Settings(fhir_ca_file=server.certificate), server.url) == "ok"


def test_certificates_are_checked_by_every_session_and_nothing_turns_it_off() -> None:
    assert checked_session(Settings()).verify is True
    for path in [*(ROOT / "cds_hooks").rglob("*.py"), *(ROOT / "rules").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("verify", "cert_reqs", "assert_hostname", "check_hostname"):
                pytest.fail(f"{path}: {node.arg}")
            assert not (isinstance(node, ast.Attribute) and node.attr in ("_create_unverified_context", "disable_warnings", "CERT_NONE")), (
                path
            )


def compressed(encoding: str, body: bytes, status: str = "200 OK", *more: str) -> Callable[[FaultServer, socket.socket, str], None]:
    return lambda _server, peer, _path: peer.sendall(answer(body, status, FHIR, f"Content-Encoding: {encoding}", *more))


def _chunk_size_without_end(server: FaultServer, peer: socket.socket, _path: str) -> None:
    peer.sendall(head("200 OK", FHIR, None, "Transfer-Encoding: chunked"))
    while not server.stop.is_set():
        peer.sendall(b"0" * 65536)


def _deflated_chunks(_server: FaultServer, peer: socket.socket, _path: str) -> None:
    """A deflated body that is at its end before its chunks are."""
    data = zlib.compress(b"{}") + b"more"
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, data[at : at + 1]) for at in range(len(data)))
    peer.sendall(head("200 OK", FHIR, None, "Transfer-Encoding: chunked", "Content-Encoding: deflate") + chunks + b"0\r\n\r\n")


HOSTILE: dict[str, Callable[[FaultServer, socket.socket, str], None]] = {
    "a bomb": compressed("gzip", BOMB),
    "a bomb behind a redirect": compressed("gzip", BOMB, "302 Found", "Location: http://127.0.0.1:1/x"),
    "a bomb in an error": compressed("gzip", BOMB, "500 Internal Server Error"),
    "many layers": compressed(", ".join(["gzip"] * 2000), BOMB),
    "deflate": compressed("deflate", zlib.compress(b" " * 30_000_000)),
    "deflate in chunks": _deflated_chunks,
    "an encoding that nobody knows": compressed("zstd, br", b"{}"),
    "a chunk size without end": _chunk_size_without_end,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_packed_or_has_no_end_is_not_read_and_never_empty(server: FaultServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BEHAVIOURS, "hostile", HOSTILE[name])
    assert read(server, "hostile") is not None
    assert read(server, "good") is None


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in ("deflate in chunks", "an encoding that nobody knows")])
def test_a_bulk_export_takes_no_more_of_a_packed_answer_than_it_may(
    server: FaultServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BEHAVIOURS, "hostile", HOSTILE[name])
    door = Door(Settings(), server.url("hostile"))
    with pytest.raises(TryAgainError), door.ask("GET", server.url("hostile") + "/x") as found:
        read_json(found, 1_000_000)


@pytest.mark.parametrize(
    "url",
    [
        "https://" + "@" * 50_000 + "/",
        "https://" + "٠" * 50_000 + ".example/r4",
        "https://" + "a." * 50_000 + "example/r4",
        "https://" + "xn--" * 20_000 + "/r4",
        "https://fhir.example.org/r4\r\nHost: evil.example",
        "https://fhir.example.org/r4 HTTP/1.1\r\nX: y",
        "https://fhir.example.org/r4" + "%" * 50_000,
        "https://[" + ":" * 50_000 + "]/",
    ],
    ids=["users", "digits", "labels", "punycode", "lines", "a request", "percent signs", "colons"],
)
def test_an_odd_address_is_refused_before_any_library_reads_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket.socket, "connect", never)
    with pytest.raises(RefusedError):
        FhirClient(Settings(fhir_servers=("https://fhir.example.org/r4",))).check(url, (), "t")


def test_a_bulk_export_comes_to_the_end_of_a_deflated_answer_in_chunks(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BEHAVIOURS, "hostile", _deflated_chunks)
    with Door(Settings(), server.url("hostile")).ask("GET", server.url("hostile") + "/x") as found:
        assert read_json(found) == {}


@pytest.mark.parametrize("token", ["t\r\nX: y", "t\nX: y", "t\r\n\r\nGET /x HTTP/1.1"])
def test_a_token_cannot_add_a_header(server: FaultServer, token: str) -> None:
    found = FhirClient(Settings()).read(Access(server.url("good"), token), "Condition?patient=p1", until(5))
    assert found.reason is not None
    assert all("x" not in headers for _, headers in server.seen)
