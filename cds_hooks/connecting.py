"""Connections that go only where they may: the address is resolved once, checked, and connected to as checked.

Used by every part that talks to another machine (`fhir_client` and whatever fetches keys). A session made here follows no redirect,
keeps no cookie, knows no proxy and no .netrc; a connection ends when its time is over, however slowly its peer drips.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cds_hooks.faults import Fault, RefusedError
from cds_hooks.settings import Settings, is_loopback
from cds_hooks.time_limit import TimeLimits

__all__ = ["PORTS", "CheckedAdapter", "checked_session", "is_address"]

PORTS = {"http": 80, "https": 443}
LIMITS = TimeLimits()
# Networks whose addresses stand for others: NAT64 (RFC 6052, RFC 8215), 6to4 relays (RFC 7526). 6to4 and Teredo are asked for by name.
TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "192.88.99.0/24")))
# Where clouds answer with the credentials of the machine, besides 169.254.169.254, which is link-local: AWS over IPv6, Alibaba, Azure,
# Oracle. Two of them count as public or private addresses like any other.
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")))


class CheckedSession(requests.Session):
    """requests reads the whole body of a redirect, without limit, even when it is told not to follow: here no answer is a redirect."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


def checked_session(settings: Settings, resolve: Callable[..., list[Any]] = socket.getaddrinfo) -> requests.Session:
    """A session for all threads of a process."""
    session = CheckedSession()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.verify = str(settings.fhir_ca_file) if settings.fhir_ca_file else True
    adapter = CheckedAdapter(settings, resolve)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


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
            if not is_address(host):
                names["server_hostname"] = host
        return {**host_params, "host": address}, {**pool_kwargs, **names}

    def _address(self, host: str, port: int) -> str:
        try:
            found = {str(row[4][0]) for row in self._resolve(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError) as error:
            raise requests.ConnectionError("name not resolved") from error
        local = is_loopback(host)
        if not found or not all(self._may_connect(address, local) for address in found):
            raise RefusedError(Fault.ADDRESS)
        return min(found, key=lambda address: (":" in address, address))

    def _may_connect(self, text: str, local: bool) -> bool:
        try:
            address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id or address.sixtofour or address.teredo or address.is_site_local:
                return False
            address = address.ipv4_mapped or address
        if local:
            return address.is_loopback
        if address in METADATA or any(address in network for network in TRANSLATED):
            return False
        if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
            return False
        return address.is_global or self._settings.fhir_private


def _cut_off(connection: HTTPConnection, seconds: float | None) -> AbstractContextManager[None]:
    """Shut the socket when the time is over: socket timeouts count from the last byte, so a dripping peer never meets them."""

    def cut() -> None:
        sock = connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                sock.close()

    return LIMITS.within(seconds if seconds is not None else 30, cut)


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


def is_address(host: str) -> bool:
    """Whether `host` is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
