"""The knowledge as FHIR R4 resources under /fhir: read and search (R4 3.1.0), the same for everybody, no patient in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.errors import HttpProblem, NotFound
from rules.knowledge import Knowledge
from rules.publish.code_system import code_system
from rules.publish.library import library
from rules.publish.plan_definition import Json, plan_definition
from rules.publish.questionnaires import questionnaires
from rules.publish.value_set import identifier, names_read, value_set

__all__ = ["Artefacts", "artefacts", "capability"]

Makers = Mapping[str, Callable[[], Json]]

KINDS = ("CodeSystem", "Library", "PlanDefinition", "Questionnaire", "ValueSet")
MEDIA_TYPE = "application/fhir+json"
PARAMETERS = ("_id", "url", "name", "status")
PAGE = 50
MOST = 500


def artefacts(knowledge: Knowledge, base_url: str) -> dict[str, dict[str, Json]]:
    """Every resource by type and id."""
    makers = _makers(knowledge, base_url)
    return {kind: {name: make() for name, make in makers[kind]().items()} for kind in KINDS}


def _makers(knowledge: Knowledge, base_url: str) -> Mapping[str, Callable[[], Makers]]:
    """By type, how each of its resources is made: all together take a third of a second, one a millisecond."""
    return {
        "CodeSystem": lambda: _whole([code_system(knowledge)]),
        "Library": lambda: _whole([library(knowledge)]),
        "PlanDefinition": lambda: {rule.id: partial(plan_definition, knowledge, rule, base_url) for rule in knowledge.every},
        "Questionnaire": lambda: _whole(questionnaires(knowledge).values()),
        "ValueSet": lambda: {identifier(name): partial(value_set, knowledge, name) for name in names_read(knowledge)},
    }


def _whole(made: Iterable[Json]) -> Makers:
    return {str(one["id"]): partial(dict, one) for one in made}


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


@dataclass(frozen=True, slots=True)
class Artefacts:
    """GET /fhir/metadata, /fhir/{kind} and /fhir/{kind}/{id}. Each resource is made when first asked for: few sites ever do."""

    knowledge: Knowledge
    base_url: str
    _named: dict[str, Makers] = field(default_factory=dict)
    _made: dict[tuple[str, str], Json] = field(default_factory=dict)

    async def metadata(self, _request: Request) -> Response:
        """The CapabilityStatement."""
        return _answer(capability(KINDS, self.knowledge.version, self.base_url))

    async def read(self, request: Request) -> Response:
        """One resource; raises NotFound."""
        kind, name = request.path_params["kind"], request.path_params["id"]
        if name not in await self._names(kind):
            raise NotFound
        return _answer((await self._resources(kind, [name]))[0])

    async def search(self, request: Request) -> Response:
        """A searchset: `_id`, `url`, `status` exactly, `name` from the beginning of name or title; `_count` and `_offset` page.

        A comma means or, a repeated parameter and (R4 3.1.1.3); a modifier is refused (3.1.1.4). Raises HttpProblem and NotFound.
        """
        kind = request.path_params["kind"]
        names = list(await self._names(kind))
        wanted = [(name, value) for name, value in request.query_params.multi_items() if name in PARAMETERS]
        _no_modifiers(request.query_params)
        if wanted:
            names = [
                name
                for name, one in zip(names, await self._resources(kind, names), strict=True)
                if all(any(_matches(one, parameter, part) for part in value.split(",")) for parameter, value in wanted)
            ]
        count, start = _number(request, "_count", PAGE), _number(request, "_offset", 0)
        count = min(count, MOST)
        link = [{"relation": "self", "url": self._page(kind, wanted, count, start)}]
        if start + count < len(names) and count:
            link.append({"relation": "next", "url": self._page(kind, wanted, count, start + count)})
        entries = [
            {"fullUrl": f"{self.base_url}/fhir/{kind}/{one['id']}", "resource": one, "search": {"mode": "match"}}
            for one in await self._resources(kind, names[start : start + count])
        ]
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(names), "link": link}
        return _answer({**bundle, **({"entry": entries} if entries else {})})

    def _page(self, kind: str, wanted: Sequence[tuple[str, str]], count: int, start: int) -> str:
        return f"{self.base_url}/fhir/{kind}?{urlencode([*wanted, ('_count', count), ('_offset', start)])}"

    async def _names(self, kind: str) -> Makers:
        """The resources of a type by id; raises NotFound for a type that is not served."""
        if kind not in KINDS:
            raise NotFound
        if kind not in self._named:
            self._named[kind] = await asyncio.to_thread(_makers(self.knowledge, self.base_url)[kind])
        return self._named[kind]

    async def _resources(self, kind: str, names: Sequence[str]) -> list[Json]:
        """In this order; what was made before is kept."""
        makers = self._named[kind]
        missing = [name for name in names if (kind, name) not in self._made]
        if missing:
            made = await asyncio.to_thread(lambda: [makers[name]() for name in missing])
            self._made.update(zip([(kind, name) for name in missing], made, strict=True))
        return [self._made[kind, name] for name in names]


def _answer(resource: Json) -> Response:
    return Response(orjson.dumps(resource), media_type=MEDIA_TYPE)


def _matches(resource: Json, name: str, value: str) -> bool:
    if name == "name":
        return any(str(resource.get(key, "")).lower().startswith(value.lower()) for key in ("name", "title"))
    return str(resource.get(name.removeprefix("_"))) == value


def _no_modifiers(asked: Iterable[str]) -> None:
    """A modifier left out of account would answer with more than was asked for."""
    for name in asked:
        parameter, colon, modifier = name.partition(":")
        if colon and parameter in PARAMETERS:
            raise HttpProblem(400, f"{parameter}: found the modifier {modifier[:40]!r}, expected none")


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default
