"""One patient from a file, asked about the way an EHR asks: a hook request with everything in its prefetch, and no network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from cds_hooks.body import JsonObject, parse_json
from cds_hooks.bundles import Item, MalformedError, read_page
from cds_hooks.cards import Card, Renderer
from cds_hooks.commands.output import Exit, StopError
from cds_hooks.discovery import Service, services
from cds_hooks.envelope import read_request
from cds_hooks.errors import BadJson, ServiceError
from cds_hooks.fhir_client import Access, Answer, RefusedError
from cds_hooks.gathering import Gathered, gather
from fhir_fixtures import PatientFixture, is_draft
from rules.engine.interface import EngineError
from rules.findings import Evaluation
from rules.knowledge import Knowledge

__all__ = ["Answered", "Asker", "Case", "from_file", "from_fixture"]

USER = "Practitioner/command-line"
OFFLINE = "not in the file"


@dataclass(frozen=True, slots=True)
class Case:
    """The resources of one patient. `drafts` are what is being ordered or booked, `record` is everything else."""

    name: str
    patient: str
    record: tuple[Item, ...]
    drafts: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came out: cards as an EHR gets them, the findings behind them, and how the data were read."""

    case: Case
    hook: str
    as_of: datetime
    cards: tuple[Card, ...]
    evaluation: Evaluation
    gathered: Gathered


@dataclass(frozen=True, slots=True)
class NoServer:
    """The door to FHIR servers of a command that stays offline: always shut."""

    def check(self, server: str, listed: tuple[str, ...], token: str) -> Access:  # noqa: ARG002 - the shape of FhirReader
        """Refuse; raises RefusedError."""
        raise RefusedError(OFFLINE)

    def submit(self, access: Access, query: str, until: float) -> Future[Answer]:  # noqa: ARG002 - the shape of FhirReader
        """Answer that nothing could be read."""
        answer: Future[Answer] = Future()
        answer.set_result(Answer(reason=OFFLINE))
        return answer

    def close(self, *, wait: bool = False) -> None:
        """Nothing is open."""


def from_file(path: Path, patient: str | None = None) -> Case:
    """Read a FHIR R4 Bundle (or a single resource); raises StopError that says what is wrong and what to do."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise StopError(Exit.USAGE, f"{path}: cannot be read: {error.strerror}", "Give the path of a FHIR Bundle in JSON.") from None
    try:
        page = read_page(parse_json(body), "Bundle")
    except BadJson as error:
        raise StopError(
            Exit.USAGE, f"{path}: {error.problems[0].message if error.problems else error.text}", "Give FHIR R4 as JSON."
        ) from None
    except MalformedError as error:
        raise StopError(
            Exit.USAGE, f"{path}: {error.path}: {error.message}", "Give a FHIR R4 Bundle whose entries hold resources."
        ) from None
    people = {_id(item): item for item in page.items if item.kind == "Patient"}
    wanted = patient.removeprefix("Patient/") if patient else next(iter(people), "")
    if not people:
        raise StopError(Exit.USAGE, f"{path}: found no Patient, expected one", "Add the Patient resource to the Bundle.")
    if wanted not in people or (patient is None and len(people) > 1):
        listed = ", ".join(list(people)[:5]) + (" ..." if len(people) > 5 else "")
        raise StopError(Exit.USAGE, f"{path}: found {len(people)} patients ({listed}), expected one", "Choose one with --patient ID.")
    items = [item for item in page.items if item.kind != "Patient"]
    own = Item({**people[wanted].resource, "id": wanted}, people[wanted].full_url)
    return _case(path.name, wanted, [own, *items])


def from_fixture(fixture: PatientFixture) -> Case:
    """An invented patient of `fhir_fixtures`."""
    return _case(fixture.name, fixture.patient_id, [Item(resource) for resource in fixture.resources])


def _case(name: str, patient: str, items: Sequence[Item]) -> Case:
    drafts = tuple(item for item in items if is_draft(item.resource))
    return Case(name, patient, tuple(item for item in items if not is_draft(item.resource)), drafts)


def _id(item: Item) -> str:
    own = item.resource.get("id")
    return own if isinstance(own, str) else (item.full_url or "").removeprefix("urn:uuid:").split("/")[-1]


class Asker:
    """Asks loaded knowledge about cases. Every kind of data counts as looked for: what is not in the file is absent, not unknown."""

    def __init__(self, knowledge: Knowledge, base_url: str) -> None:
        self.knowledge = knowledge
        self.services = services(knowledge)
        self.renderer = Renderer(base_url, knowledge.version, words=knowledge.in_words, titles=knowledge.titles)

    def ask(self, case: Case, hook: str, as_of: datetime) -> Answered:
        """Cards for one hook at one moment; raises StopError when the case cannot be read or not be evaluated."""
        service = self.services[f"neuromuscular-{hook}"]
        try:
            call = read_request(_request(case, service), hook)
            gathered = asyncio.run(gather(call, service, NoServer(), until=time.monotonic()))
            evaluation = self.knowledge.evaluate(gathered.resources, as_of=as_of, hook=hook, unread=gathered.unread)
        except ServiceError as error:
            problems = "; ".join(f"{one.path}: {one.message}" if one.path else one.message for one in error.problems) or error.text
            raise StopError(
                Exit.USAGE, f"{case.name}: {error.number}: {problems}", "docs/reference/errors.md explains the number."
            ) from None
        except EngineError as error:
            raise StopError(
                Exit.FAILED,
                f"{case.name}: the rule engine stopped ({error.kind})",
                "Report it with the rule ids: " + ", ".join(error.clauses),
            ) from None
        return Answered(case, hook, as_of, tuple(self.renderer.render(evaluation, case.patient)), evaluation, gathered)


def _request(case: Case, service: Service) -> JsonObject:
    medications = [item for item in case.record if item.kind == "Medication"]
    prefetch: JsonObject = {}
    for key, kind in service.types.items():
        found = [item for item in case.record if item.kind == kind]
        if kind.startswith("Medication"):
            found += medications
        prefetch[key] = _bundle(found, kind)
    context: JsonObject = {"userId": USER, "patientId": case.patient, "encounterId": "command-line"}
    orders = [item for item in case.drafts if item.kind != "Appointment"]
    if service.hook in ("order-select", "order-sign"):
        context["draftOrders"] = _bundle([*orders, *medications], "")
        context["selections"] = [f"{item.kind}/{item.resource.get('id')}" for item in orders]
    elif service.hook == "appointment-book":
        context["appointments"] = _bundle([item for item in case.drafts if item.kind == "Appointment"], "")
    elif service.hook == "problem-list-item-create":
        context["conditions"] = _bundle([item for item in case.record if item.kind == "Condition"], "")
    return {"hook": service.hook, "hookInstance": str(uuid4()), "context": context, "prefetch": prefetch}


def _bundle(items: Sequence[Item], kind: str) -> JsonObject:
    entries: list[JsonObject] = []
    for item in items:
        entry: JsonObject = {"resource": item.resource, "search": {"mode": "match" if item.kind == kind else "include"}}
        entries.append({**entry, "fullUrl": item.full_url} if item.full_url else entry)
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}
