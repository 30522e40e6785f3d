from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cds_hooks.fhir_client import Access, FhirClient
from cds_hooks.settings import Settings
from tests.support.doubles import bundle
from tests.support.fault_server import answer, until


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that signs itself, and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on the PATH; Debian: apt-get install openssl")
    file = tmp_path / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
        "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key.pem", "-out", file],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + (tmp_path / "key.pem").read_bytes())
    return file


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(listener: socket.socket) -> None:
        while True:
            with suppress(ssl.SSLError, ConnectionError):
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with context.wrap_socket(peer, server_side=True) as secure:
                    secure.recv(65536)
                    secure.sendall(answer(bundle()))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_server_is_read_over_tls_under_its_name_at_the_checked_address(certificate: Path, port: int) -> None:
    reader = FhirClient(
        Settings(fhir_ca_file=certificate), resolve=lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    )
    assert reader.read(Access(f"https://localhost:{port}/fhir", "t"), "Condition", until()).reason is None


def test_a_certificate_for_another_name_is_refused(certificate: Path, port: int) -> None:
    found = FhirClient(Settings(fhir_ca_file=certificate)).read(Access(f"https://127.0.0.1:{port}/fhir", "t"), "Condition", until())
    assert (found.pages, found.reason) == ((), "the FHIR server could not be read")


def test_a_certificate_that_nobody_vouches_for_is_refused(port: int) -> None:
    found = FhirClient(Settings()).read(Access(f"https://localhost:{port}/fhir", "t"), "Condition", until())
    assert (found.pages, found.reason) == ((), "the FHIR server could not be read")
