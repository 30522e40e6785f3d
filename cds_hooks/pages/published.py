"""Our own CodeSystem and Questionnaires under /fhir: made from the loaded knowledge, the same for everybody, no patient in them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.errors import NotFound
from rules.knowledge import Knowledge
from rules.publish.code_system import code_system
from rules.publish.questionnaires import questionnaires, searchset

__all__ = ["Published"]

MEDIA_TYPE = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class _Made:
    code_system: bytes
    listing: bytes
    questionnaires: dict[str, bytes]

    @classmethod
    def of(cls, knowledge: Knowledge) -> _Made:
        found = questionnaires(knowledge)
        return cls(
            orjson.dumps(code_system(knowledge)),
            orjson.dumps(searchset(found.values())),
            {name: orjson.dumps(one) for name, one in found.items()},
        )


class Published:
    """GET /fhir/CodeSystem/concept, /fhir/Questionnaire and /fhir/Questionnaire/{name}. Made when first asked for: few sites ever do."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._made: _Made | None = None

    async def _all(self) -> _Made:
        if self._made is None:
            self._made = await asyncio.to_thread(_Made.of, self._knowledge)
        return self._made

    async def concepts(self, _request: Request) -> Response:
        """The CodeSystem."""
        return Response((await self._all()).code_system, media_type=MEDIA_TYPE)

    async def list(self, _request: Request) -> Response:
        """All questionnaires in a searchset."""
        return Response((await self._all()).listing, media_type=MEDIA_TYPE)

    async def show(self, request: Request) -> Response:
        """One questionnaire."""
        found = (await self._all()).questionnaires.get(request.path_params["name"])
        if found is None:
            raise NotFound
        return Response(found, media_type=MEDIA_TYPE)
