"""Requests of an export, through the checked connections of `connecting`: no redirects, no proxies, no cookies, only listed origins.

An export's addresses come from the server: where to ask for its state, where the files are. Each must be on the origin of the FHIR base or
on one that the settings list; the token goes to the origin of the base only.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3

from cds_hooks.body import JsonObject, parse_json
from cds_hooks.commands.output import Exit, StopError
from cds_hooks.connecting import checked_session
from cds_hooks.errors import BadJson
from cds_hooks.fhir_client import FhirClient, RefusedError
from cds_hooks.settings import Settings, is_loopback

__all__ = ["Door", "TryAgainError", "origin", "retry_after"]

CONNECT_S, SILENCE_S = 10, 60
BODY_LIMIT = 64 * 1024 * 1024  # bytes of a manifest
CHUNK = 1 << 20
LISTED = "Add it to NMCDS_FHIR_SERVERS (https; loopback works without). A redirect is never followed."


class TryAgainError(Exception):
    """It did not work this time; `wait` is for how many seconds the server asked, None when it did not."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class Door:
    """One session for one export. `base` is the FHIR base URL after its check; raises StopError when it may not be called."""

    def __init__(self, settings: Settings, server: str, *, resolve: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        checker = FhirClient(settings)
        try:
            self.base = checker.check(server, (), "").base
        except RefusedError:
            raise StopError(Exit.USAGE, f"{server}: not a FHIR server that may be called", LISTED) from None
        finally:
            checker.close()
        self._origins = {origin(urlsplit(one)) for one in (self.base, *settings.fhir_servers)}
        self._session = checked_session(settings, resolve)

    def close(self) -> None:
        """End every connection."""
        self._session.close()

    def is_home(self, url: str) -> bool:
        """Whether an address is on the origin of the FHIR base, where the token may go."""
        return origin(urlsplit(url)) == origin(urlsplit(self.base))

    @contextmanager
    def ask(
        self, method: str, url: str, *, token: str | None = None, headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None, trusted: bool = False,
    ) -> Iterator[requests.Response]:  # fmt: skip
        """One request; the body is not read yet. `trusted`: the operator named this address. Raises StopError for an address that may not
        be called, TryAgainError when the connection failed, also while the block reads the body."""
        parts = self._check(url, trusted=trusted)
        sent = {"Accept-Encoding": "identity", "Host": parts.netloc, **(headers or {})}
        if token is not None and self.is_home(url):
            sent["Authorization"] = f"Bearer {token}"
        try:
            with self._session.request(
                method, url, headers=sent, data=form, auth=_no_auth, timeout=(CONNECT_S, SILENCE_S), stream=True, allow_redirects=False
            ) as response:
                yield response
        except RefusedError:
            raise StopError(Exit.USAGE, f"{_host(url)}: its network address may not be called", LISTED) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TryAgainError(f"{_host(url)}: the connection failed ({type(error).__name__})") from None

    def _check(self, url: str, *, trusted: bool) -> SplitResult:
        try:
            parts = urlsplit(url)
            found = origin(parts)
        except ValueError:
            parts, found = SplitResult("", "", "", "", ""), ("", "", 0)
        plain = (
            url.isascii() and not any(char <= " " or char in "\\\x7f" for char in url) and "@" not in parts.netloc and not parts.fragment
        )
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        if not (plain and safe and parts.hostname and (trusted or found in self._origins)):
            raise StopError(Exit.USAGE, f"the server points to {_host(url)}, which is not listed", LISTED)
        return parts


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port; raises ValueError for a port that is none."""
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def read_json(response: requests.Response, limit: int = BODY_LIMIT) -> JsonObject:
    """A JSON object of a response; raises TryAgainError when it is none or too long."""
    chunks: list[bytes] = []
    while chunk := response.raw.read(CHUNK, decode_content=True):
        chunks.append(chunk)
        if sum(map(len, chunks)) > limit:
            raise TryAgainError("the server's answer is too long")
    try:
        value = parse_json(b"".join(chunks))
    except BadJson:
        value = None
    if not isinstance(value, dict):
        raise TryAgainError("the server answered with something other than a JSON object")
    return value


def retry_after(response: requests.Response) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110 10.2.3); None without a usable one."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _host(url: str) -> str:
    """Where an address leads, without what it carries."""
    try:
        return urlsplit(url).hostname or "an address without a host"
    except ValueError:
        return "an address that is none"


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from adding credentials of its own."""
    return request
