"""The knowledge as FHIR R4 resources under /fhir: read and search (R4 3.1.0), the same for everybody, no patient in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.errors import NotFound
from rules.knowledge import Knowledge
from rules.publish.code_system import code_system
from rules.publish.library import library
from rules.publish.plan_definition import Json, plan_definition, published_rules
from rules.publish.questionnaires import questionnaires
from rules.publish.value_set import names_read, value_set

__all__ = ["Artefacts", "artefacts", "capability"]

MEDIA_TYPE = "application/fhir+json"
PARAMETERS = ("_id", "url", "name", "status")
PAGE = 50
MOST = 500


def artefacts(knowledge: Knowledge, base_url: str) -> dict[str, dict[str, Json]]:
    """Every resource by type and id."""
    makers: Mapping[str, Callable[[], list[Json]]] = {
        "CodeSystem": lambda: [code_system(knowledge)],
        "Library": lambda: [library(knowledge)],
        "PlanDefinition": lambda: [plan_definition(knowledge, rule, base_url) for rule in published_rules(knowledge)],
        "Questionnaire": lambda: list(questionnaires(knowledge).values()),
        "ValueSet": lambda: [value_set(knowledge, name) for name in names_read(knowledge)],
    }
    return {kind: {str(one["id"]): one for one in make()} for kind, make in makers.items()}


def capability(kinds: tuple[str, ...], version: str, base_url: str) -> Json:
    """The CapabilityStatement (R4 13.1) of these read-only resources."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-26",
        "kind": "instance",
        "software": {"name": "neuromuscular-cds", "version": version},
        "implementation": {"description": "The knowledge of neuromuscular-cds, read only", "url": f"{base_url}/fhir"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [
                            {"name": name, "type": "uri" if name == "url" else "string" if name == "name" else "token"}
                            for name in PARAMETERS
                        ],
                    }
                    for kind in kinds
                ],
            }
        ],
    }


@dataclass(slots=True)
class Artefacts:
    """GET /fhir/metadata, /fhir/{kind} and /fhir/{kind}/{id}. Made when first asked for: few sites ever do."""

    knowledge: Knowledge
    base_url: str
    _made: dict[str, dict[str, Json]] | None = None

    async def _all(self) -> dict[str, dict[str, Json]]:
        if self._made is None:
            self._made = await asyncio.to_thread(artefacts, self.knowledge, self.base_url)
        return self._made

    async def metadata(self, _request: Request) -> Response:
        """The CapabilityStatement."""
        return _answer(capability(tuple(await self._all()), self.knowledge.version, self.base_url))

    async def read(self, request: Request) -> Response:
        """One resource; raises NotFound."""
        found = (await self._all()).get(request.path_params["kind"], {}).get(request.path_params["id"])
        if found is None:
            raise NotFound
        return _answer(found)

    async def search(self, request: Request) -> Response:
        """A searchset: `_id`, `url`, `status` exactly, `name` from the beginning of name or title; `_count` and `_offset` page."""
        kind = request.path_params["kind"]
        if kind not in (known := await self._all()):
            raise NotFound
        wanted = {name: request.query_params[name] for name in PARAMETERS if name in request.query_params}
        found = [one for one in known[kind].values() if all(_matches(one, name, value) for name, value in wanted.items())]
        count, start = _number(request, "_count", PAGE), _number(request, "_offset", 0)
        count = min(count, MOST)
        link = [{"relation": "self", "url": f"{self.base_url}/fhir/{kind}?{urlencode({**wanted, '_count': count, '_offset': start})}"}]
        if start + count < len(found) and count:
            following = urlencode({**wanted, "_count": count, "_offset": start + count})
            link.append({"relation": "next", "url": f"{self.base_url}/fhir/{kind}?{following}"})
        entries = [
            {"fullUrl": f"{self.base_url}/fhir/{kind}/{one['id']}", "resource": one, "search": {"mode": "match"}}
            for one in found[start : start + count]
        ]
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": link}
        return _answer({**bundle, **({"entry": entries} if entries else {})})


def _answer(resource: Json) -> Response:
    return Response(orjson.dumps(resource), media_type=MEDIA_TYPE)


def _matches(resource: Json, name: str, value: str) -> bool:
    if name == "name":
        return any(str(resource.get(key, "")).lower().startswith(value.lower()) for key in ("name", "title"))
    return str(resource.get(name.removeprefix("_"))) == value


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default
