"""The second door to the network: JWK Sets from the addresses that the client registry pins, and nothing else.

An address comes from the registry, never from a token. https only, connected to as checked (`connecting.CheckedAdapter`), no
redirect, no proxy, no cookie, no credentials; a small answer within one second, or none.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
import urllib3

from cds_hooks.body import check_media_type, parse_json
from cds_hooks.connecting import checked_session
from cds_hooks.errors import BadJson, NotJson
from cds_hooks.faults import RefusedError
from cds_hooks.settings import Settings

__all__ = ["FetchFailedError", "KeyFetcher"]

DEADLINE_S = 1.0
LIMIT_BYTES = 256 * 1024
CHUNK = 16384
ACCEPT = "application/jwk-set+json, application/json"


class FetchFailedError(Exception):
    """No set was read; `kind` is one of address, connection, content, size, status, time."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class KeyFetcher:
    """One requests Session and two threads of a process."""

    def __init__(self, settings: Settings, *, resolve: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="keys")
        self._session = checked_session(settings, resolve)
        self._session.adapters.pop("http://")

    async def fetch(self, url: str) -> object:
        """The JSON at a pinned address; raises FetchFailedError, always within about a second."""
        running = asyncio.get_running_loop().run_in_executor(self._pool, self._get, url, time.monotonic() + DEADLINE_S)
        try:
            return await asyncio.wait_for(running, DEADLINE_S + 0.2)  # a name that does not resolve can hold a thread for longer
        except TimeoutError:
            raise FetchFailedError("time") from None

    def close(self) -> None:
        """Stop taking work."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    def _get(self, url: str, until: float) -> object:
        left = until - time.monotonic()
        headers = {"Accept": ACCEPT, "Accept-Encoding": "identity"}
        try:
            with self._session.get(url, headers=headers, timeout=(left, left), stream=True, allow_redirects=False) as response:
                if response.status_code != 200:
                    raise FetchFailedError("status")
                check_media_type(response.headers.get("Content-Type"), response.headers.get("Content-Encoding"))
                return parse_json(_read_all(response.raw, until))
        except RefusedError as error:
            raise FetchFailedError("address") from error
        except (BadJson, NotJson) as error:
            raise FetchFailedError("content") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise FetchFailedError("time" if time.monotonic() >= until else "connection") from error


def _read_all(raw: urllib3.response.BaseHTTPResponse, until: float) -> bytes:
    body = b""
    while chunk := raw.read1(CHUNK):
        body += chunk
        if len(body) > LIMIT_BYTES:
            raise FetchFailedError("size")
        if time.monotonic() >= until:
            raise FetchFailedError("time")
    return body
