"""The one door to the network: FHIR reads and searches with the caller's token, inside one deadline.

`fhirServer` comes from the caller, so it is a request to make requests. It is refused unless it is listed in the settings or, in
open mode, a loopback address; the address is resolved once, checked, and connected to as checked; redirects are refused and
`next` links stay on the same origin. The token goes to that origin only and is kept nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cds_hooks.body import parse_json
from cds_hooks.bundles import MalformedError, Page, read_page
from cds_hooks.errors import BadJson
from cds_hooks.settings import Settings, is_loopback

__all__ = ["Access", "Answer", "FhirClient", "FhirReader", "RefusedError"]

ACCEPT = "application/fhir+json; fhirVersion=4.0, application/json;q=0.9"
ACCEPTED = ("application/fhir+json", "application/json", "text/json")
PORTS = {"http": 80, "https": 443}
CHUNK = 65536
TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))  # they stand for IPv4 addresses
SLOW = "the FHIR server did not answer in time"
ELSEWHERE = "the FHIR server is not one that this service may call"
BROKEN = "the FHIR server could not be read"
STATUS = {401: "the FHIR server refused access", 403: "the FHIR server refused access", 429: "the FHIR server is overloaded"}


class RefusedError(Exception):
    """Not allowed or not possible; `reason` is in words for a clinician and holds nothing that was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Access:
    """A FHIR base URL that was checked, and the token for it."""

    base: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Pages that were read; `reason` says why they are not all, None when they are."""

    pages: tuple[Page, ...] = ()
    reason: str | None = None


class FhirReader(Protocol):
    """What `gathering` needs of the network; tests bring their own."""

    @property
    def pool(self) -> ThreadPoolExecutor:
        """Threads for `read`."""
        ...

    def check(self, server: str, listed: tuple[str, ...], token: str) -> Access:
        """Whether this server may be called; raises RefusedError without any connection."""
        ...

    def read(self, access: Access, query: str, until: float) -> Answer:
        """Read or search; never raises, never goes on after `until` (time.monotonic)."""
        ...


class FhirClient:
    """One requests Session for all threads of a process; `close` ends its threads and connections."""

    def __init__(self, settings: Settings, *, resolve: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        self._settings = settings
        self.pool = ThreadPoolExecutor(settings.fetch_workers, thread_name_prefix="fhir")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.clear()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.verify = str(settings.fhir_ca_file) if settings.fhir_ca_file else True
        adapter = CheckedAdapter(settings, resolve)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Stop taking work; threads that still read end with their deadline."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    def check(self, server: str, listed: tuple[str, ...], token: str) -> Access:
        """A listed base URL exactly, or loopback in open mode; raises RefusedError."""
        parts = _split(server)
        if parts.query:
            raise RefusedError(ELSEWHERE)
        base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
        if base in {f"{s.scheme}://{s.netloc}{s.path}".rstrip("/") for s in map(_split, (*self._settings.fhir_servers, *listed))}:
            return Access(base, token)
        if self._settings.loopback and is_loopback(parts.hostname or ""):
            return Access(base, token)
        raise RefusedError(ELSEWHERE)

    def read(self, access: Access, query: str, until: float) -> Answer:
        """Follow a query (or an absolute `next` link) to its last page; what was read comes back even when the rest did not."""
        pages: list[Page] = []
        url: str | None = query if "://" in query else f"{access.base}/{query}"
        seen: set[str] = set()
        budget = self._settings.fetch_limit_bytes
        resources = 0
        try:
            while url is not None:
                if url in seen or len(seen) >= self._settings.fetch_pages or resources > self._settings.fetch_resources:
                    raise RefusedError("the FHIR server has more data than this service reads")
                seen.add(url)
                parts = _split(url)
                if _origin(parts) != _origin(_split(access.base)):
                    raise RefusedError("the FHIR server pointed to another server")
                body = self._get(parts, access.token, until, budget)
                budget -= len(body)
                page = read_page(parse_json(body), "answer")
                pages.append(page)
                resources += len(page.items)
                url = None if page.next_url is None else urljoin(url, page.next_url)
        except RefusedError as error:
            return Answer(tuple(pages), error.reason)
        except (BadJson, MalformedError):
            return Answer(tuple(pages), "the FHIR server answered with something other than FHIR JSON")
        return Answer(tuple(pages))

    def _get(self, url: SplitResult, token: str, until: float, budget: int) -> bytes:
        headers = {"Accept": ACCEPT, "Accept-Encoding": "identity", "Host": url.netloc}
        if token:  # a terminology server is asked without one
            headers["Authorization"] = f"Bearer {token}"
        left = until - time.monotonic()
        if left <= 0:
            raise RefusedError(SLOW)
        try:
            with self._session.get(
                url.geturl(), headers=headers, auth=_no_auth, timeout=(left, left), stream=True, allow_redirects=False
            ) as response:
                self._check_answer(response)
                return _read_all(response.raw, until, budget)
        except (requests.Timeout, TimeoutError, urllib3.exceptions.TimeoutError) as error:
            raise RefusedError(SLOW) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise RefusedError(SLOW if time.monotonic() >= until else BROKEN) from error

    @staticmethod
    def _check_answer(response: requests.Response) -> None:
        if response.status_code != 200:
            raise RefusedError(STATUS.get(response.status_code, "the FHIR server reported an error"))
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind not in ACCEPTED or response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RefusedError("the FHIR server answered with something other than FHIR JSON")


class CheckedAdapter(HTTPAdapter):
    """Connects only to addresses that were looked at: resolved once, checked, then used as they are, with the name kept for TLS."""

    def __init__(self, settings: Settings, resolve: Callable[..., list[Any]]) -> None:
        self._settings = settings
        self._resolve = resolve
        super().__init__(pool_connections=8, pool_maxsize=settings.fetch_workers, max_retries=0, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - signature of requests
        """Use connections that can be cut off."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": CutOffPool, "https": CutOffTlsPool}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:  # noqa: ANN401 - signature of requests
        """Put the checked address in place of the host name; requests calls this for every request."""
        host_params, pool_kwargs = super().build_connection_pool_key_attributes(request, verify, cert)
        host = str(host_params["host"])
        scheme = host_params["scheme"]
        address = self._address(host, host_params["port"] or PORTS[scheme])
        names: dict[str, object] = {}
        if scheme == "https":
            names["assert_hostname"] = host
            if not _is_address(host):
                names["server_hostname"] = host
        return {**host_params, "host": address}, {**pool_kwargs, **names}

    def _address(self, host: str, port: int) -> str:
        try:
            found = {str(row[4][0]) for row in self._resolve(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError) as error:
            raise requests.ConnectionError("name not resolved") from error
        local = is_loopback(host)
        if not found or not all(self._may_connect(address, local) for address in found):
            raise RefusedError(ELSEWHERE)
        return min(found, key=lambda address: (":" in address, address))

    def _may_connect(self, text: str, local: bool) -> bool:
        try:
            address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id or address.sixtofour or address.teredo or any(address in network for network in TRANSLATED):
                return False
            address = address.ipv4_mapped or address
        if local:
            return address.is_loopback
        if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
            return False
        return address.is_global or self._settings.fhir_private


@contextmanager
def _cut_off(connection: HTTPConnection, seconds: float | None) -> Iterator[None]:
    """Shut the socket when the time is over: socket timeouts count from the last byte, so a dripping peer never meets them."""

    def cut() -> None:
        sock = connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                sock.close()

    timer = threading.Timer(seconds if seconds is not None else 30, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class CutOffConnection(HTTPConnection):
    """Connecting and the head of the answer each end after the timeout as a whole."""

    def connect(self) -> None:
        """Open the connection."""
        with _cut_off(self, self.timeout):
            super().connect()

    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]
        """Read the head of the answer."""
        with _cut_off(self, self.sock.gettimeout() if self.sock else None):
            return super().getresponse()


class CutOffTlsConnection(HTTPSConnection):
    """The same over TLS, the handshake included."""

    def connect(self) -> None:
        """Open the connection and shake hands."""
        with _cut_off(self, self.timeout):
            super().connect()

    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]
        """Read the head of the answer."""
        with _cut_off(self, self.sock.gettimeout() if self.sock else None):
            return super().getresponse()


class CutOffPool(HTTPConnectionPool):
    """Pool of connections that can be cut off."""

    ConnectionCls = CutOffConnection


class CutOffTlsPool(HTTPSConnectionPool):
    """Pool of TLS connections that can be cut off."""

    ConnectionCls = CutOffTlsConnection


def _read_all(raw: urllib3.response.BaseHTTPResponse, until: float, budget: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if time.monotonic() >= until:
            raise RefusedError(SLOW)
        chunk = raw.read1(CHUNK)
        if not chunk:
            return b"".join(chunks)
        size += len(chunk)
        if size > budget:
            raise RefusedError("the FHIR server has more data than this service reads")
        chunks.append(chunk)


def _split(url: str) -> SplitResult:
    """A URL that means one thing only: http(s), a host, no user, query only where searches have one, no odd characters."""
    if not url.isascii() or any(char <= " " or char in "\\\x7f" for char in url):
        raise RefusedError(ELSEWHERE)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedError(ELSEWHERE) from error
    host = parts.hostname or ""
    if parts.scheme not in PORTS or not host or "@" in parts.netloc or "%" in parts.netloc or parts.fragment or port == 0:
        raise RefusedError(ELSEWHERE)
    if parts.scheme == "http" and not is_loopback(host):
        raise RefusedError(ELSEWHERE)
    name = f"[{host}]" if ":" in host else host
    netloc = name if port in (None, PORTS[parts.scheme]) else f"{name}:{port}"
    return parts._replace(netloc=netloc)


def _origin(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, parts.netloc


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from adding credentials of its own."""
    return request
