"""The page at `/suppressed`: which cards do not come for a user and patient because they were dismissed; each can be let through."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.app import Parts
from cds_hooks.body import read_body
from cds_hooks.clients import Caller
from cds_hooks.envelope import Context, read_model
from cds_hooks.errors import BadRequest, ServiceError, StorageUnavailable
from cds_hooks.pages.page import Pages
from cds_hooks.suppressed import Lift, SuppressedCards, describe
from cds_hooks.suppression import Held, Whose
from rules.knowledge import Knowledge

__all__ = ["SuppressedPage"]

FORM_BYTES = 16_384
UNREADABLE = "This cannot be read: a patient id as in FHIR, and a user such as Practitioner/123."
NO_STORAGE = "Storage is not available now, so nothing is held back and nothing can be shown. Please try again."


@dataclass(frozen=True, slots=True)
class SuppressedPage:
    """Forms post to the page itself; ids never stand in an address."""

    parts: Parts
    knowledge: Knowledge
    pages: Pages

    async def ask(self, request: Request) -> Response:
        """GET /suppressed: the empty form."""
        await self.parts.clients.identify(request)
        return self.pages.html("suppressed.html", found=None, trouble="", done=False, who=None)

    async def show(self, request: Request) -> Response:
        """POST /suppressed/page: the list; with `card`, that one is let through first."""
        caller = await self.parts.clients.identify(request)
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise BadRequest
        try:
            return await self._show(request, caller)
        except StorageUnavailable as error:
            return self._trouble(NO_STORAGE, error)
        except BadRequest as error:
            return self._trouble(UNREADABLE, error)

    async def _show(self, request: Request, caller: Caller) -> Response:
        body = await read_body(request, FORM_BYTES, self.parts.settings.body_timeout_s)
        try:
            given = {name: values[0].strip() for name, values in parse_qs(body.decode(), max_num_fields=5).items()}
        except ValueError:
            raise BadRequest from None
        asked = read_model(Lift if "card" in given else Context, given)
        who = Whose(caller.id, asked.patient_id, asked.user_id)
        cards = SuppressedCards(self.parts.settings, self.parts.clients, self.parts.suppression)
        done = isinstance(asked, Lift) and await cards.let_through(who, asked.card)
        found = [self._row(one) for one in await cards.listed(who)]
        return self.pages.html("suppressed.html", found=found, trouble="", done=done, who=who)

    def _row(self, held: Held) -> dict[str, object]:
        rules = [self.knowledge.rule(name) for name, _ in held.dismissal.rules]
        return {**describe(held), "titles": [rule.title for rule in rules if rule is not None]}

    def _trouble(self, text: str, error: ServiceError) -> Response:
        return self.pages.html("suppressed.html", error.status, found=None, trouble=text, done=False, who=None)
