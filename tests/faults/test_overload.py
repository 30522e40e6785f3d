"""More than the service can do, and clients that do not come to the point: refused or cut, over real sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import pytest

from tests.support.doubles import patient, request
from tests.support.supervised import Running, supervised

HOOK = "/cds-services/neuromuscular-patient-view"
LIMIT_S = 1.0


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker with one place, a short time to send, and few connections."""
    folder = tmp_path_factory.mktemp("tight")
    with supervised(folder, waiting_calls=1, body_timeout_s=LIMIT_S, connections=16, inline_resources=0) as running:
        running.wait()
        yield running


@pytest.fixture(autouse=True)
def nobody_else(tight: Running) -> None:
    """The connections of the test before are gone."""
    tight.wait(path="/healthz")


def slow_call() -> bytes:
    prefetch = {"patient": patient("slow"), "conditions": None, "medicationRequests": None, "observations": None}
    return json.dumps(request(context={"patientId": "slow"}, prefetch=prefetch)).encode()


def opened(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=10)


def head(length: int, path: str = HOOK) -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n".encode()


def status_of_one(connection: socket.socket) -> int:
    """Read one whole answer, whose head and body may come apart."""
    with HTTPResponse(connection) as response:
        response.begin()
        response.read()
        return response.status


def is_cut(connection: socket.socket) -> bool:
    """Wait for the other side to close; whatever it says first is read."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_a_call_too_many_is_refused_before_its_body_is_read(tight: Running) -> None:
    body = slow_call()
    with opened(tight) as busy, opened(tight) as late:
        busy.sendall(head(len(body)) + body)
        time.sleep(0.2)
        late.sendall(head(7_000_000))  # not one byte of it
        answer = late.recv(65536)
        while b"NMCDS-204" not in answer:
            answer += late.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer.lower()
        assert busy.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_comes_byte_by_byte_is_cut(tight: Running) -> None:
    with opened(tight) as slow:
        began = time.monotonic()
        for byte in head(10):
            try:
                slow.sendall(bytes([byte]))
            except OSError:
                break
            time.sleep(0.05)
        assert is_cut(slow)
        assert time.monotonic() - began < 20 * LIMIT_S


def test_a_connection_that_says_nothing_is_cut(tight: Running) -> None:
    with opened(tight) as silent:
        assert is_cut(silent)


@pytest.mark.parametrize("path", [HOOK, "/nothing-that-reads-a-body"])
def test_a_body_that_does_not_come_is_cut(tight: Running, path: str) -> None:
    with opened(tight) as slow:
        slow.sendall(head(1000, path) + b"{")
        assert slow.recv(65536).split()[1] in (b"400", b"404")
        assert is_cut(slow)


def test_a_second_request_on_the_same_connection_has_its_own_time(tight: Running) -> None:
    with opened(tight) as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"status":"ok"}') and (more := connection.recv(65536)):
                answer += more
            assert answer.startswith(b"HTTP/1.1 200 ")
            time.sleep(LIMIT_S * 0.7)
        connection.sendall(b"GET /healthz HTT")
        assert is_cut(connection)


def test_a_head_without_end_is_refused(tight: Running) -> None:
    with opened(tight) as endless:
        endless.sendall(b"GET /healthz HTTP/1.1\r\n")
        try:
            for _ in range(40):
                endless.sendall(b"x-filler: " + b"x" * 4000 + b"\r\n")
        except OSError:
            return  # cut while it was sending
        assert is_cut(endless)


def answered(connection: socket.socket) -> tuple[bytes, list[dict[str, Any]]]:
    """The head of the answer and its issues."""
    answer = b""
    while more := connection.recv(65536):
        answer += more
    first, _, body = answer.partition(b"\r\n\r\n")
    return first, json.loads(body)["issue"]


def test_a_head_that_is_too_large_in_one_piece_is_refused(tight: Running) -> None:
    with opened(tight) as large:
        large.sendall(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n" + b"x-filler: " + b"x" * 66_000 + b"\r\n\r\n")
        first, [issue] = answered(large)
    assert first.startswith(b"HTTP/1.1 431 ")
    assert "at most 65536 bytes" in issue["diagnostics"]


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"deflate, chunked", b"chunked, chunked"])
def test_a_transfer_coding_that_this_service_does_not_read_is_501(tight: Running, coding: bytes) -> None:
    with opened(tight) as coded:
        coded.sendall(head(2).replace(b"content-length: 2", b"transfer-encoding: " + coding) + b"2\r\n{}\r\n0\r\n\r\n")
        first, [issue] = answered(coded)
    assert first.startswith((b"HTTP/1.1 501 ", b"HTTP/1.1 400 "))
    assert "RFC 9112" in issue["diagnostics"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"NONSENSE / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost 127.0.0.1\r\n\r\n",
        head(2).replace(b"host:", b"content-length: 3\r\nhost:") + b"{}",
        head(2).replace(b"host:", b"transfer-encoding: chunked\r\nhost:") + b"0\r\n\r\n",
        head(2).replace(b"content-length: 2", b"transfer-encoding: chunked") + b"zz\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["tls", "http2", "method", "no colon", "two lengths", "length and chunks", "chunk size", "no host", "two hosts"],
)
def test_what_is_no_http_is_refused_with_an_operation_outcome(tight: Running, data: bytes) -> None:
    with opened(tight) as odd:
        odd.sendall(data)
        first, [issue] = answered(odd)
    assert first.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/fhir+json" in first
    assert issue["details"]["coding"][0]["code"] == "NMCDS-112"
    assert "RFC 9112" in issue["diagnostics"]


def test_a_caller_of_http_1_0_need_not_name_the_host(tight: Running) -> None:
    with opened(tight) as old:
        old.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert old.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_more_connections_than_there_may_be_are_refused(tight: Running) -> None:
    crowd = [opened(tight) for _ in range(40)]
    try:
        answers = [one.recv(65536) for one in crowd]
        refused = [one for one in answers if one.startswith(b"HTTP/1.1 503 ") and b"retry-after: 1" in one]
        assert len(refused) >= 24
    finally:
        for one in crowd:
            one.close()
    assert tight.wait() < 10


@pytest.mark.parametrize("offer", ["h2c", "websocket", "h2c, TLS/1.0"])
@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "in parts"])
def test_a_call_that_offers_another_protocol_is_answered_in_this_one(tight: Running, offer: str, in_parts: bool) -> None:
    """Java's HttpClient offers h2c on every plain connection; httptools takes what follows such a head for the other protocol."""
    body = json.dumps(request()).encode()
    offered = f"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {offer}\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n".encode()
    call = head(len(body))[:-4] + offered + body
    health = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    with opened(tight) as connection:
        for part in (call[:-300], call[-300:]) if in_parts else (call,):
            connection.sendall(part)
            time.sleep(0.05)
        assert status_of_one(connection) == 200
        connection.sendall(health)
        assert status_of_one(connection) == 200


def test_pipelined_calls_that_offer_another_protocol_are_all_answered(tight: Running) -> None:
    offering = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    with opened(tight) as connection:
        connection.sendall(offering * 700)  # in one piece: more than Python may call itself
        answers = b""
        while answers.count(b'{"status":"ok"}') < 700 and (more := connection.recv(65536)):
            answers += more
        assert answers.count(b"HTTP/1.1 200 ") == 700
