"""One call, top to bottom."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.body import check_media_type, parse_json, read_body
from cds_hooks.cards import NOT_READ, SUPPRESSED, Card, Composed, Renderer
from cds_hooks.clients import Caller, Clients
from cds_hooks.discovery import Service
from cds_hooks.envelope import HookRequest, read_request
from cds_hooks.errors import Overloaded, ServiceError, Unexpected, UnknownService
from cds_hooks.fhir_client import FhirReader
from cds_hooks.gathering import Gathered, gather
from cds_hooks.knowledge import Knowledge
from cds_hooks.observe import Metrics, log_event
from cds_hooks.settings import Settings
from cds_hooks.store.unsaid import HELD, MISSING, UNSURE, Unsaid
from cds_hooks.store.writer import Shown, Writer
from cds_hooks.suppression import Suppression, Whose
from cds_hooks.tracing import NoTracer, Span, Tracer
from cds_hooks.turns import Places, Turns
from rules.engine.interface import Budget, EngineError
from rules.extract import TYPES
from rules.findings import Evaluation, NotChecked

__all__ = ["Health", "Invoker"]

NO_CARDS = b'{"cards":[]}'
EVALUATED = 0.95  # of the deadline; an evaluation that is not done by then ends, and the answer says that nothing could be checked
LARGE_BODY = 256 * 1024  # bytes; parsing more than this would hold up other calls
NOT_CHECKED = "Neuromuscular decision support could not check this patient"
SILENCE = "No card does not mean that nothing is to be considered."
FOREIGN = "Data of another patient came with this request and were not used"
ASKED = {"appointment-book": "appointment", "problem-list-item-create": "problem"}  # what a hook asks about; the others: orders


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
    trace: Tracer = field(default_factory=NoTracer)

    async def __call__(self, request: Request) -> Response:
        """POST /cds-services/{id}: cards, or a ServiceError that `app` turns into an OperationOutcome."""
        with self.places.take():
            if self.turns.is_full:
                raise Overloaded  # now, not when its body is here
            return await self._answered(request)

    async def _answered(self, request: Request) -> Response:
        started = time.monotonic()
        caller = await self.clients.identify(request)
        service = self.services.get(request.path_params["service_id"])
        if service is None or not caller.may_call(service.id):
            raise UnknownService
        with caller.place(), self.trace.span("call", traceparent=request.headers.get("traceparent", ""), service=service.id) as span:
            call = None
            try:
                call, came = await self._read(request, service)
                body = await self._answer(call, service, caller, came, span)
            except Exception as error:
                refusal = error if isinstance(error, ServiceError) else Unexpected()
                span.say(status=refusal.status, number=refusal.number)
                self._audit_refusal(call, service, caller, refusal, started)
                raise
        return Response(body, media_type="application/json")

    async def _answer(self, call: HookRequest, service: Service, caller: Caller, started: float, span: Span) -> bytes:
        with self.trace.span("gather") as gathering:
            gathered = await gather(
                call,
                service,
                self.fhir,
                listed=caller.fhir_servers,
                until=started + self.settings.deadline_s,
                most=self.settings.fetch_resources,
            )
            gathering.say(resources=len(gathered.resources), unread=len(gathered.unread), fetched=gathered.fetched)
        as_of = self.clock()
        waits = time.monotonic()
        async with self.turns.take():
            until = started + (time.monotonic() - waits) + EVALUATED * self.settings.deadline_s
            evaluation = await self._evaluation(call, gathered, as_of, Budget(until=until))
        found = await self._composed(call, caller, gathered, evaluation)
        span.say(status=200, hook=call.hook, instance=call.hook_instance, cards=len(found.cards), suppressed=len(found.held))
        self._record(call, service, caller, gathered, found, evaluation, as_of, started)
        return _body(found.cards, len(found.held), _unread(gathered, evaluation))

    async def _read(self, request: Request, service: Service) -> tuple[HookRequest, float]:
        """The call, and when all of it was here: the time for an answer begins then, however slowly it came."""
        check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
        body = await read_body(request, self.settings.body_limit_bytes, self.settings.body_timeout_s)
        came = time.monotonic()
        data = await asyncio.to_thread(parse_json, body) if len(body) > LARGE_BODY else parse_json(body)
        return read_request(data, service.hook), came

    async def _evaluation(self, call: HookRequest, gathered: Gathered, as_of: datetime, budget: Budget) -> Evaluation | None:
        """Evaluate; None when that went wrong in whatever way, which becomes a visible card, never an empty answer."""
        with self.trace.span("evaluate") as span:
            try:
                if len(gathered.resources) > self.settings.inline_resources or self.turns.inside > 1:
                    return await asyncio.to_thread(self._evaluate, call, gathered, as_of, budget)
                return self._evaluate(call, gathered, as_of, budget)
            except EngineError as error:
                kind, clauses = error.kind, error.clauses
            except Exception as error:  # noqa: BLE001 - a defect in a rule must be seen by the clinician, not read as "nothing found"
                kind, clauses = type(error).__name__, ()
            span.say(kind=kind)
            self._note_failure(call, kind, clauses)
            return None

    async def _composed(self, call: HookRequest, caller: Caller, gathered: Gathered, evaluation: Evaluation | None) -> Composed:
        """The cards, without those that this user dismissed for this patient."""
        notices = self._notices(gathered)
        if evaluation is not None and evaluation.lost:
            notices.append(self._lost(ASKED.get(call.hook, "order"), evaluation.lost))
        if evaluation is None:
            return Composed([*notices, self._not_checked(gathered)])
        for gap in {*evaluation.not_checked, *(gap for finding in evaluation.findings for gap in finding.not_checked)}:
            self.metrics.not_checked.labels(_why(gap, gathered), gap.type if gap.type in TYPES else "other").inc()
        who = Whose(caller.id, call.context.patient_id, call.context.user_id)
        dismissed = await self.suppression.look(who, evaluation)
        with self.trace.span("render") as rendering:
            try:
                found = self.renderer.compose(evaluation, who.patient, dismissed)
            except Exception as error:  # noqa: BLE001 - a defect must be seen by the clinician, not read as "nothing found"
                self._note_failure(call, type(error).__name__, ())
                found = Composed([self._not_checked(gathered)])
            rendering.say(cards=len(found.cards))
        return Composed([*notices, *found.cards], found.held)

    def _evaluate(self, call: HookRequest, gathered: Gathered, as_of: datetime, budget: Budget) -> Evaluation:
        return self.knowledge.evaluate(gathered.resources, as_of=as_of, hook=call.hook, unread=gathered.unread, budget=budget)

    def _not_checked(self, gathered: Gathered) -> Card:
        lines = [f"No recommendation could be worked out for this call. {SILENCE}"]
        return self.renderer.notice(NOT_CHECKED, lines, unread=gathered.unread)

    def _note_failure(self, call: HookRequest, kind: str, clauses: tuple[str, ...]) -> None:
        self.metrics.engine.labels(kind).inc()
        self.health.poisoned = self.health.poisoned or kind == "poisoned"
        log_event("not-checked", logging.ERROR, hook=call.hook, instance=call.hook_instance, kind=kind, clauses=clauses)

    def _notices(self, gathered: Gathered) -> list[Card]:
        foreign = gathered.foreign + gathered.foreign_orders
        if not foreign:
            return []
        self.metrics.foreign.inc(foreign)
        lines = [f"{foreign} item(s) of the request belong to another patient than the one in context. They were left out of every check."]
        if gathered.foreign_orders:
            lines.append(f"{gathered.foreign_orders} of them are orders of this session. They were not checked.")
        return [self.renderer.notice(FOREIGN, lines)]

    def _lost(self, what: str, count: int) -> Card:
        lines = [f"{count} {what}(s) of this call could not be understood, and no rule looked at them.", SILENCE]
        return self.renderer.notice(f"What this call asks about was not checked: {count} {what}(s) could not be read", lines)

    def _record(
        self,
        call: HookRequest,
        service: Service,
        caller: Caller,
        gathered: Gathered,
        found: Composed,
        evaluation: Evaluation | None,
        as_of: datetime,
        started: float,
    ) -> None:
        """Metrics, one log line, and the audit entry that goes to storage in the background."""
        elapsed = time.monotonic() - started
        cards, suppressed = found.cards, len(found.held)
        unmapped = evaluation.unmapped if evaluation is not None else ()
        self.metrics.calls.labels(service.id, "200").inc()
        self.metrics.seconds.labels(service.id).observe(elapsed)
        for card in cards:
            self.metrics.cards.labels(card.indicator).inc()
            for rule in card.rules:
                self.metrics.rules.labels(rule.id, card.indicator).inc()
        unread = _unread(gathered, evaluation)
        for kind in unread:
            self.metrics.unread.labels(kind).inc()
        for code in unmapped:
            self.metrics.unmapped.labels(code.system, code.chapter).inc()
        if suppressed:
            self.metrics.suppressed.inc(suppressed)
        log_event(
            "call", service=service.id, instance=call.hook_instance, status=200, ms=round(elapsed * 1000, 1), cards=len(cards),
            resources=len(gathered.resources), unread=len(unread), fetched=gathered.fetched, foreign=gathered.foreign,
            foreign_orders=gathered.foreign_orders, suppressed=suppressed,
        )  # fmt: skip
        self.writer.add(
            Shown(
                at=as_of, service=service.id, instance=call.hook_instance, caller=caller.id, patient=call.context.patient_id,
                user=call.context.user_id, knowledge=self.knowledge.version, cards=tuple(cards), suppressed=suppressed,
                unread=tuple(sorted(unread)), ms=round(elapsed * 1000), held=tuple(one.identity for one in found.held),
                unmapped=unmapped, unsaid=tuple(_unsaid(found, evaluation)),
                outcome="answered" if evaluation is not None else "not-checked",
            )
        )  # fmt: skip

    def _audit_refusal(self, call: HookRequest | None, service: Service, caller: Caller, refusal: ServiceError, started: float) -> None:
        """A refused call of a known caller is audited too; one of an unknown caller would let anybody fill the storage."""
        self.writer.add(
            Shown(
                at=self.clock(), service=service.id, instance=call.hook_instance if call else "", caller=caller.id,
                patient=call.context.patient_id if call else "", user=call.context.user_id if call else "",
                knowledge=self.knowledge.version, cards=(), suppressed=0, unread=(), ms=round((time.monotonic() - started) * 1000),
                outcome="refused", status=refusal.status, number=refusal.number,
            )
        )  # fmt: skip


def _unsaid(found: Composed, evaluation: Evaluation | None) -> Iterator[Unsaid]:
    """What this answer left out, each once."""
    yield from dict.fromkeys((HELD, rule.id) for one in found.held for rule in one.rules)
    if evaluation is not None:
        yield from ((UNSURE, finding.rule.id) for finding in evaluation.findings if finding.not_checked)
        gaps = (*evaluation.not_checked, *(gap for finding in evaluation.findings for gap in finding.not_checked))
        yield from dict.fromkeys((MISSING, gap.what[:200]) for gap in gaps)


def _unread(gathered: Gathered, evaluation: Evaluation | None) -> Mapping[str, str]:
    """The FHIR types that could not be had, or not be understood, completely."""
    return {**evaluation.unread, **gathered.unread} if evaluation is not None else gathered.unread


def _why(gap: NotChecked, gathered: Gathered) -> str:
    """not-read: the type could not be had completely; not-in-record: it was looked at and does not say."""
    return "not-read" if gap.what in gathered.unread else "not-in-record"


def _body(cards: list[Card], held: int, unread: Mapping[str, str]) -> bytes:
    """An answer that held something back, or is empty without having read everything, says so to programs; to clinicians it is silent."""
    if not held and (cards or not unread):
        return orjson.dumps({"cards": [card.body for card in cards]}) if cards else NO_CARDS
    extension: dict[str, object] = {SUPPRESSED: {"cards": held}} if held else {}
    if not cards and unread:
        extension[NOT_READ] = {"types": sorted(unread)}
    return orjson.dumps({"cards": [card.body for card in cards], "extension": extension})
