"""From prefetch and FHIR server to the resources of one patient, or what is missing and why.

Per prefetch key (CDS Hooks, "Prefetch Template"): data is present; null means looked and found none, so absent; missing means that
we fetch it; an OperationOutcome, a part of a result or another patient's data means unknown. Unknown is never absent.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from cds_hooks.bundles import Item, MalformedError, Page, distinct, is_subset, read_page
from cds_hooks.discovery import Service
from cds_hooks.envelope import HookRequest, OrderSelect
from cds_hooks.errors import BadRequest, MissingData, Problem
from cds_hooks.faults import NOT_SENT, Fault, RefusedError
from cds_hooks.fhir_client import Access, Answer, FhirReader
from cds_hooks.medications import names_of, unresolved
from cds_hooks.ownership import Owner, Patient
from rules.extract import Input
from rules.facts import Origin

__all__ = ["Gathered", "gather"]

IN_PARTS = "only a part of the data came"
ERROR = "the sending system reported an error"
SERVER_ERROR = Fault.SERVER_ERROR.value
FOREIGN = "data of another patient came and were not used"
UNSAID = "data that do not say whose they are came and were not used"
MISLABELLED = "other kinds of data came in its place"
LATE = Fault.TIMEOUT.value
TOO_MUCH = "there are more data than this service reads"
TWO_VERSIONS = "one record came in two versions"
NAMELESS = "a medication is named only by a reference that could not be read"
MEDICATIONS = 20  # references followed to the FHIR server in one call
HANDED_OVER = 0.08  # of the time that is left when reading starts: what is not here so much before the deadline is late
HANDING_OVER = 0.15  # of the time that is left: reading ends so much before the deadline, so that the pages read until then are still used
ROUGH_S = 0.05  # what is kept back is an estimate: a page that misses the deadline by so little is still used
# Kept back for each resource: what ownership, facts and rules take for one, at most. When that is not enough, the evaluation ends in time.
EVALUATING_S = {"Condition": 3e-4, "MedicationAdministration": 4e-4, "MedicationRequest": 4e-4, "MedicationStatement": 4e-4}
OTHERS_S = 1e-4


@dataclass(frozen=True, slots=True)
class Gathered:
    """Resources that belong to the patient, each with where it stood; `unread` maps a resource type to why it is unknown.

    `foreign` and `foreign_orders` count what belonged to somebody else, in the record and among the orders; `fetched` counts the
    prefetch keys and medications that the FHIR server was asked for.
    """

    resources: tuple[Input, ...]
    unread: Mapping[str, str]
    foreign: int = 0
    foreign_orders: int = 0
    fetched: int = 0


@dataclass(slots=True)
class Slot:
    """One prefetch key while it is filled. `had`: something answered for it; `unknown`: why absence cannot be concluded."""

    key: str
    kind: str
    query: str
    items: list[Item] = field(default_factory=list)
    unknown: str | None = None
    had: bool = False
    next_url: str | None = None
    total: int = 0

    def add(self, page: Page, reason: str) -> None:
        """Take in one page."""
        self.had = True
        self.items += page.items
        self.total = max(self.total, page.total or 0)
        self.next_url = page.next_url
        if page.failed:
            self.unknown = reason
        elif page.hollow:
            self.unknown = IN_PARTS

    def close(self, refusal: str) -> None:
        """Nothing more will come."""
        self.items, differ = distinct(self.items)
        if differ:
            self.unknown = self.unknown or TWO_VERSIONS
        if not self.had:
            self.unknown = self.unknown or refusal
        elif self.next_url is not None or sum(not item.included for item in self.items) < self.total:
            self.unknown = self.unknown or IN_PARTS


async def gather(
    request: HookRequest, service: Service, fhir: FhirReader, *, listed: tuple[str, ...] = (), until: float, most: int = sys.maxsize
) -> Gathered:
    """Everything for one call before `until` (time.monotonic); raises BadRequest (400) for malformed FHIR, MissingData (412).

    No more than `most` resources of one prefetch key are used, as of a search: the rest is unknown.
    """
    slots = [_slot(service, key, request, most) for key in service.types]
    orders = _orders(request)
    access, refusal = _access(request, fhir, listed)
    fetched = await _fill(slots, fhir, access, refusal, until)
    patient = _patient(request, slots)
    kept, unread, foreign = _own(slots, patient)
    _require(service, slots, kept)
    mine, foreign_orders = _own_orders(orders, patient, unread)
    everything = [*((item, Origin.RECORD) for item in kept), *mine]
    fetched += await _fetch_medications(everything, fhir, access, until)
    _note_nameless(everything, unread)
    return Gathered(
        resources=tuple(Input(item.resource, origin, item.full_url or "") for item, origin in everything),
        unread=unread,
        foreign=foreign,
        foreign_orders=foreign_orders,
        fetched=fetched,
    )


def _slot(service: Service, key: str, request: HookRequest, most: int) -> Slot:
    query = service.templates[key].replace("{{context.patientId}}", quote(request.context.patient_id, safe=""))
    slot = Slot(key, service.types[key], query)
    if key in request.prefetch:
        value = request.prefetch[key]
        slot.add(Page() if value is None else _page(value, f"prefetch.{key}"), ERROR)
        if len(slot.items) > most:
            slot.items, slot.unknown, slot.next_url = slot.items[:most], TOO_MUCH, None
    return slot


def _page(value: object, path: str) -> Page:
    try:
        return read_page(value, path)
    except MalformedError as error:
        raise BadRequest.at(error.path, error.message) from None


def _access(request: HookRequest, fhir: FhirReader, listed: tuple[str, ...]) -> tuple[Access | None, str]:
    if request.fhir_server is None:
        return None, NOT_SENT
    token = request.fhir_authorization.access_token if request.fhir_authorization is not None else ""
    try:
        return fhir.check(request.fhir_server, listed, token), NOT_SENT
    except RefusedError as error:
        return None, error.reason


async def _fill(slots: Iterable[Slot], fhir: FhirReader, access: Access | None, refusal: str, until: float) -> int:
    """Fetch what is missing and further pages, all at once; afterwards every slot is complete or unknown."""
    wanting = [slot for slot in slots if not slot.had or slot.next_url is not None] if access is not None else []
    if wanting and access is not None:
        costs = _cost(item for slot in slots for item in slot.items)
        answers = await _read(fhir, access, [_url(slot) for slot in wanting], until, costs)
        for slot, answer in zip(wanting, answers, strict=True):
            for page in answer.pages:
                slot.add(page, SERVER_ERROR)
            slot.unknown = slot.unknown or answer.reason
    for slot in slots:
        slot.close(refusal)
    return len(wanting)


def _url(slot: Slot) -> str:
    if slot.next_url is not None:
        return slot.next_url
    return f"{slot.query}&_count=200" if "?" in slot.query else slot.query


async def _read(fhir: FhirReader, access: Access, urls: Iterable[str], until: float, costs: float) -> list[Answer]:
    """All at once; what is not there by the deadline is late, whatever its thread still does.

    The more was read, the earlier the deadline: every resource takes its time in the rules, and the answer has to be there in time.
    `costs`: what those take that are here already, in seconds.
    """
    has = until - time.monotonic()
    ends, until = until - HANDING_OVER * has, until - HANDED_OVER * has
    tasks = [asyncio.wrap_future(fhir.submit(access, url, ends)) for url in urls]
    answers = dict.fromkeys(tasks, Answer(reason=LATE))
    pending = set(tasks)
    while pending and (left := until - costs - time.monotonic()) > 0:
        done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            answer = task.result()
            more = _cost(item for page in answer.pages for item in page.items)
            if time.monotonic() + costs + more <= until + ROUGH_S:
                costs += more
                answers[task] = answer
    for task in pending:
        task.cancel()
    return [answers[task] for task in tasks]


def _cost(items: Iterable[Item]) -> float:
    return sum(EVALUATING_S.get(item.kind, OTHERS_S) for item in items)


def _patient(request: HookRequest, slots: Iterable[Slot]) -> Patient:
    """The patient in context, with the names under which the EHR may refer to them."""
    own = f"/Patient/{request.context.patient_id}"
    bases = {request.fhir_server.rstrip("/")} if request.fhir_server else set()
    urns = set()
    for item in (item for slot in slots if slot.kind == "Patient" for item in slot.items):
        if item.full_url and item.resource.get("id") == request.context.patient_id:
            if item.full_url.startswith("urn:"):
                urns.add(item.full_url)
            elif bases and item.full_url.endswith(own):
                bases.add(item.full_url.removesuffix(own))
    return Patient(request.context.patient_id, frozenset(bases), frozenset(urns))


def _own(slots: Iterable[Slot], patient: Patient) -> tuple[list[Item], dict[str, str], int]:
    """Keep what is of the expected type and the patient's; note why a type is unknown."""
    kept: list[Item] = []
    unread: dict[str, str] = {}
    foreign = 0
    for slot in slots:
        for item in slot.items:
            if item.kind == "Medication":
                kept.append(item)
            elif item.kind != slot.kind:
                slot.unknown = slot.unknown or (None if item.included else MISLABELLED)
            elif (owner := patient.owner(item.resource)) is Owner.THIS:
                kept.append(item)
                if is_subset(item.resource):
                    slot.unknown = slot.unknown or IN_PARTS
            else:
                foreign += owner is Owner.OTHER
                slot.unknown = FOREIGN if owner is Owner.OTHER else slot.unknown or UNSAID
        if slot.unknown is not None:
            unread[slot.kind] = slot.unknown
    return kept, unread, foreign


def _require(service: Service, slots: Iterable[Slot], kept: Iterable[Item]) -> None:
    """Patient must be there; conditions must have been looked for (412 otherwise)."""
    there = {item.kind for item in kept}
    missing = [
        Problem(f"prefetch key {slot.key}: {slot.unknown or 'not found'}", f"prefetch.{slot.key}")
        for slot in slots
        if slot.key in service.required and slot.kind not in there and (slot.unknown is not None or slot.kind == "Patient")
    ]
    if missing:
        raise MissingData(missing)


def _orders(request: HookRequest) -> list[tuple[Item, Origin]]:
    """What the hook brings along. An order-select call whose selections name no order asks about all of them: more is checked, not less."""
    found: list[Item] = []
    for path, bundle in request.contents:
        page = _page(bundle, path)
        if bundle.get("resourceType") != "Bundle":
            raise BadRequest.at(f"{path}.resourceType", "expected Bundle")
        if page.hollow:
            raise BadRequest.at(f"{path}.entry", "expected a resource in every entry")
        found += page.items
        if page.failed or page.next_url is not None or (page.total or 0) > len(page.items):
            found.append(Item({"resourceType": "OperationOutcome"}))  # more is asked about than came
    context = request.context
    if request.hook == "problem-list-item-create":  # the problems are what this hook asks about; they count as the record does
        return [(item, Origin.DRAFT if item.kind == "Condition" else Origin.RECORD) for item in found]
    if not isinstance(context, OrderSelect):
        return [(item, Origin.DRAFT) for item in found]
    selected = [_is_selected(item, context.selections) for item in found]
    unmatched = not all(any(_is_selected(item, [name]) for item in found) for name in context.selections)
    return [(item, Origin.DRAFT if unmatched or chosen else Origin.PLANNED) for item, chosen in zip(found, selected, strict=True)]


def _is_selected(item: Item, selections: Iterable[str]) -> bool:
    name = item.resource.get("id")
    return any(
        selection in (name, f"{item.kind}/{name}", item.full_url) or (isinstance(name, str) and selection.endswith(f"/{item.kind}/{name}"))
        for selection in selections
    )


def _own_orders(orders: Iterable[tuple[Item, Origin]], patient: Patient, unread: dict[str, str]) -> tuple[list[tuple[Item, Origin]], int]:
    """An order without a patient is the context patient's by the meaning of the hook; one of another patient is not used."""
    mine = []
    foreign = 0
    for item, origin in orders:
        if item.kind != "Medication" and patient.owner(item.resource) is Owner.OTHER:
            foreign += 1
            unread[item.kind] = FOREIGN
        else:
            mine.append((item, Origin.RECORD if item.kind == "Medication" else origin))
    return mine, foreign


async def _fetch_medications(everything: list[tuple[Item, Origin]], fhir: FhirReader, access: Access | None, until: float) -> int:
    """Read the Medications that nothing but a reference names, and add them to `everything`."""
    if access is None:
        return 0
    known = names_of(item for item, _ in everything)
    wanted = dict.fromkeys(reference for item, _ in everything if (reference := unresolved(item.resource, known)))
    urls = [f"Medication/{quote(name[11:], safe='')}" for name in wanted if name.startswith("Medication/") and "/" not in name[11:]]
    if not urls:
        return 0
    costs = _cost(item for item, _ in everything)
    for answer in await _read(fhir, access, urls[:MEDICATIONS], until, costs):
        everything += ((item, Origin.RECORD) for page in answer.pages for item in page.items if item.kind == "Medication")
    return len(urls[:MEDICATIONS])


def _note_nameless(everything: Iterable[tuple[Item, Origin]], unread: dict[str, str]) -> None:
    """A medicine on record that is not known could be any; `rules.extract` tells of those that the hook asks about."""
    known = names_of(item for item, _ in everything)
    for item, origin in everything:
        if origin is Origin.RECORD and unresolved(item.resource, known) is not None:
            unread.setdefault(item.kind, NAMELESS)
