"""A FHIR server on loopback that misbehaves on request: the first segment of the base path names how.

`http://127.0.0.1:PORT/<behaviour>/Condition?patient=p1`. Threads and sockets only, so that it can do what HTTP libraries refuse to.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
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
    """`seen` has (path, headers) of every request; `connections` counts connections; `stop` ends slow behaviours.

    `elsewhere` is host and port of another server, for answers that point there; `script` has the behaviours that `/script/` shows for
    each resource type, one after the other, and good ones when they are used up. `holds` is what `/holds/` answers by resource type: the
    Patient, and a searchset for each other one.
    """

    port: int = 0
    elsewhere: str = "127.0.0.2:1"
    script: dict[str, list[str]] = field(default_factory=dict)
    holds: dict[str, Json] = field(default_factory=dict)
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
            BEHAVIOURS.get(behaviour, BEHAVIOURS["404"])(self, peer, path)

    def drip(self, peer: socket.socket, data: bytes, pause: float) -> None:
        """One byte after the other."""
        for byte in data:
            peer.sendall(bytes([byte]))
            if self.stop.wait(pause):
                return


def _holds(server: FaultServer, peer: socket.socket, path: str) -> None:
    """The patient that the test gave, one resource type a query."""
    peer.sendall(answer(server.holds.get(path.split("/")[2].partition("?")[0], bundle())))


def _silent(server: FaultServer, _peer: socket.socket, _path: str) -> None:
    server.stop.wait(30)


def _slow(server: FaultServer, peer: socket.socket, path: str) -> None:
    server.stop.wait(4)
    peer.sendall(answer(fhir(path)))


def _reset(_server: FaultServer, peer: socket.socket, _path: str) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _reset_within(server: FaultServer, peer: socket.socket, path: str) -> None:
    peer.sendall(head(length=5000) + b'{"resourceType":')
    _reset(server, peer, path)


def _redirect(status: str) -> Callable[[FaultServer, socket.socket, str], None]:
    def behave(server: FaultServer, peer: socket.socket, path: str) -> None:
        place = f"Location: http://{server.elsewhere}/good/{path.split('/', 2)[2]}"
        peer.sendall(head(status, "text/plain", 0, place))

    return behave


def _redirect_endless(server: FaultServer, peer: socket.socket, _path: str) -> None:
    peer.sendall(head("302 Found", "text/plain", None, f"Location: http://{server.elsewhere}/good/x"))
    while not server.stop.is_set():
        peer.sendall(b" " * 65536)


def _continue(server: FaultServer, peer: socket.socket, _path: str) -> None:
    while not server.stop.wait(0.001):
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def _script(server: FaultServer, peer: socket.socket, path: str) -> None:
    kind = path.split("/")[2].partition("?")[0]
    left = server.script.get(kind)
    BEHAVIOURS[left.pop(0) if left else "good"](server, peer, path)


def _once(behaviour: str) -> Callable[[FaultServer, socket.socket, str], None]:
    """This behaviour for the first request for each path, then a good answer."""

    def behave(server: FaultServer, peer: socket.socket, path: str) -> None:
        first = sum(seen == path for seen, _ in server.seen) == 1
        BEHAVIOURS[behaviour if first else "good"](server, peer, path)

    return behave


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
    def body(server: FaultServer) -> bytes:
        place = url.replace("PORT", str(server.port)).replace("ELSEWHERE", server.elsewhere)
        return answer(bundle(order(), link=[{"relation": "next", "url": place}]))

    return body


def _answers(body: object, *more: str) -> Callable[[FaultServer], bytes]:
    return lambda _server: answer(body, "200 OK", "application/fhir+json", *more)


def _drip_body(server: FaultServer, peer: socket.socket, _path: str) -> None:
    peer.sendall(head(length=5000))
    server.drip(peer, b" " * 5000, 0.1)


BEHAVIOURS: dict[str, Callable[[FaultServer, socket.socket, str], None]] = {
    "good": lambda _server, peer, path: peer.sendall(answer(fhir(path))),
    "holds": _holds,
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
    **{f"redirect-{status}": _redirect(f"{status} Moved") for status in (300, 301, 302, 303, 307, 308)},
    "redirect-endless": _redirect_endless,
    "continue-forever": _continue,
    "reset-within": _reset_within,
    "truncated-chunks": _fixed(head("200 OK", "application/fhir+json", None, "Transfer-Encoding: chunked"), b'e\r\n{"resourceType\r\n'),
    "truncated-though-json": _fixed(head(length=10_000), json.dumps(bundle()).encode()),
    "long-header": _fixed(head("200 OK", "application/fhir+json", 2, "X-Long: " + "y" * 100_000), b"{}"),
    **{str(status): _fixed(answer(outcome(), f"{status} Error")) for status in (405, 406, 410, 422, 501, 502, 504)},
    "206": _fixed(answer(bundle(), "206 Partial Content")),
    "empty": _fixed(answer(b"")),
    "half-json": _fixed(answer(json.dumps(bundle(condition())).encode()[:-2])),
    "byte-order-mark": _fixed(answer(b"\xef\xbb\xbf" + json.dumps(bundle()).encode())),
    "utf-16": _fixed(answer(json.dumps(bundle()).encode("utf-16"))),
    "latin-1": _fixed(answer(bundle(), "200 OK", "application/fhir+json; charset=iso-8859-1")),
    "xml": _fixed(answer(b"<Bundle xmlns='http://hl7.org/fhir'/>", "200 OK", "application/fhir+xml")),
    "gzip-undeclared": _fixed(answer(gzip.compress(json.dumps(bundle()).encode()))),
    "gzip-bomb": _fixed(answer(gzip.compress(b" " * 50_000_000), "200 OK", "application/fhir+json", "Content-Encoding: gzip")),
    "outcome-that-informs": _fixed(answer(outcome("information"))),
    "script": _script,
    "crowd": lambda _server, peer, _path: peer.sendall(answer(bundle(*(order(f"m{number}0") for number in range(6000))))),
    "first-page": lambda server, peer, _path: peer.sendall(
        answer(bundle(condition("c0"), link=[{"relation": "next", "url": f"{server.url('script')}/Condition?page=2"}]))
    ),
    "503-for-a-moment": _fixed(answer(outcome(), "503 Service Unavailable", "application/fhir+json", "Retry-After: 0")),
    "429-for-a-moment": _fixed(answer(outcome(), "429 Too Many Requests")),
    **{
        f"once-{name}": _once(name)
        for name in ("reset", "close", "500", "502", "503", "504", "truncated", "503-for-a-moment", "429-for-a-moment")
    },
    "html": _fixed(answer(b"<html>login</html>", "200 OK", "text/html")),
    "not-json": _fixed(answer(b"<html>login</html>")),
    "scalar": _fixed(answer(b"7")),
    "not-fhir": _fixed(answer({"hello": "world"})),
    "duplicate-keys": _fixed(answer(b'{"resourceType":"Bundle","resourceType":"Bundle"}')),
    "deep": _fixed(answer(b"[" * 500 + b"]" * 500)),
    "gzip": _fixed(answer(b"\x1f\x8b\x08", "200 OK", "application/fhir+json", "Content-Encoding: gzip")),
    "outcome": _fixed(answer(outcome())),
    "outcome-among-results": _but_patient(lambda _server: answer(bundle(outcome("warning")))),
    "outcome-that-suppressed": _but_patient(
        _answers(bundle({"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "suppressed"}]}))
    ),
    "outcome-of-odd-types": _but_patient(
        _answers(bundle({"resourceType": "OperationOutcome", "issue": [{"severity": ["information"], "code": {}}]}))
    ),
    "truncated-total": _but_patient(_answers(bundle(total=7))),
    "same-twice": _but_patient(_answers(bundle(order(), order(), total=2))),
    "two-versions": _but_patient(_answers(bundle(order(), order(status="entered-in-error")))),
    "other-type": _but_patient(_answers(bundle(condition("c9")))),
    "no-bundle": _but_patient(_answers(order())),
    "no-bundle-type": _but_patient(_answers({"resourceType": "Bundle", "entry": [{"resource": order()}]})),
    "history": _but_patient(_answers({"resourceType": "Bundle", "type": "history", "entry": []})),
    "no-resource": _but_patient(_answers({"resourceType": "Bundle", "type": "searchset", "entry": [{"fullUrl": "urn:uuid:x"}]})),
    "subset": _but_patient(_answers(bundle(order(meta={"tag": [{"code": "SUBSETTED"}]})))),
    "too-many": _but_patient(_answers(bundle(*(order(f"m{number}0") for number in range(600))))),
    "too-long": _but_patient(_answers(bundle(order(note=[{"text": "x" * 1_000_000}])))),
    "refresh": _but_patient(lambda server: answer(b"", "200 OK", "text/html", f"Refresh: 0; url=http://{server.elsewhere}/good/x")),
    "link-header": _but_patient(
        lambda server: answer(bundle(total=9), "200 OK", "application/fhir+json", f'Link: <http://{server.elsewhere}/x>; rel="next"')
    ),
    "next-elsewhere": _but_patient(_next("http://ELSEWHERE/good/x")),
    "next-itself": _but_patient(_next("http://127.0.0.1:PORT/next-itself/MedicationRequest?patient=p1&_count=200")),
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
