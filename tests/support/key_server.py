"""A JWK Set server over TLS on this machine that the test can change, break and count."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cds_hooks.key_fetcher import FetchFailedError, KeyFetcher
from cds_hooks.settings import Settings


@dataclass
class KeyServer:
    """`keys` is the set; `raw` replaces its bytes; `asked` holds the headers of every request."""

    certificate: Path
    port: int = 0
    keys: list[Mapping[str, object]] = field(default_factory=list)
    raw: bytes | None = None
    status: int = 200
    kind: str = "application/jwk-set+json"
    location: str = ""
    wait_s: float = 0.0
    drip_s: float = 0.0
    asked: list[dict[str, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The address of the set."""
        return f"https://localhost:{self.port}/jwks.json"


def self_signed(folder: Path) -> Path:
    """A certificate for localhost that vouches for itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    file = folder / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return file


@contextmanager
def key_server(folder: Path) -> Iterator[KeyServer]:
    """A running server."""
    server = KeyServer(self_signed(folder))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append({name.lower(): value for name, value in self.headers.items()})
            server.stop.wait(server.wait_s)
            body = json.dumps({"keys": server.keys}).encode() if server.raw is None else server.raw
            self.send_response(server.status)
            self.send_header("Content-Type", server.kind)
            self.send_header("Content-Length", str(len(body)))
            if server.location:
                self.send_header("Location", server.location)
            self.end_headers()
            for start in range(0, len(body), 32 if server.drip_s else max(len(body), 1)):
                self.wfile.write(body[start : start + 32] if server.drip_s else body)
                server.stop.wait(server.drip_s)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.handle_error = lambda *_: None  # type: ignore[method-assign] # a caller that goes away is what is tested
        running.daemon_threads = True
        running.block_on_close = False
        running.socket = context.wrap_socket(running.socket, server_side=True)
        server.port = running.server_address[1]
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.stop.set()
        running.shutdown()


def fetched(settings: Settings, url: str, address: str | None = None) -> str:
    """How a fetch ends: "ok" or the kind of failure."""
    resolve = socket.getaddrinfo if address is None else lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]
    fetcher = KeyFetcher(settings, resolve=resolve)
    try:
        asyncio.run(fetcher.fetch(url))
    except FetchFailedError as error:
        return error.kind
    finally:
        fetcher.close()
    return "ok"
