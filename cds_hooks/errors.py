"""Every error of the service, as a tree; each has a stable number, an HTTP status and an OperationOutcome issue code.

    ServiceError                      one shape on the wire: an OperationOutcome (CDS Hooks 3.0, "Returning OperationOutcome")
    ├── BodyTooLarge        NMCDS-101   413  too-long
    ├── NotJson             NMCDS-102   415  not-supported
    ├── BadJson             NMCDS-103   400  structure
    ├── BadRequest          NMCDS-104   400  invalid
    ├── WrongHook           NMCDS-105   400  invalid
    ├── UnknownService      NMCDS-106   404  not-found
    ├── NotFound            NMCDS-107   404  not-found
    ├── MethodNotAllowed    NMCDS-108   405  not-supported
    ├── NotAuthenticated    NMCDS-109   401  login
    ├── MissingData         NMCDS-110   412  processing
    ├── BodyIncomplete      NMCDS-111   400  incomplete
    ├── HttpProblem         NMCDS-112   as raised by the framework
    ├── TooManyCalls        NMCDS-113   429  throttled
    ├── Unexpected          NMCDS-201   500  exception
    ├── StorageUnavailable  NMCDS-202   503  transient
    ├── NotReady            NMCDS-203   503  transient
    └── Overloaded          NMCDS-204   503  transient
    SettingsError           NMCDS-301   never on the wire: the service does not start

Numbers are never reused. A message names the place and what was expected, never what was found in patient data,
a token or a stack.
"""

# ruff: noqa: N818 - the names say what happened and what the tree calls it
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import orjson

__all__ = [
    "ERROR_SYSTEM",
    "BadJson",
    "BadRequest",
    "BodyIncomplete",
    "BodyTooLarge",
    "HttpProblem",
    "MethodNotAllowed",
    "MissingData",
    "NotAuthenticated",
    "NotFound",
    "NotJson",
    "NotReady",
    "Overloaded",
    "Problem",
    "ServiceError",
    "SettingsError",
    "StorageUnavailable",
    "TooManyCalls",
    "Unexpected",
    "UnknownService",
    "WrongHook",
]

ERROR_SYSTEM = "urn:x-neuromuscular-cds:error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `message` for a developer, `path` a dotted member path such as "context.patientId"."""

    message: str
    path: str | None = None


class ServiceError(Exception):
    """An error that reaches the caller. Subclasses fix number, status and issue code; instances add problems."""

    number: ClassVar[str] = ""
    status: int = 500
    issue: ClassVar[str] = "exception"
    text: ClassVar[str] = ""

    def __init__(self, problems: Sequence[Problem] = (), *, headers: dict[str, str] | None = None) -> None:
        super().__init__(self.number)
        self.problems = tuple(problems)
        self.headers = headers or {}

    @classmethod
    def at(cls, path: str, message: str) -> ServiceError:
        """One problem at one member path."""
        return cls((Problem(message, path),))

    def outcome(self) -> dict[str, object]:
        """The OperationOutcome: one issue per problem, or one issue with the general text."""
        return {"resourceType": "OperationOutcome", "issue": [self._issue(problem) for problem in self.problems or (Problem(""),)]}

    def body(self) -> bytes:
        """The OperationOutcome as JSON bytes."""
        return orjson.dumps(self.outcome())

    def _issue(self, problem: Problem) -> dict[str, object]:
        issue: dict[str, object] = {
            "severity": "error",
            "code": self.issue,
            "details": {"coding": [{"system": ERROR_SYSTEM, "code": self.number}], "text": self.text},
        }
        if problem.message:
            issue["diagnostics"] = f"{problem.path}: {problem.message}" if problem.path else problem.message
        if problem.path:
            issue["expression"] = [problem.path]
        return issue


class BodyTooLarge(ServiceError):
    """The body passed the limit while it was read; the rest is not read (setting `body_limit_bytes`)."""

    number = "NMCDS-101"
    status = 413
    issue = "too-long"
    text = "The request body is larger than this service accepts."


class NotJson(ServiceError):
    """The Content-Type is not JSON (CDS Hooks, "Use of JSON")."""

    number = "NMCDS-102"
    status = 415
    issue = "not-supported"
    text = "Send the body as application/json, UTF-8, without a content encoding."


class BadJson(ServiceError):
    """The body is not JSON that can be read in one way only: RFC 8259 and I-JSON (RFC 7493)."""

    number = "NMCDS-103"
    status = 400
    issue = "structure"
    text = "The request body is not acceptable JSON."


class BadRequest(ServiceError):
    """The JSON is not a CDS Hooks request or feedback; each problem names the member path."""

    number = "NMCDS-104"
    status = 400
    issue = "invalid"
    text = "The request does not follow the CDS Hooks specification."


class WrongHook(ServiceError):
    """`hook` is not the hook that this service is for (CDS Hooks, "HTTP Request")."""

    number = "NMCDS-105"
    status = 400
    issue = "invalid"
    text = "The hook of the request is not the hook of this service."


class UnknownService(ServiceError):
    """No service has this id; the discovery endpoint lists them."""

    number = "NMCDS-106"
    status = 404
    issue = "not-found"
    text = "There is no CDS service with this id; GET /cds-services lists them."


class NotFound(ServiceError):
    """There is nothing at this address."""

    number = "NMCDS-107"
    status = 404
    issue = "not-found"
    text = "There is nothing at this address."


class MethodNotAllowed(ServiceError):
    """The address exists, the method does not; the Allow header names the methods."""

    number = "NMCDS-108"
    status = 405
    issue = "not-supported"
    text = "This address does not accept this method."


class NotAuthenticated(ServiceError):
    """The caller is not known; no detail is given on purpose. In open mode the caller is known by the Host header: a loopback name or the
    host of `NMCDS_BASE_URL`, once."""

    number = "NMCDS-109"
    status = 401
    issue = "login"
    text = "The caller could not be authenticated."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class MissingData(ServiceError):
    """Required data could not be had from prefetch or FHIR server (CDS Hooks, "Prefetch Template": 412)."""

    number = "NMCDS-110"
    status = 412
    issue = "processing"
    text = "Required FHIR data is neither in the prefetch nor to be had from the FHIR server."


class BodyIncomplete(ServiceError):
    """The connection ended, or stood still, before the whole body had come."""

    number = "NMCDS-111"
    status = 400
    issue = "incomplete"
    text = "The request body did not arrive completely."


class HttpProblem(ServiceError):
    """What arrived is not HTTP that can be read in one way only (400), its head is too large (431), a search under /fhir has a modifier
    (400), or the web framework refuses it by itself; the status is the framework's."""

    number = "NMCDS-112"
    status = 400
    issue = "processing"
    text = "The request was not accepted."

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__((Problem(message),) if message else ())
        self.status = status


class TooManyCalls(ServiceError):
    """The caller has used up its calls of this minute, or has too many under way (client registry); `Retry-After` says how long to wait."""

    number = "NMCDS-113"
    status = 429
    issue = "throttled"
    text = "Too many calls of this client; nothing was checked. Please call again with a new token."

    def __init__(self, wait_s: int = 1) -> None:
        super().__init__(headers={"Retry-After": str(wait_s)})


class Unexpected(ServiceError):
    """A defect of the service. The log has the class of the error and the hook instance, nothing else."""

    number = "NMCDS-201"
    status = 500
    issue = "exception"
    text = "The service failed; nothing was checked."


class StorageUnavailable(ServiceError):
    """Feedback could not be stored durably; it was not accepted and must be sent again. `reason` is for the operator, at /readyz."""

    number = "NMCDS-202"
    status = 503
    issue = "transient"
    text = "The feedback could not be stored; please send it again."

    def __init__(self, reason: str = "storage is not available") -> None:
        super().__init__(headers={"Retry-After": "5"})
        self.reason = reason


class NotReady(ServiceError):
    """GET /readyz: the service should get no calls now; the problems say why."""

    number = "NMCDS-203"
    status = 503
    issue = "transient"
    text = "The service is not ready."


class Overloaded(ServiceError):
    """Too many calls wait for their turn (setting `waiting_calls`); nothing was checked, and asking again soon is right."""

    number = "NMCDS-204"
    status = 503
    issue = "transient"
    text = "The service has too many calls at once; nothing was checked. Please call again."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class SettingsError(Exception):
    """The service refuses to start; `problems` has one line for each wrong setting."""

    number: ClassVar[str] = "NMCDS-301"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(f"{self.number}: " + "; ".join(problems))
        self.problems = tuple(problems)
