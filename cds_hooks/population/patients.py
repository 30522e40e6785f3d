"""One patient of a population: asked about as an EHR asks, with the whole export as prefetch. Knows no Spark.

The request goes through `envelope`, `gathering` and the rules exactly as a call over HTTP does, so both give the same findings. A type of
which the export has no file is a prefetch key that was not sent: unknown, not absent.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from cds_hooks.body import JsonObject
from cds_hooks.discovery import services
from cds_hooks.envelope import read_request
from cds_hooks.errors import ServiceError
from cds_hooks.faults import NOT_SENT
from cds_hooks.fhir_client import Access, Answer, RefusedError
from cds_hooks.gathering import ERROR, Gathered, gather
from cds_hooks.population.reading import DAMAGED, Row
from rules.diseases import Diseases
from rules.engine.interface import Budget, EngineError
from rules.extract import extract
from rules.findings import Evaluation
from rules.in_use import BlockedInUse
from rules.knowledge import Knowledge

__all__ = ["NOT_EXPORTED", "Screened", "Screener", "fingerprint"]

NOT_EXPORTED = "the export has no file of this type"
TWO_PEOPLE = "two Patient resources with this id have different birth dates or genders"
NO_PATIENT = "the export has no Patient resource with this id"
INSTANCE = "00000000-0000-4000-8000-000000000000"  # one hookInstance for all: nothing is sent anywhere
SECONDS = 60.0  # for one patient; the limits on facts and firings are those of a call
LOST = frozenset(("crash", "poisoned"))  # after these the engine refuses to go on


@dataclass(frozen=True, slots=True)
class Screened:
    """What came out for one patient. `problem` says why there is no evaluation; `unread` maps types to why they are unknown."""

    patient: str
    resources: int
    problem: str = ""
    evaluation: Evaluation | None = None
    unread: Mapping[str, str] = field(default_factory=dict)
    diseases: tuple[str, ...] = ()
    in_use: tuple[str, ...] = ()
    """Drugs in use that a rule blocks for this patient, as concept ids."""


@dataclass(frozen=True, slots=True)
class NoServer:
    """The door to FHIR servers of a run that has its data on disk: always shut."""

    def check(self, server: str, listed: tuple[str, ...], token: str) -> Access:  # noqa: ARG002 - the shape of FhirReader
        """Refuse; raises RefusedError."""
        raise RefusedError(NOT_EXPORTED)

    def submit(self, access: Access, query: str, until: float) -> Future[Answer]:  # noqa: ARG002 - the shape of FhirReader
        """Answer that nothing could be read."""
        answer: Future[Answer] = Future()
        answer.set_result(Answer(reason=NOT_EXPORTED))
        return answer

    def close(self, *, wait: bool = False) -> None:
        """Nothing is open."""


class Screener:
    """Asks loaded knowledge about one patient after the other. `exported` are the resource types that the export was made of."""

    def __init__(self, load: Callable[[], Knowledge], *, hook: str, as_of: datetime, exported: Iterable[str]) -> None:
        self._load = load
        self._hook = hook
        self._as_of = as_of
        self._exported = frozenset(exported)
        self._runner = asyncio.Runner()
        self._door = NoServer()
        self._renew()

    def close(self) -> None:
        """End the event loop; a worker process keeps its screener to its end."""
        self._runner.close()

    def _renew(self) -> None:
        """Load the knowledge, at first and after an engine was lost."""
        self.knowledge = self._load()
        self._service = services(self.knowledge)[f"neuromuscular-{self._hook}"]
        self._diseases = Diseases(self.knowledge.terminology, self.knowledge.site)
        self._in_use = BlockedInUse(self.knowledge)

    def screen(self, patient: str, rows: Iterable[Row]) -> Screened:
        """Findings about one patient, or why there are none; never raises."""
        rows = list(rows)
        readable = [(row, orjson.loads(row.body)) for row in rows if row.body]
        problem = _person_problem([resource for row, resource in readable if row.kind == "Patient"])
        damaged = {row.kind for row in rows if row.problem}
        if "" in damaged:  # a line of this patient that does not say what it was: it may have been anything
            damaged |= set(self._service.types.values())
        if problem is None:
            try:
                return self._ask(patient, readable, damaged)
            except ServiceError as error:
                problem = "; ".join(one.message for one in error.problems) or error.text
            except EngineError as error:
                problem = f"the rule engine stopped: {error.kind}"
                if error.kind in LOST:
                    self._renew()
            except Exception as error:  # noqa: BLE001 - a defect must be seen in the report and must not end the run
                problem = f"a defect of nmcds itself: {type(error).__name__}"
        return Screened(patient, len(readable), problem, unread=dict.fromkeys(sorted(damaged), DAMAGED))

    def _ask(self, patient: str, readable: list[tuple[Row, JsonObject]], damaged: set[str]) -> Screened:
        call = read_request(self._request(patient, readable, damaged), self._hook)
        gathered = self._runner.run(gather(call, self._service, self._door, until=time.monotonic()))
        unread = {kind: self._reason(kind, why, damaged) for kind, why in gathered.unread.items()}
        evaluation = self.knowledge.evaluate(
            gathered.resources, as_of=self._as_of, hook=self._hook, unread=unread, budget=Budget(seconds=SECONDS)
        )
        diseases, in_use = self._counted(gathered, unread, spoken=bool(evaluation.findings))
        return Screened(patient, len(readable), "", evaluation, dict(sorted(unread.items())), diseases, in_use)

    def _request(self, patient: str, readable: list[tuple[Row, JsonObject]], damaged: set[str]) -> JsonObject:
        """A hook request whose prefetch is what the export has about the patient."""
        medications = [_entry(row, resource, "include") for row, resource in readable if row.kind == "Medication"]
        prefetch: JsonObject = {}
        for key, kind in self._service.types.items():
            if kind not in self._exported:
                continue
            entries = [_entry(row, resource, "match") for row, resource in readable if row.kind == kind]
            if kind in damaged:
                entries.append({"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "structure"}]}})
            if kind.startswith("Medication"):
                entries += medications
            prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        context = {"userId": "Device/nmcds-screen", "patientId": patient, "encounterId": "population"}
        return {"hook": self._hook, "hookInstance": INSTANCE, "context": context, "prefetch": prefetch}

    @staticmethod
    def _reason(kind: str, why: str, damaged: set[str]) -> str:
        """The reasons of a request in the words of an export."""
        if why == ERROR and kind in damaged:
            return DAMAGED
        return NOT_EXPORTED if why == NOT_SENT else why

    def _counted(self, gathered: Gathered, unread: Mapping[str, str], *, spoken: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Diseases on file, and blocked drugs in use; the second costs a whole evaluation, so only where a rule spoke."""
        wanted = gathered.resources if spoken else [one for one in gathered.resources if _type(one.resource) == "Condition"]
        record = extract(wanted, terminology=self.knowledge.terminology, as_of=self._as_of, hook=self._hook, unread=unread)
        return self._diseases.of(record), self._in_use.of(record, Budget(seconds=SECONDS)) if spoken else ()


def fingerprint(knowledge: Knowledge) -> str:
    """A hash of everything that decides what the rules conclude; all machines of a cluster must have the same."""
    parts = [knowledge.version, *(f"{rule.id} {rule.version}" for rule in knowledge.rules), repr(knowledge.program.passes)]
    parts += [repr(sorted(knowledge.site.thresholds.items())), knowledge.engine.name]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _entry(row: Row, resource: JsonObject, mode: str) -> JsonObject:
    entry: JsonObject = {"resource": resource, "search": {"mode": mode}}
    return {**entry, "fullUrl": row.url} if row.url else entry


def _type(resource: object) -> object:
    return resource.get("resourceType") if isinstance(resource, dict) else None


def _person_problem(people: list[JsonObject]) -> str | None:
    if not people:
        return NO_PATIENT
    told = {(str(one.get("birthDate")), str(one.get("gender"))) for one in people}
    return TWO_PEOPLE if len(told) > 1 else None
