"""Doubles of the rules and of a FHIR server, and the small FHIR that tests are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cds_hooks.bundles import read_page
from cds_hooks.fhir_client import Access, Answer, RefusedError
from rules.dismissal import Period
from rules.engine.interface import ORDINARY, Budget
from rules.extract import Input
from rules.findings import Because, ChainStep, Evaluation, Evidence, Finding, NotChecked, RuleRef, Suggestion

Json = dict[str, Any]
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
NOTHING = Evaluation((), (), relevant=False)


def finding(name: str = "test-rule", **changes: Any) -> Finding:  # noqa: ANN401 - any field of Finding
    """One finding with something in every member."""
    values: Json = {
        "rule": RuleRef(name, "1.0.0"),
        "title": f"Title of {name}",
        "pathway": "safety",
        "stage": "safety",
        "asks": False,
        "indicator": "warning",
        "summary": f"Summary of {name}",
        "detail": ("First line.",),
        "branches": (),
        "because": (Because("diagnosis:some-disease", "Condition/c1", "2024-05-02"),),
        "chain": (ChainStep(name, f"fires:{name}"),),
        "not_checked": (),
        "withheld": (),
        "suggestions": (),
        "evidence": (Evidence("S-TEST", "says", "strong", "partly"),),
        "override_reasons": ("Other indication",),
    }
    return Finding(**{**values, **changes})


def create(label: str = "Refer", **changes: Any) -> Suggestion:  # noqa: ANN401 - any field of Suggestion
    """A suggestion to create a draft referral."""
    resource = {"resourceType": "ServiceRequest", "status": "draft", "intent": "proposal", "code": {"text": label}}
    return Suggestion(**{"label": label, "resource": resource, **changes})


@dataclass
class FakeRule:
    """A rule that has an id only."""

    id: str = "test-rule"


@dataclass
class FakeKnowledge:
    """Answers with `answer` and keeps what it was asked."""

    answer: Evaluation | Exception | Callable[[list[Input]], Evaluation] = NOTHING
    types: tuple[str, ...] = ("Condition", "MedicationRequest", "Observation", "Patient")
    version: str = "2026.11.0"
    rules: Sequence[FakeRule] = (FakeRule(),)
    seen: list[Input] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    waits: dict[str, tuple[Period, ...]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)

    def periods(self, identifier: str) -> tuple[Period, ...]:
        """Periods of a rule, usually none."""
        return self.waits.get(identifier, ())

    def reads(self, hook: str) -> tuple[str, ...]:  # noqa: ARG002 - the same for every hook
        """The types that every hook reads."""
        return self.types

    def in_words(self, fact: str) -> str:
        """Words for a fact name; the real ones need the code lists."""
        return fact.replace(":", ": ").replace("-", " ")

    def evaluate(
        self, resources: Iterable[Input], *, as_of: datetime, hook: str, unread: Mapping[str, str], budget: Budget = ORDINARY
    ) -> Evaluation:
        """Keep the question, give the answer."""
        assert as_of.tzinfo is not None
        assert hook
        assert budget.until > 0
        self.calls += 1
        self.seen = list(resources)
        self.unread = dict(unread)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(self.seen) if callable(self.answer) else self.answer

    @property
    def refs(self) -> list[str]:
        """Type/id of everything that was given."""
        return [f"{one.resource['resourceType']}/{one.resource.get('id')}" for one in self.seen if isinstance(one.resource, dict)]


@dataclass
class FakeFhir:
    """A FHIR server of fixed answers by query; a query without one is an error of the server."""

    answers: dict[str, Json | Exception] = field(default_factory=dict)
    refuses: bool = False
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))

    def check(self, server: str, listed: tuple[str, ...], token: str) -> Access:  # noqa: ARG002 - as the real one
        """Allow or refuse."""
        if self.refuses:
            raise RefusedError("the FHIR server is not one that this service may call")
        return Access(server, token)

    def submit(self, access: Access, query: str, until: float) -> Future[Answer]:  # noqa: ARG002 - as the real one
        """The fixed answer, from a thread."""
        return self.pool.submit(self.read, access, query)

    def close(self, *, wait: bool = False) -> None:
        """End the threads."""
        self.pool.shutdown(wait=wait, cancel_futures=True)

    def read(self, access: Access, query: str) -> Answer:
        """The fixed answer."""
        self.asked.append(query)
        self.tokens.append(access.token)
        found = self.answers.get(query.removesuffix("&_count=200"))
        if isinstance(found, Exception):
            raise found
        return Answer(reason="the FHIR server reported an error") if found is None else Answer((read_page(found, "answer"),))


def patient(identifier: str = "p1", **more: object) -> Json:
    """A Patient."""
    name = [{"family": "CANARY-family", "given": ["CANARY-given"]}]
    return {"resourceType": "Patient", "id": identifier, "name": name, "gender": "female", "birthDate": "1960-01-01", **more}


def condition(identifier: str = "c1", of: str | None = "Patient/p1", **more: object) -> Json:
    """A Condition of a patient."""
    subject = {"subject": {"reference": of}} if of is not None else {}
    return {"resourceType": "Condition", "id": identifier, **subject, "code": {"text": "a disease, CANARY-text"}, **more}


def order(identifier: str = "m1", of: str | None = "Patient/p1", **more: object) -> Json:
    """A draft MedicationRequest."""
    subject = {"subject": {"reference": of}} if of is not None else {}
    body = {"resourceType": "MedicationRequest", "id": identifier, "status": "draft", "intent": "order", **subject}
    return {**body, **({} if "medicationReference" in more else {"medicationCodeableConcept": {"text": "a drug, CANARY-text"}}), **more}


def bundle(*resources: Json, **more: object) -> Json:
    """A searchset."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource} for resource in resources], **more}


def outcome(severity: str = "error") -> Json:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "processing"}]}


COMPLETE: Json = {"patient": patient(), "conditions": bundle(condition()), "medicationRequests": None, "observations": None}


def request(hook: str = "patient-view", **changes: Any) -> Json:  # noqa: ANN401 - any member of a request
    """A request with complete prefetch. `context` adds to the usual context; None as a value leaves a member out."""
    context: Json = {"userId": "Practitioner/CANARY-dr", "patientId": "p1", **changes.pop("context", {})}
    body: Json = {"hook": hook, "hookInstance": INSTANCE, "context": context, "prefetch": COMPLETE, **changes}
    return {name: value for name, value in body.items() if value is not None}


AUTHORIZATION = {
    "access_token": "CANARY-opaque-token",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "neuromuscular-cds",
}


def unchecked(what: str = "lab:TPMT", why: str = "not in the record") -> NotChecked:
    """Something that could not be checked."""
    return NotChecked(what, why, "Observation")
