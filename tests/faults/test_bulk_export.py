"""An export from a server that is busy, slow, cut off, forgetful or lying: whole, or an error with a remedy, and never by a detour."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cds_hooks.bulk.door import Door
from cds_hooks.bulk.export import Exporter
from cds_hooks.bulk.token import Tokens, read_identity
from cds_hooks.commands.output import StopError
from cds_hooks.settings import Settings
from tests.support.bulk_server import BulkServer, bulk_server

KEY = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(65537, 2048)
TYPES = ("Condition", "Patient")
Export = Callable[..., tuple[dict[str, Any], list[float]]]


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.fixture
def server() -> Iterator[BulkServer]:
    with bulk_server() as found:
        found.public = KEY.public_key()
        yield found


@pytest.fixture
def export(server: BulkServer, tmp_path: Path) -> Export:
    """Run an export; its manifest and how long it would have waited between requests."""
    key = tmp_path / "key.pem"
    key.write_bytes(pem(KEY))

    def run(how: str, *, group: str | None = None, hours: float = 1) -> tuple[dict[str, Any], list[float]]:
        waits: list[float] = []
        door = Door(Settings(), server.url(how))
        identity = None if how.startswith("open") else read_identity("nmcds", key, "k1")
        try:
            tokens = Tokens(door, identity, "system/*.rs")
            exporter = Exporter(
                door, tokens, tmp_path / "export", TYPES, group, lambda *_: None, time.monotonic() + 3600 * hours, waits.append
            )
            return exporter.run(), waits
        finally:
            door.close()

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "export").iterdir()}


def test_a_good_server_gives_every_file_and_is_told_that_we_are_done(export: Export, server: BulkServer, tmp_path: Path) -> None:
    manifest, waits = export("good")
    assert waits == []
    found = files(tmp_path)
    assert found["Patient.00001.ndjson"] == server.lines("Patient")
    assert found["Condition.00001.ndjson"] == server.lines("Condition")
    assert set(found) == {"Patient.00001.ndjson", "Condition.00001.ndjson", "manifest.json"}
    assert json.loads(found["manifest.json"]) == manifest
    assert manifest["output"][0] == {"type": "Patient", "url": "Patient.00001.ndjson", "count": 2}
    assert manifest["request"].endswith("_type=Condition,Patient")
    assert server.asked("DELETE", "/status") == 1


def test_the_token_is_asked_for_as_smart_backend_services_says(export: Export, server: BulkServer) -> None:
    export("good")
    (grant,) = server.grants
    assert grant["head"] == {"alg": "ES384", "kid": "k1", "typ": "JWT"}
    assert (grant["iss"], grant["sub"], grant["aud"]) == ("nmcds", "nmcds", f"{server.url('good')}/token")
    assert grant["exp"] - time.time() <= 300
    assert (grant["grant_type"], grant["scope"]) == ("client_credentials", "system/*.rs")
    assert grant["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_an_open_server_gets_no_token(export: Export, server: BulkServer) -> None:
    export("open")
    assert not any("Authorization" in headers for _, _, headers in server.seen)


def test_a_group_can_be_exported(export: Export, server: BulkServer) -> None:
    export("good", group="registry")
    assert server.asked("GET", "/Group/registry/$export") == 1


def test_a_busy_server_is_asked_again_when_it_said(export: Export) -> None:
    assert export("busy")[1] == [7.0]


def test_polling_slows_down_and_waits_from_a_second_to_five_minutes(export: Export) -> None:
    assert export("working")[1] == [1.0, 300.0, 4.0]


@pytest.mark.parametrize("how", ["transient", "expired-token", "cut", "cut-no-ranges", "cut-changed"])
def test_what_fails_once_is_tried_again(export: Export, server: BulkServer, tmp_path: Path, how: str) -> None:
    export(how)
    assert files(tmp_path)["Condition.00001.ndjson"] == server.lines("Condition")


def test_a_download_goes_on_where_it_was_cut(export: Export, server: BulkServer) -> None:
    export("cut")
    ranges = [headers["Range"] for _, _, headers in server.seen if "Range" in headers]
    assert ranges == [f"bytes={len(server.lines('Condition')) // 2}-"]


def test_a_new_token_is_fetched_when_one_was_refused(export: Export, server: BulkServer) -> None:
    export("expired-token")
    assert len(server.grants) == 2


def test_a_compressed_file_stays_compressed(export: Export, server: BulkServer, tmp_path: Path) -> None:
    export("gzip")
    assert gzip.decompress(files(tmp_path)["Patient.00001.ndjson.gz"]) == server.lines("Patient")


def test_errors_of_the_server_come_along(export: Export, tmp_path: Path) -> None:
    manifest, _ = export("errors")
    assert manifest["error"] == [{"type": "OperationOutcome", "url": "OperationOutcome.00001.ndjson"}]
    assert "OperationOutcome.00001.ndjson" in files(tmp_path)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("unknown-type", r"HTTP 400 \(processing\)"),
        ("redirect", "HTTP 302"),
        ("no-location", "Content-Location"),
        ("status-elsewhere", "127.0.0.2, which is not listed"),
        ("file-elsewhere", "127.0.0.2, which is not listed"),
        ("failed", "HTTP 500"),
        ("forgotten", "no longer knows"),
        ("not-json", "something other than a JSON object"),
        ("bad-manifest", "not a list of files"),
        ("gone", "HTTP 404"),
        ("always-cut", "connection failed"),
        ("no-token-endpoint", "no token endpoint"),
    ],
)
def test_a_server_that_fails_for_good_ends_in_words(export: Export, tmp_path: Path, how: str, words: str) -> None:
    with pytest.raises(StopError, match=words):
        export(how)
    assert not (tmp_path / "export" / "manifest.json").exists()
    assert not list((tmp_path / "export").glob("Condition*.ndjson"))


def test_an_export_that_stopped_is_taken_up_without_a_second_kick_off(export: Export, server: BulkServer, tmp_path: Path) -> None:
    with pytest.raises(StopError):
        export("always-cut")
    state = tmp_path / "export" / ".export.json"
    state.write_text(state.read_text().replace("always-cut", "good"))
    export("good")
    assert server.asked("GET", "/$export") == 1
    assert files(tmp_path)["Condition.00001.ndjson"] == server.lines("Condition")


def test_an_interrupted_export_is_cancelled(export: Export, server: BulkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Exporter, "_download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export("good")
    assert server.asked("DELETE", "/status") == 1


def test_waiting_ends(export: Export) -> None:
    with pytest.raises(StopError, match="took too long"):
        export("working", hours=0.01)


def test_a_finished_export_is_not_overwritten(export: Export) -> None:
    export("good")
    with pytest.raises(StopError, match="finished export"):
        export("good")


def test_a_server_that_is_not_listed_is_not_called() -> None:
    for url in ("https://fhir.example.org/r4", "http://169.254.169.254/", "file:///etc", "http://127.0.0.1@example.org/"):
        with pytest.raises(StopError, match="not a FHIR server that may be called"):
            Door(Settings(), url)


def test_a_client_with_another_key_is_refused(export: Export, server: BulkServer) -> None:
    server.public = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(StopError, match="refused the client"):
        export("good")


def test_a_key_is_read_as_pem_or_jwk_and_only_of_the_kinds_of_the_standard(tmp_path: Path) -> None:
    file = tmp_path / "key"
    for key, algorithm in ((KEY, "ES384"), (RSA, "RS384")):
        file.write_bytes(pem(key))
        assert read_identity("c", file, "k").algorithm == algorithm
        with pytest.raises(StopError, match="no kid"):
            read_identity("c", file, None)
    file.write_text(json.dumps({**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY)), "kid": "own"}))
    assert read_identity("c", file, None).kid == "own"
    file.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(StopError, match="not a kind of private key"):
        read_identity("c", file, "k")
    for content in (b"nonsense", b"{}", b'{"kty":"oct","k":"AAAA"}'):
        file.write_bytes(content)
        with pytest.raises(StopError, match="private key"):
            read_identity("c", file, "k")
    with pytest.raises(StopError, match="cannot be read"):
        read_identity("c", tmp_path / "none", "k")
