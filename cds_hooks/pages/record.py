"""The patient whose chart is open: from a fixture or a pasted Bundle to the prefetch that an EHR would send."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_hooks.body import JsonObject
from cds_hooks.bundles import Item, MalformedError, read_page
from cds_hooks.discovery import Service
from fhir_fixtures import PatientFixture, is_draft

__all__ = ["OpenRecord", "from_bundle", "from_fixture", "prefetch"]


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """One patient. `drafts` is what the clinician is about to order or book, `record` everything else, the Patient first."""

    patient: str
    record: tuple[Item, ...]
    drafts: tuple[Item, ...]

    @property
    def person(self) -> JsonObject:
        """The Patient resource."""
        return self.record[0].resource

    @property
    def encounter(self) -> str:
        """The id of the latest visit on file, or a made-up one: two hooks require it."""
        found = [str(item.resource["id"]) for item in self.record if item.kind == "Encounter" and item.resource.get("id")]
        return found[-1] if found else "encounter-today"


def from_fixture(fixture: PatientFixture) -> OpenRecord:
    """An invented patient."""
    return _open([Item(resource) for resource in fixture.resources], fixture.patient_id)


def from_bundle(value: object) -> OpenRecord:
    """A pasted Bundle; raises MalformedError that says what is wrong with it."""
    page = read_page(value, "Bundle")
    people = [item for item in page.items if item.kind == "Patient"]
    if len(people) != 1:
        raise MalformedError("Bundle.entry", f"found {len(people)} Patient resources, expected one")
    own = people[0].resource.get("id")
    known = own if isinstance(own, str) and own else (people[0].full_url or "pasted").removeprefix("urn:uuid:").split("/")[-1]
    named = Item({**people[0].resource, "id": known}, people[0].full_url)
    return _open([named if item is people[0] else item for item in page.items], known)


def prefetch(opened: OpenRecord, services: Iterable[Service]) -> dict[str, object]:
    """Every prefetch key of these services; an empty searchset where nothing is on file, as an EHR would find."""
    types = {key: kind for service in services for key, kind in service.types.items()}
    medications = [item for item in opened.record if item.kind == "Medication"]
    found: dict[str, object] = {}
    for key, kind in types.items():
        own = [item for item in opened.record if item.kind == kind]
        if kind == "Patient" and own[0].full_url is None:
            found[key] = own[0].resource
        else:
            found[key] = _searchset(own, medications if kind.startswith("Medication") else ())
    return found


def _open(items: Sequence[Item], patient: str) -> OpenRecord:
    own = [item for item in items if item.kind == "Patient"]
    drafts = [_with_id(item, number) for number, item in enumerate(items) if is_draft(item.resource)]
    others = [item for item in items if item.kind != "Patient" and not is_draft(item.resource)]
    return OpenRecord(patient, (*own, *others), tuple(drafts))


def _with_id(item: Item, number: int) -> Item:
    """A draft needs an id: `selections` and suggestions name it."""
    return item if isinstance(item.resource.get("id"), str) else Item({**item.resource, "id": f"pasted-{number}"}, item.full_url)


def _searchset(found: Sequence[Item], included: Sequence[Item]) -> JsonObject:
    entries = [_entry(item, "match") for item in found] + [_entry(item, "include") for item in included if found]
    bundle: JsonObject = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return {**bundle, "entry": entries} if entries else bundle


def _entry(item: Item, mode: str) -> JsonObject:
    entry: JsonObject = {"resource": item.resource, "search": {"mode": mode}}
    return {"fullUrl": item.full_url, **entry} if item.full_url else entry
