"""A FHIR server on loopback that misbehaves on request: the first segment of the base path names how.

`http://127.0.0.1:PORT/<behaviour>/Condition?patient=p1`. Threads and sockets only, so that it can do what HTTP libraries refuse to.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.doubles import bundle, condition, order, outcome, patient

Json = dict[str, Any]


def fhir(path: str) -> Json:
    """What a good server says about patient p1."""
    name = path.partition("?")[0].rpartition("/")[2]
    if path.split("/")[-2:-1] == ["Patient"]:
        return patient(name)
    return bundle(condition()) if name == "Condition" else bundle()


def head(status: str = "200 OK", kind: str = "application/fhir+json", length: int | None = None, *more: str) -> bytes:
    """The head of an answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(body: object, status: str = "200 OK", kind: str = "application/fhir+json", *more: str) -> bytes:
    """A complete answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(status, kind, len(data), *more) + data


@dataclass
class FaultServer:
    """`seen` has (path, headers) of every request; `connections` counts connections; `stop` ends slow behaviours."""

    port: int = 0
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def url(self, behaviour: str) -> str:
        """The FHIR base URL that behaves so."""
        return f"http://127.0.0.1:{self.port}/{behaviour}"

    def serve(self, listener: socket.socket) -> None:
        """Accept until the listener is closed."""
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                self.connections += 1
                threading.Thread(target=self._handle, args=(peer,), daemon=True).start()

    def _handle(self, peer: socket.socket) -> None:
        with suppress(OSError), peer:
            data = b""
            while b"\r\n\r\n" not in data:
                chunk = peer.recv(65536)
                if not chunk:
                    return
                data += chunk
            lines = data.decode("latin-1").split("\r\n")
            path = lines[0].split(" ")[1]
            self.seen.append(
                (path, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)})
            )
            behaviour = path.split("/")[1]
            BEHAVIOURS[behaviour](self, peer, path)

    def drip(self, peer: socket.socket, data: bytes, pause: float) -> None:
        """One byte after the other."""
        for byte in data:
            peer.sendall(bytes([byte]))
            if self.stop.wait(pause):
                return


def _silent(server: FaultServer, _peer: socket.socket, _path: str) -> None:
    server.stop.wait(30)


def _slow(server: FaultServer, peer: socket.socket, path: str) -> None:
    server.stop.wait(4)
    peer.sendall(answer(fhir(path)))


def _reset(_server: FaultServer, peer: socket.socket, _path: str) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def _endless(server: FaultServer, peer: socket.socket, _path: str) -> None:
    peer.sendall(head())
    while not server.stop.is_set():
        peer.sendall(b" " * 65536)


def _paging(server: FaultServer, peer: socket.socket, path: str) -> None:
    if "/Patient/" in path:
        peer.sendall(answer(fhir(path)))
        return
    here = f"{server.url('paging')}/Condition?patient=p1&page={len(server.seen)}"
    peer.sendall(answer(bundle(condition(f"c{len(server.seen)}"), link=[{"relation": "next", "url": here}])))


def _mixed(_server: FaultServer, peer: socket.socket, path: str) -> None:
    """Patient and conditions as they should be; medication requests of another patient among our own."""
    peer.sendall(answer(bundle(order("m1"), order("m2", of="Patient/p2")) if "MedicationRequest" in path else fhir(path)))


def _fixed(*pieces: bytes) -> Callable[[FaultServer, socket.socket, str], None]:
    def behave(_server: FaultServer, peer: socket.socket, _path: str) -> None:
        for piece in pieces:
            peer.sendall(piece)

    return behave


def _but_patient(body: Callable[[FaultServer], bytes]) -> Callable[[FaultServer, socket.socket, str], None]:
    """Patient and conditions are good, everything else is `body`: the call is answered and a part is unknown."""

    def behave(server: FaultServer, peer: socket.socket, path: str) -> None:
        good = "/Patient/" in path or "/Condition" in path
        peer.sendall(answer(fhir(path)) if good else body(server))

    return behave


def _next(url: str) -> Callable[[FaultServer], bytes]:
    return lambda server: answer(bundle(order(), link=[{"relation": "next", "url": url.replace("PORT", str(server.port))}]))


def _drip_body(server: FaultServer, peer: socket.socket, _path: str) -> None:
    peer.sendall(head(length=5000))
    server.drip(peer, b" " * 5000, 0.1)


BEHAVIOURS: dict[str, Callable[[FaultServer, socket.socket, str], None]] = {
    "good": lambda _server, peer, path: peer.sendall(answer(fhir(path))),
    "silent": _silent,
    "slow": _slow,
    "drip-head": lambda server, peer, path: server.drip(peer, answer(fhir(path)), 0.2),
    "drip-body": _drip_body,
    "endless-head": lambda server, peer, _path: server.drip(peer, b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 10_000, 0.05),
    "endless": _endless,
    "reset": _reset,
    "close": _fixed(),
    "garbage": _fixed(b"\x00\x01\x02 no http at all\r\n\r\n"),
    "truncated": _fixed(head(length=10_000), b'{"resourceType":"Bundle"'),
    "bad-chunks": _fixed(head("200 OK", "application/fhir+json", None, "Transfer-Encoding: chunked"), b"zz\r\n{}\r\n"),
    "many-headers": _fixed(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n{}"),
    "400": _fixed(answer(outcome(), "400 Bad Request")),
    "401": _fixed(answer(outcome(), "401 Unauthorized")),
    "403": _fixed(answer(outcome(), "403 Forbidden")),
    "404": _fixed(answer(outcome(), "404 Not Found")),
    "429": _fixed(answer(outcome(), "429 Too Many Requests", "application/fhir+json", "Retry-After: 120")),
    "500": _fixed(answer(outcome(), "500 Internal Server Error")),
    "503": _fixed(answer(b"", "503 Service Unavailable", "text/plain", "Retry-After: 120")),
    "204": _fixed(head("204 No Content")),
    "redirect": lambda server, peer, path: peer.sendall(head("302 Found", "text/plain", 0, f"Location: {server.url('good')}{path[9:]}")),
    "html": _fixed(answer(b"<html>login</html>", "200 OK", "text/html")),
    "not-json": _fixed(answer(b"<html>login</html>")),
    "scalar": _fixed(answer(b"7")),
    "not-fhir": _fixed(answer({"hello": "world"})),
    "duplicate-keys": _fixed(answer(b'{"resourceType":"Bundle","resourceType":"Bundle"}')),
    "deep": _fixed(answer(b"[" * 500 + b"]" * 500)),
    "gzip": _fixed(answer(b"\x1f\x8b\x08", "200 OK", "application/fhir+json", "Content-Encoding: gzip")),
    "outcome": _fixed(answer(outcome())),
    "outcome-among-results": _but_patient(lambda _server: answer(bundle(outcome("warning")))),
    "truncated-total": _but_patient(lambda _server: answer(bundle(total=7))),
    "next-elsewhere": _but_patient(_next("http://127.0.0.2:PORT/good/x")),
    "next-other-port": _but_patient(_next("http://127.0.0.1:1/good/x")),
    "next-https": _but_patient(_next("https://127.0.0.1:PORT/good/x")),
    "next-with-user": _but_patient(_next("http://a:b@127.0.0.1:PORT/good/x")),
    "next-file": _but_patient(_next("file:///etc/passwd")),
    "next-internal": _but_patient(_next("http://169.254.169.254/latest")),
    "next-empty": _but_patient(_next("")),
    "paging": _paging,
    "mixed": _mixed,
    "other-patient": lambda _server, peer, path: peer.sendall(
        answer(patient("p2") if "/Patient/" in path else bundle(condition(of="Patient/p2")))
    ),
}


@contextmanager
def fault_server() -> Iterator[FaultServer]:
    """A running server."""
    server = FaultServer()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
        yield server
        server.stop.set()
        listener.shutdown(socket.SHUT_RDWR)


def until(seconds: float = 2.0) -> float:
    """A deadline from now."""
    return time.monotonic() + seconds
