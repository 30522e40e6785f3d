"""The CDS Hooks request: version 2.0.1 as published, with what version 3.0 lets a client add.

Unknown members are ignored and optional members may be missing or null; wrong types are refused with their path.
Hook contexts are those of the CDS Hooks Library. Prefetch and orders stay plain FHIR JSON; `gathering` reads them.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cds_hooks.body import JsonObject
from cds_hooks.errors import BadRequest, Problem, WrongHook

__all__ = [
    "CONTEXTS",
    "HOOKS",
    "Context",
    "Envelope",
    "FhirAuthorization",
    "HookRequest",
    "Model",
    "OrderSelect",
    "Uuid",
    "read_model",
    "read_request",
]

UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
ID = r"^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,255}$"  # FHIR ids, and the longer ones that EHRs send; never "..", which would climb in a URL
NAMES = re.compile(r"[A-Za-z_]{1,40}")
M = TypeVar("M", bound=BaseModel)


def _without_type(resource_type: str) -> BeforeValidator:
    """Ids come as "123" and as "Patient/123"; the standard says the former, EHRs send both."""
    prefix = resource_type + "/"
    return BeforeValidator(lambda value: value.removeprefix(prefix) if isinstance(value, str) else value)


PatientId = Annotated[str, _without_type("Patient"), Field(pattern=ID)]
EncounterId = Annotated[str, _without_type("Encounter"), Field(pattern=ID)]
UserId = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f]{1,512}$")]
Uuid = Annotated[str, Field(pattern=UUID)]
OrderId = Annotated[str, Field(min_length=1, max_length=1024)]


class Model(BaseModel):
    """Strict, frozen, and deaf to members it does not know."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, regex_engine="rust-regex")


class FhirAuthorization(Model):
    """CDS Hooks, "Passing the Access Token to the CDS Service". Only the token is needed; the rest is checked when present."""

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,16384}$", repr=False)]
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int | None = None
    scope: str | None = None
    subject: str | None = None
    patient: PatientId | None = None


class Context(Model):
    """Context of patient-view (CDS Hooks Library); every other hook adds to it."""

    user_id: UserId = Field(alias="userId")
    patient_id: PatientId = Field(alias="patientId")
    encounter_id: EncounterId | None = Field(alias="encounterId", default=None)


class EncounterContext(Context):
    """Context of encounter-start and encounter-discharge: the encounter is required."""

    encounter_id: EncounterId = Field(alias="encounterId")


class OrderSign(Context):
    """Context of order-sign: all unsigned orders."""

    draft_orders: JsonObject = Field(alias="draftOrders")


class OrderSelect(OrderSign):
    """Context of order-select: `selections` names the orders just added, as "MedicationRequest/103" or "103"."""

    selections: Annotated[list[OrderId], Field(min_length=1, max_length=1000)]


class ProblemListItemCreate(Context):
    """Context of problem-list-item-create: the conditions just added."""

    conditions: JsonObject


class AppointmentBook(Context):
    """Context of appointment-book: the proposed appointments."""

    appointments: JsonObject


CONTEXTS: dict[str, type[Context]] = {
    "patient-view": Context,
    "order-select": OrderSelect,
    "order-sign": OrderSign,
    "encounter-start": EncounterContext,
    "encounter-discharge": EncounterContext,
    "problem-list-item-create": ProblemListItemCreate,
    "appointment-book": AppointmentBook,
}
HOOKS = tuple(CONTEXTS)


class Envelope(Model):
    """The request body before its context is read."""

    hook: Annotated[str, Field(min_length=1, max_length=200)]
    hook_instance: Uuid = Field(alias="hookInstance")
    fhir_server: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(alias="fhirServer", default=None)
    fhir_authorization: FhirAuthorization | None = Field(alias="fhirAuthorization", default=None)
    context: JsonObject
    prefetch: JsonObject | None = None
    extension: JsonObject | None = None


class HookRequest(Model):
    """One call, read and checked. `prefetch` keeps null values: they mean "looked, found none"."""

    hook: str
    hook_instance: str
    fhir_server: str | None
    fhir_authorization: FhirAuthorization | None
    context: Context
    prefetch: JsonObject

    @property
    def contents(self) -> tuple[tuple[str, JsonObject], ...]:
        """(member, Bundle) of what the hook brings in its context."""
        context = self.context
        if isinstance(context, OrderSign):
            return (("context.draftOrders", context.draft_orders),)
        if isinstance(context, ProblemListItemCreate):
            return (("context.conditions", context.conditions),)
        if isinstance(context, AppointmentBook):
            return (("context.appointments", context.appointments),)
        return ()


def read_request(data: object, hook: str) -> HookRequest:
    """Check a parsed body against the service's hook; raises BadRequest or WrongHook (400)."""
    envelope = read_model(Envelope, data)
    if envelope.hook != hook:
        raise WrongHook((Problem(f"expected {hook}", "hook"),))
    context = read_model(CONTEXTS[hook], envelope.context, "context")
    authorization = envelope.fhir_authorization
    if authorization is not None:
        if envelope.fhir_server is None:
            raise BadRequest.at("fhirServer", "required when fhirAuthorization is given")
        if authorization.patient is not None and authorization.patient != context.patient_id:
            raise BadRequest.at("fhirAuthorization.patient", "expected the same patient as context.patientId")
    return HookRequest.model_construct(
        hook=hook,
        hook_instance=envelope.hook_instance.lower(),
        fhir_server=envelope.fhir_server,
        fhir_authorization=authorization,
        context=context,
        prefetch=envelope.prefetch or {},
    )


EXPECTED: dict[str, str] = {
    "missing": "required member is missing",
    "string_type": "expected a string",
    "dict_type": "expected an object",
    "model_type": "expected an object",
    "list_type": "expected an array",
    "int_type": "expected an integer",
    "string_pattern_mismatch": "not of the required form",
    "string_too_short": "must not be empty",
    "string_too_long": "too long",
    "too_short": "must not be empty",
    "too_long": "too many items",
}
A_FHIR_ID = "expected a FHIR id: 1 to 256 letters, digits and . _ ~ - (not . first)"
A_UUID = "expected a UUID, such as 4a74b1d0-4fee-4d18-b76f-7f3bd361e4bc"
FORMS = {  # what a text in this member looks like
    "access_token": "expected a token of printable ASCII characters without spaces",
    "card": A_UUID,
    "encounterId": A_FHIR_ID,
    "hookInstance": A_UUID,
    "id": A_UUID,
    "outcome": "expected accepted or overridden",
    "outcomeTimestamp": "expected an RFC 3339 date and time, such as 1985-04-12T23:20:50.52Z",
    "patient": A_FHIR_ID,
    "patientId": A_FHIR_ID,
    "token_type": "expected Bearer",
    "userId": "expected a reference without spaces, such as Practitioner/123",
}


def read_model(model: type[M], data: object, path: str = "") -> M:
    """Validate into a model; raises BadRequest with the path of each problem, quoting nothing that was sent."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    raise BadRequest([Problem(_expected(item["type"], item["loc"]), _path(path, item["loc"]) or None) for item in found[:20]])


def _expected(kind: str, parts: tuple[int | str, ...]) -> str:
    if kind in EXPECTED and kind != "string_pattern_mismatch":
        return EXPECTED[kind]
    return FORMS.get(str(parts[-1]), EXPECTED["string_pattern_mismatch"])


def _path(start: str, parts: tuple[int | str, ...]) -> str:
    text = start
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif NAMES.fullmatch(part):
            text += f".{part}" if text else part
    return text
