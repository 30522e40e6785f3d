"""Who may call. Version 1 knows one way, open mode on a loopback address; the client registry with its JWT checks plugs in here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request

from cds_hooks.errors import NotAuthenticated, SettingsError
from cds_hooks.settings import Settings, is_loopback

__all__ = ["Caller", "Clients", "OpenMode", "clients"]

HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::[0-9]{1,5})?", re.IGNORECASE)
UNSAFE = (
    "NMCDS_HOST: without a client registry the service has no authentication and listens on a loopback address only "
    "(127.0.0.1, ::1 or localhost)"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `id` for the audit, and the FHIR servers that this caller may name besides those of the settings."""

    id: str
    fhir_servers: tuple[str, ...] = ()


class Clients(Protocol):
    """Decides from a request's head who calls. The body is not read before this."""

    async def identify(self, request: Request) -> Caller:
        """The caller of this request; raises NotAuthenticated (401) without detail."""
        ...


@dataclass(frozen=True, slots=True)
class OpenMode:
    """No authentication, for one machine only. The Host header must be a loopback name or the public host of the settings, so
    that a web page cannot reach the service by pointing its own name at this machine."""

    public_host: str = ""

    async def identify(self, request: Request) -> Caller:
        """Anyone on this machine."""
        found = HOST.fullmatch(request.headers.get("host", ""))
        if found is None or not (is_loopback(found[1]) or found[1] == self.public_host):
            raise NotAuthenticated
        return Caller("open")


def clients(settings: Settings) -> Clients:
    """The way that the settings ask for; raises SettingsError where none is safe."""
    if settings.registry_file is not None:
        raise SettingsError(["NMCDS_REGISTRY_FILE: a client registry is not yet supported in this version; use a loopback address"])
    if not settings.loopback:
        raise SettingsError([UNSAFE])
    return OpenMode(urlsplit(settings.url).hostname or "")
