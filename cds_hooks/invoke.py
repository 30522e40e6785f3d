"""One call, top to bottom."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.body import check_media_type, parse_json, read_body
from cds_hooks.cards import SUPPRESSED, Card, Composed, Renderer
from cds_hooks.clients import Caller, Clients
from cds_hooks.discovery import Service
from cds_hooks.envelope import HookRequest, read_request
from cds_hooks.errors import Overloaded, UnknownService
from cds_hooks.fhir_client import FhirReader
from cds_hooks.gathering import Gathered, gather
from cds_hooks.knowledge import Knowledge
from cds_hooks.observe import Metrics, log_event
from cds_hooks.settings import Settings
from cds_hooks.store.writer import Shown, Writer
from cds_hooks.suppression import Suppression, Whose
from cds_hooks.turns import Places, Turns
from rules.engine.interface import EngineError
from rules.findings import Evaluation

__all__ = ["Health", "Invoker"]

NO_CARDS = b'{"cards":[]}'
LARGE_BODY = 256 * 1024  # bytes; parsing more than this would hold up other calls
NOT_CHECKED = "Neuromuscular decision support could not check this patient"
FOREIGN = "Data of another patient came with this request and were not used"


@dataclass(slots=True)
class Health:
    """What went wrong for good: an engine that refuses to go on needs a new process. Read by /readyz."""

    poisoned: bool = False

    @property
    def problems(self) -> tuple[str, ...]:
        """In words for an operator."""
        return ("the rule engine stopped and needs a restart",) if self.poisoned else ()


@dataclass(frozen=True, slots=True)
class Invoker:
    """Everything a call needs, built once in `app`."""

    settings: Settings
    knowledge: Knowledge
    services: Mapping[str, Service]
    clients: Clients
    fhir: FhirReader
    renderer: Renderer
    metrics: Metrics
    writer: Writer
    suppression: Suppression
    clock: Callable[[], datetime]
    health: Health
    turns: Turns
    places: Places

    async def __call__(self, request: Request) -> Response:
        """POST /cds-services/{id}: cards, or a ServiceError that `app` turns into an OperationOutcome."""
        with self.places.take():
            if self.turns.is_full:
                raise Overloaded  # now, not when its body is here
            return await self._answered(request)

    async def _answered(self, request: Request) -> Response:
        started = time.monotonic()
        service = self.services.get(request.path_params["service_id"])
        if service is None:
            raise UnknownService
        caller = await self.clients.identify(request)
        call = await self._read(request, service)
        gathered = await gather(call, service, self.fhir, listed=caller.fhir_servers, until=started + self.settings.deadline_s)
        as_of = self.clock()
        async with self.turns.take():
            evaluation = await self._evaluated(call, gathered, as_of)
        found = await self._composed(call, caller, evaluation) if isinstance(evaluation, Evaluation) else Composed([evaluation])
        cards = self._notices(gathered) + found.cards
        self._record(call, service, caller, gathered, Composed(cards, found.held), as_of, started)
        return Response(_answer(cards, len(found.held)), media_type="application/json")

    async def _read(self, request: Request, service: Service) -> HookRequest:
        check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
        body = await read_body(request, self.settings.body_limit_bytes, self.settings.body_timeout_s)
        data = await asyncio.to_thread(parse_json, body) if len(body) > LARGE_BODY else parse_json(body)
        return read_request(data, service.hook)

    async def _evaluated(self, call: HookRequest, gathered: Gathered, as_of: datetime) -> Evaluation | Card:
        """Evaluate; whatever goes wrong there becomes a visible card, never an empty answer."""
        try:
            if len(gathered.resources) > self.settings.inline_resources or self.turns.inside > 1:
                return await asyncio.to_thread(self._evaluate, call, gathered, as_of)
            return self._evaluate(call, gathered, as_of)
        except EngineError as error:
            return self._not_checked(call, error.kind, error.clauses)
        except Exception as error:  # noqa: BLE001 - a defect in a rule must be seen by the clinician, not read as "nothing found"
            return self._not_checked(call, type(error).__name__, ())

    async def _composed(self, call: HookRequest, caller: Caller, evaluation: Evaluation) -> Composed:
        """The cards, without those that this user dismissed for this patient."""
        who = Whose(caller.id, call.context.patient_id, call.context.user_id)
        dismissed = await self.suppression.look(who, evaluation)
        try:
            return self.renderer.compose(evaluation, who.patient, dismissed)
        except Exception as error:  # noqa: BLE001 - as above
            return Composed([self._not_checked(call, type(error).__name__, ())])

    def _evaluate(self, call: HookRequest, gathered: Gathered, as_of: datetime) -> Evaluation:
        return self.knowledge.evaluate(gathered.resources, as_of=as_of, hook=call.hook, unread=gathered.unread)

    def _not_checked(self, call: HookRequest, kind: str, clauses: tuple[str, ...]) -> Card:
        self.metrics.engine.labels(kind).inc()
        self.health.poisoned = self.health.poisoned or kind == "poisoned"
        log_event("not-checked", logging.ERROR, hook=call.hook, instance=call.hook_instance, kind=kind, clauses=clauses)
        return self.renderer.notice(
            NOT_CHECKED, ["No recommendation could be worked out for this call. No card does not mean that nothing is to be considered."]
        )

    def _notices(self, gathered: Gathered) -> list[Card]:
        foreign = gathered.foreign + gathered.foreign_orders
        if not foreign:
            return []
        self.metrics.foreign.inc(foreign)
        lines = [f"{foreign} item(s) of the request belong to another patient than the one in context. They were left out of every check."]
        if gathered.foreign_orders:
            lines.append(f"{gathered.foreign_orders} of them are orders of this session. They were not checked.")
        return [self.renderer.notice(FOREIGN, lines)]

    def _record(
        self,
        call: HookRequest,
        service: Service,
        caller: Caller,
        gathered: Gathered,
        found: Composed,
        as_of: datetime,
        started: float,
    ) -> None:
        """Metrics, one log line, and the audit entry that goes to storage in the background."""
        elapsed = time.monotonic() - started
        cards, suppressed = found.cards, len(found.held)
        self.metrics.calls.labels(service.id, "200").inc()
        self.metrics.seconds.labels(service.id).observe(elapsed)
        for card in cards:
            self.metrics.cards.labels(card.indicator).inc()
            for rule in card.rules:
                self.metrics.rules.labels(rule.id, card.indicator).inc()
        for kind in gathered.unread:
            self.metrics.unread.labels(kind).inc()
        if suppressed:
            self.metrics.suppressed.inc(suppressed)
        log_event(
            "call", service=service.id, instance=call.hook_instance, status=200, ms=round(elapsed * 1000, 1), cards=len(cards),
            resources=len(gathered.resources), unread=len(gathered.unread), fetched=gathered.fetched, foreign=gathered.foreign,
            foreign_orders=gathered.foreign_orders, suppressed=suppressed,
        )  # fmt: skip
        self.writer.add(
            Shown(
                at=as_of, service=service.id, instance=call.hook_instance, caller=caller.id, patient=call.context.patient_id,
                user=call.context.user_id, knowledge=self.knowledge.version, cards=tuple(cards), suppressed=suppressed,
                unread=tuple(sorted(gathered.unread)), ms=round(elapsed * 1000), held=tuple(one.identity for one in found.held),
            )
        )  # fmt: skip


def _answer(cards: list[Card], held: int) -> bytes:
    """An answer that held something back says so to programs; to clinicians it is silent, as they asked."""
    if not held:
        return orjson.dumps({"cards": [card.body for card in cards]}) if cards else NO_CARDS
    return orjson.dumps({"cards": [card.body for card in cards], "extension": {SUPPRESSED: {"cards": held}}})
