"""Known weaknesses of the libraries that serve HTTP (Starlette, FastAPI, uvicorn, h11, httptools), tried over real sockets."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.app import create_app
from cds_hooks.pages.page import Pages
from cds_hooks.settings import Settings
from tests.support.asgi import Client
from tests.support.doubles import FakeKnowledge, request
from tests.support.service import running
from tests.support.supervised import Running, supervised
from tests.support.tokens import BASE, ES, VIEW, bearer, claims, write_registry

ROOT = Path(__file__).parents[2]
HOOK = b"/cds-services/neuromuscular-patient-view"
ANSWER = re.compile(rb"HTTP/1\.1 (\d+) ")
NEXT = b"GET /smuggled HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with supervised(tmp_path_factory.mktemp("server"), body_timeout_s=2.0) as running_service:
        running_service.wait()
        yield running_service


def exchanged(service: Running, data: bytes) -> bytes:
    """All that comes back until the other side closes."""
    got = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(data)
        try:
            while more := connection.recv(65536):
                got += more
        except ConnectionResetError:
            pass
    return got


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST " + HOOK + b" HTTP/1.1", b"host: 127.0.0.1", b"content-type: application/json", *lines, b"", b""]) + body


CHUNKED = b"transfer-encoding: chunked"
TWO_READINGS = {
    "a chunk that ends in other bytes": post(CHUNKED, body=b"2\r\n{}xx0\r\n\r\n"),
    "a chunk that ends in a line feed": post(CHUNKED, body=b"2\r\n{}\n0\r\n\r\n"),
    "a chunk size that ends in a line feed": post(CHUNKED, body=b"2\n{}\r\n0\r\n\r\n"),
    "a chunk size with a sign": post(CHUNKED, body=b"+2\r\n{}\r\n0\r\n\r\n"),
    "a chunk size in another notation": post(CHUNKED, body=b"0x2\r\n{}\r\n0\r\n\r\n"),
    "a chunk size beyond all": post(CHUNKED, body=b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n"),
    "chunks and a length": post(CHUNKED, b"content-length: 2", body=b"0\r\n\r\n"),
    "a length and chunks": post(b"content-length: 2", CHUNKED, body=b"0\r\n\r\n"),
    "chunks twice": post(b"transfer-encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunks and then something": post(b"transfer-encoding: chunked, identity", body=b"0\r\n\r\n"),
    "something like chunks": post(b"transfer-encoding: xchunked", body=b"0\r\n\r\n"),
    "chunks behind a tab": post(b"transfer-encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "a blank before the colon": post(b"transfer-encoding : chunked", body=b"0\r\n\r\n"),
    "a length with a blank before the colon": post(b"content-length : 2", body=b"{}"),
    "a folded header": post(b"transfer-encoding:", b" chunked", body=b"0\r\n\r\n"),
    "a header behind a carriage return": post(b"x-abc: \rtransfer-encoding: chunked", body=b"0\r\n\r\n"),
    "a header behind a line feed": post(b"x-abc: y\ntransfer-encoding: chunked", body=b"0\r\n\r\n"),
    "a nul in a header": post(b"x-abc: \x00", b"content-length: 2", body=b"{}"),
    "two lengths": post(b"content-length: 2", b"content-length: 3", body=b"{}"),
    "a list of lengths": post(b"content-length: 2, 2", body=b"{}"),
    "a length with a sign": post(b"content-length: +2", body=b"{}"),
    "a length below nothing": post(b"content-length: -2", body=b"{}"),
    "a length in another notation": post(b"content-length: 0x2", body=b"{}"),
    "a length with a blank in it": post(b"content-length: 1 2", body=b"{}"),
    "a head that ends in a bare carriage return": post(b"content-length: 2\r\n\rX"),
    "a header line without a name": post(b": x", b"content-length: 2", body=b"{}"),
}


@pytest.mark.parametrize("name", TWO_READINGS)
def test_a_request_that_could_be_read_in_two_ways_ends_the_connection(service: Running, name: str) -> None:
    """Were it read as something else by a proxy in front, the bytes behind it would be a request of somebody else."""
    answers = exchanged(service, TWO_READINGS[name] + NEXT)
    assert ANSWER.findall(answers) == [b"400"]
    assert b"connection: close" in answers.lower()


def test_what_follows_a_last_request_is_not_answered(service: Running) -> None:
    answers = exchanged(service, b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n" + NEXT)
    assert ANSWER.findall(answers) == [b"200"]


@pytest.mark.parametrize("target", [b"@evil.example", b"evil.example", b"\\\\evil.example\\x", b"evil.example:443/x", b"", b"?x", b"#x"])
def test_a_target_that_is_no_path_is_refused(service: Running, target: bytes) -> None:
    answers = exchanged(service, b"GET " + target + b" HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
    assert answers.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("method", [b"_ROUTE", b"DISPATCH", b"__INIT__", b"METHOD_NOT_ALLOWED", b"get", b"CONNECT", b"SEND"])
def test_a_method_that_is_a_name_inside_the_server_is_refused(service: Running, method: bytes) -> None:
    answers = exchanged(service, method + b" /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
    assert answers.split()[1] in (b"400", b"405")


HOSTS = ["cds.example.org/healthz?x=", "cds.example.org/healthz#", "healthz", "@", "cds.example.org:99999999/x", "[::1", "a b", "ä", "\\"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_rewrites_the_url_lets_nobody_in_and_changes_no_address(tmp_path: Path, host: str) -> None:
    """Who may call is decided by the path that was asked for and the address in the settings, never by what `Host` says."""
    with running(tmp_path, registry_file=write_registry(tmp_path), base_url=BASE) as guarded:
        path = VIEW.removeprefix(BASE)
        assert guarded.post(path, request(), {"host": host}).status == 401
        assert guarded.post("/cds-services/nothing", request(), {"host": host}).status == 401
        token = ES.sign(claims(aud=f"https://{host}/healthz"))
        assert guarded.post(path, request(), {"host": host, **bearer(token)}).status == 401
        refused = guarded.parts.metrics.registry.get_sample_value("nmcds_calls_total", {"service": "none", "status": "401"})
        assert refused is not None, "a refusal is counted wherever its Host points"


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/form-data; boundary=x",
        b"multipart/form-data; boundary=" + b"x" * 5000,
        b"application/x-www-form-urlencoded",
        b'application/x-www-form-urlencoded; !="' + b"\\" * 5000 + b'"',
        b"text/plain",
        b"",
    ],
    ids=["multipart", "long boundary", "form", "form with a pattern", "text", "none"],
)
@pytest.mark.parametrize("path", [HOOK, HOOK + b"/feedback"])
def test_a_form_is_refused_before_its_body_is_read(service: Running, path: bytes, kind: bytes) -> None:
    head = [b"POST " + path + b" HTTP/1.1", b"host: 127.0.0.1", b"connection: close", b"content-type: " + kind, b"content-length: 7000000"]
    answers = exchanged(service, b"\r\n".join([*head, b"", b""]))  # not one byte of the body
    assert answers.startswith(b"HTTP/1.1 415 ")
    assert b"NMCDS-102" in answers


def test_no_parser_of_forms_is_installed() -> None:
    assert importlib.util.find_spec("python_multipart") is None
    assert importlib.util.find_spec("multipart") is None


def test_nothing_that_was_sent_comes_back_as_a_header_or_log_line(service: Running) -> None:
    nasty = b"%0d%0aset-cookie:%20x=1%0d%0a%1b[31mred"
    lines = [
        b"GET /cds-services/" + nasty + b"?" + nasty + b" HTTP/1.1",
        b"host: 127.0.0.1",
        b"origin: https://" + nasty,
        b"connection: close",
    ]
    head, _, _ = exchanged(service, b"\r\n".join([*lines, b"traceparent: " + nasty, b"", b""])).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 4")
    assert b"set-cookie" not in head.lower()
    log = service.log.read_text(encoding="utf-8")
    assert "\x1b" not in log
    assert "red" not in {word for line in log.splitlines() if line.startswith("{") for word in json.loads(line)}
    assert "set-cookie" not in log


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service that has the files of the pages."""

    def extend(app: FastAPI) -> None:
        found = Pages({"version": "", "base_url": "", "docs": False})

        async def show(asked: Request) -> Response:
            return await found.file(asked)

        app.add_route("/static/{name}", show)

    app = create_app(Settings(database_url=f"sqlite:///{tmp_path_factory.mktemp('pages')}/x.sqlite3"), FakeKnowledge(), extend=extend)
    yield Client(app)
    app.state.parts.database.close()


RANGES = ["bytes=0-1", "bytes=" + ",".join(f"{number}-{number}" for number in range(20_000)), "bytes=-", "bytes=9-1", "x=" * 999]


@pytest.mark.parametrize("ranges", RANGES, ids=["one", "many", "none", "reversed", "other"])
def test_a_part_of_a_file_is_not_worked_out(pages: Client, ranges: str) -> None:
    whole = pages.get("/static/base.css")
    assert whole.status == 200
    answer = pages.get("/static/base.css", {"range": ranges, "if-range": whole.headers["etag"]})
    assert (answer.status, answer.body) == (200, whole.body)


@pytest.mark.parametrize(
    "name", ["..", "../page.py", "..%2fpage.py", "..\\page.py", "//evil.example/x", "\\\\evil.example\\share", "base.css\0"]
)
def test_a_file_is_a_name_and_never_a_path(pages: Client, name: str) -> None:
    assert (pages.get(f"/static/{name}").status, pages.get(f"/static/{name}").number) == (404, "NMCDS-107")


def test_of_starlette_no_part_that_serves_files_reads_forms_or_trusts_the_url_is_used() -> None:
    """`request.url` is put together from what the caller says is our name; decisions read the path of the request alone."""
    banned = {"StaticFiles", "FileResponse", "HTTPEndpoint", "WebSocketEndpoint"}
    for path in (ROOT / "cds_hooks").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        taken = {one.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names}
        read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "request"}
        assert not banned & taken, path
        assert not {"url", "base_url", "url_for", "form", "client"} & read, path
