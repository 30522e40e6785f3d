"""The one door to FHIR servers: reads and searches with the caller's token, inside one deadline.

`fhirServer` comes from the caller, so it is a request to make requests. It is refused unless it is listed in the settings or for the
caller or, in open mode, a loopback address; `connecting` checks where it leads. `next` links stay on the same origin; the token goes
to that origin only and is kept nowhere.

One retry at most in a search, for a GET that may be answered when asked again: the connection was reset or closed before an answer
began (a server may close a kept connection just when it is used again), or 429, 502, 503, 504. It comes after a short random pause, or
after the server's Retry-After when that fits into the deadline; otherwise not at all.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3

from cds_hooks.body import containers, parse_json
from cds_hooks.bundles import MalformedError, Page, read_page
from cds_hooks.circuit import Circuit
from cds_hooks.connecting import PORTS, CheckedAdapter, checked_session
from cds_hooks.errors import BadJson
from cds_hooks.faults import NOT_SENT, Fault, RefusedError
from cds_hooks.lanes import Lanes
from cds_hooks.observe import Metrics, log_event
from cds_hooks.settings import Settings, is_loopback

__all__ = ["Access", "Answer", "CheckedAdapter", "FhirClient", "FhirReader", "RefusedError"]

ACCEPT = "application/fhir+json; fhirVersion=4.0, application/json;q=0.9"
ACCEPTED = ("application/fhir+json", "application/json", "text/json")
CHARSETS = ("utf-8", "utf8", "us-ascii")
CHUNK = 65536
STATUS = {
    401: Fault.DENIED, 403: Fault.DENIED, 404: Fault.NOT_FOUND, 410: Fault.NOT_FOUND, 429: Fault.OVERLOADED
}  # fmt: skip
CLASS = {2: Fault.NOT_FHIR, 3: Fault.REDIRECT, 4: Fault.REJECTED, 5: Fault.SERVER_ERROR}
PASSING = (429, 502, 503, 504)  # statuses after which the same question may be answered
JITTER_S = (0.02, 0.1)
WORTHWHILE_S = 0.1  # a retry must have this much of the deadline left
BYTE_S = 1e-8  # what parsing takes for each byte, and for each object or array in it (measured 3e-9, and 6e-7 to 9e-7)
CONTAINER_S = 1e-6


@dataclass(frozen=True, slots=True)
class Access:
    """A FHIR base URL that was checked, and the token for it."""

    base: str
    token: str = field(repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Pages that were read; `reason` says why they are not all, None when they are."""

    pages: tuple[Page, ...] = ()
    reason: str | None = None


class FhirReader(Protocol):
    """What `gathering` needs of the network; tests bring their own."""

    def check(self, server: str, listed: tuple[str, ...], token: str) -> Access:
        """Whether this server may be called; raises RefusedError without any connection."""
        ...

    def submit(self, access: Access, query: str, until: float) -> Future[Answer]:
        """Read or search in a thread; never raises, never goes on for long after `until` (time.monotonic)."""
        ...

    def close(self, *, wait: bool = False) -> None:
        """Take no more work."""
        ...


class FhirClient:
    """One requests Session for all threads of a process; `close` ends its threads and connections."""

    def __init__(
        self, settings: Settings, metrics: Metrics | None = None, *, resolve: Callable[..., list[Any]] = socket.getaddrinfo
    ) -> None:
        self._settings = settings
        self._metrics = metrics or Metrics()
        self._lanes = Lanes(settings.fetch_workers, settings.fhir_failures, settings.fhir_pause_s, self._note_circuit)
        self._session = checked_session(settings, resolve)
        self._parsing = threading.Lock()

    def close(self, *, wait: bool = False) -> None:
        """Stop taking work; threads that still read end with their deadline."""
        self._lanes.close(wait=wait)
        self._session.close()

    def check(self, server: str, listed: tuple[str, ...], token: str) -> Access:
        """A listed base URL exactly, or loopback in open mode; raises RefusedError.

        `fhirAuthorization` is optional (CDS Hooks 2.0.1, HTTP Request): a sandbox's server is open, and in open mode it is asked without a
        token. With registered callers no token means no permission.
        """
        parts = _split(server)
        if parts.query:
            raise RefusedError(Fault.ADDRESS)
        base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
        open_mode = self._settings.loopback and self._settings.registry_file is None
        if not token and self._settings.registry_file is not None:
            raise RefusedError(NOT_SENT)
        if open_mode and is_loopback(parts.hostname or ""):
            return Access(base, token)
        allowed = {f"{s.scheme}://{s.netloc}{s.path}".rstrip("/") for s in map(_split, (*self._settings.fhir_servers, *listed))}
        if parts.scheme == "https" and base in allowed:
            return Access(base, token)
        raise RefusedError(Fault.ADDRESS)

    def submit(self, access: Access, query: str, until: float) -> Future[Answer]:
        """Read in a thread of the server's own; a server that did not answer lately is not asked."""
        try:
            future = self._lanes.submit(access.origin, lambda: self.read(access, query, until))
        except RefusedError as error:
            refused: Future[Answer] = Future()
            refused.set_result(self._fault(error, ()))
            return refused
        future.add_done_callback(lambda ended: self._metrics.fhir_faults.labels(Fault.BUSY.kind).inc() if ended.cancelled() else None)
        return future

    def read(self, access: Access, query: str, until: float) -> Answer:
        """Follow a query (or an absolute `next` link) to its last page; what was read comes back even when the rest did not."""
        pages: list[Page] = []
        try:
            pages.extend(self._pages(access, query, until, self._lanes.circuit(access.origin)))
        except RefusedError as error:
            return self._fault(error, pages)
        except (BadJson, MalformedError):
            return self._fault(RefusedError(Fault.NOT_FHIR), pages)
        self._metrics.fhir_reads.inc()
        return Answer(tuple(pages))

    def _pages(self, access: Access, query: str, until: float, circuit: Circuit) -> Iterator[Page]:
        url: str | None = query if "://" in query else f"{access.base}/{query}"
        search = "/$" not in query and ("?" in query or "://" in query)  # an operation answers with what it defines
        seen: set[str] = set()
        retries = iter((True,))
        bytes_left = self._settings.fetch_limit_bytes
        resources_left = self._settings.fetch_resources
        while url is not None:
            if url in seen or len(seen) >= self._settings.fetch_pages or resources_left <= 0:
                raise RefusedError(Fault.TOO_MUCH)
            seen.add(url)
            parts = _split(url)
            if f"{parts.scheme}://{parts.netloc}" != access.origin:
                raise RefusedError(Fault.ELSEWHERE)
            if len(seen) == 1 and not circuit.allows():
                raise RefusedError(Fault.CIRCUIT_OPEN)
            body = self._get(parts, access, until, circuit, retries, bytes_left)
            bytes_left -= len(body)
            page = self._parse(body, until)
            yield replace(page, items=page.items[:resources_left])
            resources_left -= len(page.items)
            if resources_left < 0:
                raise RefusedError(Fault.TOO_MUCH)
            if search and not page.searchset:
                raise RefusedError(Fault.NOT_RESULT)
            url = _join(url, page.next_url) if page.next_url else None

    def _parse(self, body: bytes, until: float) -> Page:
        """One body at a time, and none that would not be read in time: parsing cannot be interrupted and holds up everything."""
        if not self._parsing.acquire(timeout=max(0.0, until - time.monotonic())):
            raise RefusedError(Fault.TIMEOUT)
        try:
            if time.monotonic() + len(body) * BYTE_S + containers(body) * CONTAINER_S > until:
                raise RefusedError(Fault.TIMEOUT)
            return read_page(parse_json(body), "answer")
        finally:
            self._parsing.release()

    def _get(self, url: SplitResult, access: Access, until: float, circuit: Circuit, retries: Iterator[bool], most: int) -> bytes:
        while True:
            began = time.monotonic()
            try:
                body = self._send(url, access, until, most)
            except _PassingError as error:
                if time.monotonic() + error.pause_s + WORTHWHILE_S > until or not next(retries, False):
                    _record(circuit, error.fault, began, fair=True)
                    raise
                self._metrics.fhir_retries.inc()
                time.sleep(error.pause_s)
            except RefusedError as error:
                _record(circuit, error.fault, began, fair=until - began >= self._settings.deadline_s / 2)
                raise
            else:
                circuit.record(True, began)
                return body

    def _send(self, url: SplitResult, access: Access, until: float, most: int) -> bytes:
        headers = {"Accept": ACCEPT, "Accept-Encoding": "identity", "Host": url.netloc}
        if access.token:  # a terminology server is asked without one
            headers["Authorization"] = f"Bearer {access.token}"
        left = until - time.monotonic()
        if left <= 0:
            raise RefusedError(Fault.TIMEOUT)
        try:
            with self._session.get(
                url.geturl(), headers=headers, auth=_no_auth, timeout=(left, left), stream=True, allow_redirects=False
            ) as response:
                _check_answer(response)
                return _read_all(response.raw, until, most)
        except (requests.Timeout, TimeoutError, urllib3.exceptions.TimeoutError) as error:
            raise RefusedError(Fault.TIMEOUT) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if time.monotonic() >= until:
                raise RefusedError(Fault.TIMEOUT) from error
            if _nothing_came(error):
                raise _PassingError(Fault.CONNECTION) from error
            raise RefusedError(Fault.CONNECTION) from error

    def _fault(self, error: RefusedError, pages: list[Page] | tuple[()]) -> Answer:
        self._metrics.fhir_faults.labels(error.fault.kind).inc()
        return Answer(tuple(pages), error.reason)

    def _note_circuit(self, origin: str, opened: bool) -> None:
        log_event("fhir-circuit", logging.WARNING, kind="opened" if opened else "closed")
        label = "loopback" if is_loopback(urlsplit(origin).hostname or "") else origin
        self._metrics.fhir_circuit_open.labels(label).set(opened)


class _PassingError(RefusedError):
    """A fault that may be over in a moment. `pause_s` is how long to wait before a retry; infinite: as long as no call can."""

    def __init__(self, fault: Fault, retry_after: str | None = None) -> None:
        super().__init__(fault)
        asked = 0.0 if retry_after is None else float(retry_after[:9]) if retry_after.isascii() and retry_after.isdigit() else float("inf")
        self.pause_s = max(random.uniform(*JITTER_S), asked)  # noqa: S311 - spreads load, guards nothing


def _record(circuit: Circuit, fault: Fault, began: float, *, fair: bool) -> None:
    """Tell the circuit. A timeout speaks against a server only if that was given a `fair` part of the deadline."""
    if fault is Fault.ADDRESS or (fault is Fault.TIMEOUT and not fair):
        circuit.record(None, began)
    else:
        circuit.record(not fault.says_down, began)


def _nothing_came(error: BaseException | None) -> bool:
    """Whether the connection was reset or closed, and not in the middle of a body (that error comes from urllib3 alone)."""
    if not isinstance(error, requests.ConnectionError):
        return False
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ConnectionError):
            return not isinstance(inner, ConnectionRefusedError)
        inner = inner.__cause__ or inner.__context__
    return False


def _check_answer(response: requests.Response) -> None:
    status = response.status_code
    if status != 200:
        fault = STATUS.get(status) or CLASS.get(status // 100, Fault.NOT_FHIR)
        raise _PassingError(fault, response.headers.get("Retry-After")) if status in PASSING else RefusedError(fault)
    kind, *parameters = (part.strip().lower() for part in response.headers.get("Content-Type", "").split(";"))
    charsets = [part.partition("=")[2].strip(' "') for part in parameters if part.startswith("charset")]
    if (
        kind not in ACCEPTED
        or any(charset not in CHARSETS for charset in charsets)
        or response.headers.get("Content-Encoding", "identity").lower() != "identity"
    ):
        raise RefusedError(Fault.NOT_FHIR)


def _read_all(raw: urllib3.response.BaseHTTPResponse, until: float, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if time.monotonic() >= until:
            raise RefusedError(Fault.TIMEOUT)
        chunk = raw.read1(CHUNK)
        if not chunk:
            return b"".join(chunks)
        size += len(chunk)
        if size > most:
            raise RefusedError(Fault.TOO_MUCH)
        chunks.append(chunk)


def _split(url: str) -> SplitResult:
    """A URL that means one thing only: http(s), a host, no user, query only where searches have one, no odd characters."""
    if not url.isascii() or any(char <= " " or char in "\\\x7f" for char in url):
        raise RefusedError(Fault.ADDRESS)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedError(Fault.ADDRESS) from error
    host = parts.hostname or ""
    if parts.scheme not in PORTS or not host or "@" in parts.netloc or "%" in parts.netloc or parts.fragment or port == 0:
        raise RefusedError(Fault.ADDRESS)
    if parts.scheme == "http" and not is_loopback(host):
        raise RefusedError(Fault.ADDRESS)
    name = f"[{host}]" if ":" in host else host
    netloc = name if port in (None, PORTS[parts.scheme]) else f"{name}:{port}"
    return parts._replace(netloc=netloc)


def _join(url: str, link: str) -> str:
    try:
        return urljoin(url, link)
    except ValueError as error:
        raise RefusedError(Fault.ELSEWHERE) from error


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from adding credentials of its own."""
    return request
