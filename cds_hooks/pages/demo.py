"""The demo EHR at `/`: a chart, hooks to fire, orders to write. The browser calls the service itself; this only prepares and shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.app import Parts
from cds_hooks.body import check_media_type, parse_json, read_body
from cds_hooks.bundles import MalformedError
from cds_hooks.errors import BadJson, BadRequest, NotFound
from cds_hooks.pages.answer import cards, problems, suppressed
from cds_hooks.pages.chart import chart
from cds_hooks.pages.orders import Catalogue, catalogue, draft
from cds_hooks.pages.page import Pages
from cds_hooks.pages.people import Group, groups
from cds_hooks.pages.record import OpenRecord, from_bundle, from_fixture, prefetch
from cds_hooks.pages.why import explain
from fhir_fixtures import patient, patient_names
from rules.knowledge import Knowledge

__all__ = ["Demo"]

USER = "Practitioner/dr-example"
SCRIPT_SAFE = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))  # JSON that may stand inside an HTML element


@dataclass(frozen=True, slots=True)
class Demo:
    """Everything the demo pages need; the lists are made once, an invented patient is read when the chart is opened."""

    parts: Parts
    knowledge: Knowledge
    pages: Pages
    clock: Callable[[], datetime]
    names: frozenset[str]
    people: tuple[Group, ...]
    catalogue: Catalogue

    @classmethod
    def load(cls, parts: Parts, knowledge: Knowledge, pages: Pages, clock: Callable[[], datetime]) -> Demo:
        """Read the invented patients, and list them and what can be ordered."""
        names = patient_names()
        terminology = knowledge.terminology
        return cls(parts, knowledge, pages, clock, frozenset(names), groups(map(patient, names), terminology), catalogue(terminology))

    async def open_chart(self, request: Request) -> Response:
        """GET /: the list of patients, and one chart when `patient` names it."""
        await self.parts.clients.identify(request)
        name = request.query_params.get("patient", "")
        if not name:
            return self._page(None)
        if name not in self.names:
            return self._page(None, status=404, trouble="There is no invented patient of that name. Choose one from the list.")
        return self._page(from_fixture(patient(name).moved_to(self.clock().date())), chosen=name)

    async def paste(self, request: Request) -> Response:
        """POST /: the chart of a pasted Bundle; it is shown, not kept."""
        await self.parts.clients.identify(request)
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise BadRequest
        settings = self.parts.settings
        body = await read_body(request, settings.body_limit_bytes, settings.body_timeout_s)
        try:
            text = parse_qs(body.decode(), max_num_fields=10).get("bundle", [""])[0]
        except ValueError:
            raise BadRequest from None
        try:
            return self._page(from_bundle(parse_json(text.encode())), pasted=text)
        except BadJson as error:
            trouble = error.problems[0].message if error.problems else error.text
        except (MalformedError, UnicodeEncodeError) as error:
            trouble = f"{error.path}: {error.message}" if isinstance(error, MalformedError) else "not valid Unicode"
        return self._page(None, status=400, trouble=f"This Bundle could not be read: {trouble}.", pasted=text)

    async def draft(self, request: Request) -> Response:
        """GET /demo/draft: an order, problem or appointment from the catalogue as a FHIR resource."""
        await self.parts.clients.identify(request)
        asked = request.query_params
        found = draft(
            asked.get("kind", ""), asked.get("concept", ""), asked.get("route", ""), asked.get("patient", ""), self.knowledge.terminology
        )
        if found is None:
            raise NotFound
        return Response(orjson.dumps(found), media_type="application/fhir+json")

    async def show(self, request: Request) -> Response:
        """POST /demo/cards: an answer of the service as HTML, with the why of each card."""
        await self.parts.clients.identify(request)
        check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
        data = parse_json(await read_body(request, 2 * self.parts.settings.body_limit_bytes, self.parts.settings.body_timeout_s))
        if not isinstance(data, dict) or not isinstance(data.get("request"), dict) or not isinstance(data.get("answer"), dict):
            raise BadRequest.at("request", "expected the request and the answer of one call")
        status, answer = data.get("status"), data["answer"]
        if status != 200:
            return self.pages.html("error_part.html", status=200, number=status, problems=problems(answer))
        why = await explain(self.knowledge, self.parts.services, data["request"], self.clock())
        gaps = [(self.knowledge.in_words(gap.what), gap.why) for gap in why.not_checked]
        shown = cards(answer, why, self.knowledge.in_words)
        return self.pages.html("cards_part.html", cards=shown, gaps=gaps, suppressed=suppressed(answer))

    def _page(self, opened: OpenRecord | None, *, status: int = 200, chosen: str = "", trouble: str = "", pasted: str = "") -> Response:
        return self.pages.html(
            "demo.html",
            status,
            groups=self.people,
            chosen=chosen,
            trouble=trouble,
            pasted=pasted,
            opened=opened,
            chart=chart(opened, self.clock().date()) if opened else None,
            catalogue=self.catalogue,
            data=_embedded(self._session(opened)) if opened else None,
        )

    def _session(self, opened: OpenRecord) -> Mapping[str, object]:
        """What the page's modules need to build requests as an EHR would."""
        found = self.parts.services.values()
        return {
            "patient": opened.patient,
            "user": USER,
            "encounter": opened.encounter,
            "services": {one.hook: {"id": one.id, "keys": list(one.types)} for one in found},
            "prefetch": prefetch(opened, found),
            "drafts": [item.resource for item in opened.drafts],
        }


def _embedded(value: object) -> str:
    text = orjson.dumps(value)
    for sign, escaped in SCRIPT_SAFE:
        text = text.replace(sign, escaped)
    return text.decode()
