"""What users did with cards (CDS Hooks, "Feedback"): checked, stored durably, then answered. Comments are stored and never logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import orjson
from pydantic import AfterValidator, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.body import check_media_type, parse_json, read_body
from cds_hooks.clients import Clients
from cds_hooks.discovery import Service
from cds_hooks.envelope import Model, Uuid, read_model
from cds_hooks.errors import BadRequest, Problem, UnknownService
from cds_hooks.observe import Metrics, log_event
from cds_hooks.settings import Settings
from cds_hooks.store.database import Database
from cds_hooks.store.feedback import Outcome, save
from cds_hooks.store.moment import moment
from cds_hooks.store.writer import Writer
from cds_hooks.turns import Places

__all__ = ["FeedbackReceiver", "FeedbackRequest"]

TIMESTAMP = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$"
PRINTED = r"^[^\x00]*$"  # PostgreSQL stores no NUL


def _utc(text: str) -> str:
    """RFC 3339 section 5.6 to UTC, to the microsecond; raises ValueError for a day or time that does not exist.

    A leap second counts as the second before it, as dates of FHIR do here; there is none but at the end of a month."""
    leaps = text[17:19] == "60"
    head, dot, rest = (text[:17] + "59" + text[19:] if leaps else text).upper().partition(".")
    digits = rest.rstrip("Z").partition("+")[0].partition("-")[0] if dot else ""
    try:
        found = datetime.fromisoformat(head + dot + digits[:6] + rest[len(digits) :]).astimezone(UTC)
        if leaps and ((found.hour, found.minute) != (23, 59) or (found + timedelta(minutes=1)).day != 1):
            raise ValueError
    except OverflowError as error:  # a moment before year 1 or after 9999 in UTC
        raise ValueError from error
    return moment(found)


Timestamp = Annotated[str, Field(pattern=TIMESTAMP), AfterValidator(_utc)]
Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
CardUuid = Annotated[Uuid, Lower]
Short = Annotated[str, Field(min_length=1, max_length=2048, pattern=PRINTED)]


class Coding(Model):
    """CDS Hooks Coding."""

    code: Short
    system: Short
    display: str | None = None


class OverrideReason(Model):
    """Why a card was dismissed: a coded reason, a comment, or both."""

    reason: Coding | None = None
    user_comment: Annotated[str, Field(max_length=20_000, pattern=PRINTED)] | None = Field(alias="userComment", default=None)


class AcceptedSuggestion(Model):
    """`id` is the uuid of the suggestion."""

    id: CardUuid


class Feedback(Model):
    """One user's action on one card."""

    card: CardUuid
    outcome: Literal["accepted", "overridden"]
    accepted_suggestions: Annotated[list[AcceptedSuggestion], Field(max_length=100)] | None = Field(
        alias="acceptedSuggestions", default=None
    )
    override_reason: OverrideReason | None = Field(alias="overrideReason", default=None)
    outcome_timestamp: Timestamp = Field(alias="outcomeTimestamp")


class FeedbackRequest(Model):
    """Body of POST /cds-services/{id}/feedback."""

    feedback: Annotated[list[Feedback], Field(max_length=1000)]


@dataclass(frozen=True, slots=True)
class FeedbackReceiver:
    """The feedback endpoint of every service."""

    settings: Settings
    services: Mapping[str, Service]
    clients: Clients
    database: Database
    metrics: Metrics
    clock: Callable[[], datetime]
    places: Places
    writer: Writer

    async def __call__(self, request: Request) -> Response:
        """Store and answer 200; the same report twice is stored once."""
        with self.places.take():
            return await self._stored(request)

    async def _stored(self, request: Request) -> Response:
        caller = await self.clients.identify(request)
        service = self.services.get(request.path_params["service_id"])
        if service is None or not caller.may_call(service.id):
            raise UnknownService
        check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
        body = await read_body(request, self.settings.body_limit_bytes, self.settings.body_timeout_s)
        reports = read_feedback(parse_json(body))
        self.writer.hurry()  # the cards that this is about
        wait_s = 2 * self.settings.database_timeout_s + 1
        await self.database.use(wait_s, save, self.database, reports, service=service.id, caller=caller.id, received=self.clock())
        for report in reports:
            self.metrics.feedback.labels(report.outcome).inc()
        log_event("feedback", service=service.id, status=200, cards=len(reports))
        return Response(orjson.dumps({"received": len(reports)}), media_type="application/json")


def read_feedback(data: object) -> list[Outcome]:
    """Check a parsed body; raises BadRequest with the path of every problem."""
    reports = read_model(FeedbackRequest, data).feedback
    problems = [
        Problem(message, f"feedback[{number}].{member}") for number, report in enumerate(reports) for member, message in _wrong(report)
    ]
    if problems:
        raise BadRequest(problems[:20])
    return [_outcome(report) for report in reports]


def _wrong(report: Feedback) -> list[tuple[str, str]]:
    """The CONDITIONAL members of the standard."""
    found = []
    if report.outcome == "accepted" and not report.accepted_suggestions:
        found.append(("acceptedSuggestions", "required when outcome is accepted"))
    reason = report.override_reason
    if reason is not None and reason.reason is None and reason.user_comment is None:
        found.append(("overrideReason", "needs a reason, a userComment, or both"))
    return found


def _outcome(report: Feedback) -> Outcome:
    reason = report.override_reason
    coded = reason.reason if reason is not None else None
    return Outcome(
        card=report.card,
        outcome=report.outcome,
        outcome_at=report.outcome_timestamp,
        accepted=tuple(one.id for one in report.accepted_suggestions or ()),
        reason_system=coded.system if coded else None,
        reason_code=coded.code if coded else None,
        comment=reason.user_comment if reason is not None else None,
    )
