"""What is held back for one user and patient, and letting it through again: `POST /suppressed`, `POST /suppressed/lift`.

Ids come in the body, never in an address, which proxies and browsers log. The caller sees its own system's dismissals only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.body import check_media_type, parse_json, read_body
from cds_hooks.clients import Clients
from cds_hooks.envelope import Context, read_model
from cds_hooks.errors import NotFound
from cds_hooks.observe import log_event
from cds_hooks.settings import Settings
from cds_hooks.store.moment import moment
from cds_hooks.suppression import Held, Suppression, Whose

__all__ = ["Lift", "SuppressedCards", "describe"]


class Lift(Context):
    """`card` is the id of an entry of POST /suppressed."""

    card: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class SuppressedCards:
    """Both endpoints; the page at /suppressed uses `listed` and `let_through` too."""

    settings: Settings
    clients: Clients
    suppression: Suppression

    def mount(self, app: FastAPI) -> None:
        """Add both to the service; endpoints are functions, for Starlette takes a callable object for an ASGI application."""

        async def show(request: Request) -> Response:
            return await self.show(request)

        async def lift(request: Request) -> Response:
            return await self.lift(request)

        app.add_route("/suppressed", show, methods=["POST"])
        app.add_route("/suppressed/lift", lift, methods=["POST"])

    async def show(self, request: Request) -> Response:
        """The cards that this user dismissed for this patient and that do not come now. Raises StorageUnavailable."""
        caller = await self.clients.identify(request)
        asked = read_model(Context, await self._json(request))
        found = await self.listed(Whose(caller.id, asked.patient_id, asked.user_id))
        return Response(orjson.dumps({"suppressed": [describe(one) for one in found]}), media_type="application/json")

    async def lift(self, request: Request) -> Response:
        """Let one through again. Raises NotFound when it is not held back, StorageUnavailable."""
        caller = await self.clients.identify(request)
        asked = read_model(Lift, await self._json(request))
        if not await self.let_through(Whose(caller.id, asked.patient_id, asked.user_id), asked.card):
            raise NotFound
        return Response(b'{"lifted":true}', media_type="application/json")

    async def listed(self, who: Whose) -> list[Held]:
        """The latest dismissal first."""
        found = await self.suppression.database.use(self._wait_s, self.suppression.in_force, who)
        return list(found.held.values())

    async def let_through(self, who: Whose, card: str) -> bool:
        """Whether it was held back until now."""
        found = await self.suppression.database.use(self._wait_s, self.suppression.lift, who, card)
        if found:
            log_event("suppression-lifted")
        return found

    @property
    def _wait_s(self) -> float:
        return 2 * self.settings.database_timeout_s + 1

    async def _json(self, request: Request) -> object:
        check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
        return parse_json(await read_body(request, self.settings.body_limit_bytes, self.settings.body_timeout_s))


def describe(held: Held) -> dict[str, object]:
    """One entry as JSON: no patient, no user."""
    told = held.dismissal
    found: dict[str, object] = {
        "card": told.fingerprint,
        "rules": [{"id": name, "version": version} for name, version in told.rules],
        "indicator": told.indicator,
        "dismissed": moment(told.at),
        "until": moment(held.until),
        "heldBack": told.held_back,
    }
    if told.last is not None:
        found["lastHeldBack"] = moment(told.last)
    if told.reason_code:
        found["reason"] = {"code": told.reason_code, "system": told.reason_system}
    return found
