"""Who may call: anyone on this machine in open mode, or the clients of the registry, each with a signed token for each call."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request

from cds_hooks.allowance import Allowance
from cds_hooks.errors import NotAuthenticated, SettingsError
from cds_hooks.jwt_auth import Reason, Refused, check_claims, check_header, choose_client, read_token, verify
from cds_hooks.key_fetcher import KeyFetcher
from cds_hooks.key_ring import KeyRing
from cds_hooks.observe import Metrics, log_event
from cds_hooks.registry import Client, RegistryError, load_registry
from cds_hooks.replay import Used
from cds_hooks.settings import Settings, is_loopback
from cds_hooks.store.database import Database

__all__ = ["Caller", "Clients", "OpenMode", "Registered", "callers", "clients"]

HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::[0-9]{1,5})?", re.IGNORECASE)
UNSAFE = (
    "NMCDS_HOST: without a client registry the service has no authentication and listens on a loopback address only "
    "(127.0.0.1, ::1 or localhost)"
)
NO_ADDRESS = (
    "NMCDS_BASE_URL: with a client registry expected the https address that callers use, because each token names the endpoint it is for"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `id` for the audit, the FHIR servers it may name besides those of the settings, its services (None: all), its limits."""

    id: str
    fhir_servers: tuple[str, ...] = ()
    services: tuple[str, ...] | None = None
    allowance: Allowance | None = None

    def may_call(self, service: str) -> bool:
        """Whether this service exists for this caller."""
        return self.services is None or service in self.services

    def place(self) -> AbstractContextManager[None]:
        """A place among this caller's calls at one time; raises TooManyCalls when all are taken."""
        return nullcontext() if self.allowance is None else self.allowance.place()


class Clients(Protocol):
    """Decides from a request's head who calls. The body is not read before this."""

    async def problems(self) -> tuple[str, ...]:
        """Why this worker should get no calls now, in words for an operator."""
        ...

    async def identify(self, request: Request) -> Caller:
        """The caller of this request; raises NotAuthenticated (401) without detail, or TooManyCalls (429)."""
        ...

    def close(self) -> None:
        """Let go of threads and connections."""
        ...


@dataclass(frozen=True, slots=True)
class OpenMode:
    """No authentication, for one machine only. The Host header must be a loopback name or the public host of the settings, so
    that a web page cannot reach the service by pointing its own name at this machine."""

    public_host: str = ""

    async def identify(self, request: Request) -> Caller:
        """Anyone on this machine."""
        hosts = request.headers.getlist("host")  # two could be read in two ways (RFC 9112, 3.2)
        found = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if found is None or not (is_loopback(found[1]) or found[1] == self.public_host):
            raise NotAuthenticated
        return Caller("open")

    async def problems(self) -> tuple[str, ...]:
        """None."""
        return ()

    def close(self) -> None:
        """Nothing to do."""


class Registered:
    """The clients of the registry (CDS Hooks 2.0.1, "Trusting CDS Clients")."""

    def __init__(
        self, found: Sequence[Client], settings: Settings, database: Database, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._clients = tuple(found)
        self._url = settings.url
        self._clock = clock
        self._metrics = metrics
        self._fetcher = KeyFetcher(settings)
        self._rings = {client.name: KeyRing(client, self._fetcher.fetch, metrics.keys_not_read.inc) for client in found}
        self._allowances = {client.name: Allowance(client.calls_per_minute, client.calls_at_once) for client in found}
        self._used = Used(database, metrics.tokens_unsafe.inc)

    async def problems(self) -> tuple[str, ...]:
        """That used tokens cannot be shared with other workers."""
        return () if await self._used.settle() else ("used tokens are remembered in this process only",)

    async def identify(self, request: Request) -> Caller:
        """The client whose token this is; refusals are told to log and metrics, never to the caller."""
        try:
            client = await self._identify(request)
        except Refused as refused:
            name = refused.client.name if refused.client else ""
            self._metrics.refused.labels(refused.reason.value).inc()
            log_event("caller-refused", logging.WARNING, reason=refused.reason.value, client=name)
            raise NotAuthenticated from None
        return Caller(client.name, client.fhir_servers, client.services, self._allowances[client.name])

    async def _identify(self, request: Request) -> Client:
        token = read_token(request.headers.getlist("authorization"))
        client = choose_client(token, self._clients)
        check_header(token, client)
        now = self._clock().timestamp()
        key = await self._rings[client.name].find(token.kid, now)
        if key is None:
            raise Refused(Reason.UNKNOWN_KEY, client)
        verify(token, key, client)
        jti, until = check_claims(token, client, self._url + request.scope["path"], now)
        self._allowances[client.name].take(now)
        if not await self._used.spend(client.issuer, jti, until, now):
            self._allowances[client.name].give_back()
            raise Refused(Reason.REPLAYED, client)
        return client

    def close(self) -> None:
        """Let go of threads and connections."""
        self._fetcher.close()
        self._used.close()


def callers(settings: Settings) -> tuple[Client, ...] | None:
    """The registered clients, None in open mode; raises SettingsError where the service would not be safe."""
    if settings.registry_file is None:
        if not settings.loopback:
            raise SettingsError([UNSAFE])
        return None
    problems = [] if settings.base_url.startswith("https://") else [NO_ADDRESS]
    try:
        found = load_registry(settings.registry_file)
    except RegistryError as error:
        raise SettingsError([*problems, *(f"NMCDS_REGISTRY_FILE: {one}" for one in error.problems)]) from None
    if problems:
        raise SettingsError(problems)
    return found


def clients(
    found: Sequence[Client] | None, settings: Settings, database: Database, metrics: Metrics, clock: Callable[[], datetime]
) -> Clients:
    """What decides about callers: the registry of `callers`, or open mode without one."""
    if found is None:
        return OpenMode(urlsplit(settings.url).hostname or "")
    return Registered(found, settings, database, metrics, clock)
