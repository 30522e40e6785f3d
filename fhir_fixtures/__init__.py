"""Invented patients and requests in FHIR R4, for the demo page, the tests and anyone who wants to try the service.

`patients()` reads `patients/<name>.json` (a Bundle of type collection) with `patients/<name>.about.toml` (who it is, the fixed date, what
the service must say). A draft order or proposed Appointment is what a clinician is about to do; all else is the record. See `README.md`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from importlib import resources
from types import MappingProxyType
from typing import cast

from fhir_fixtures.dates import moved
from fhir_fixtures.requests_for import Resource, prefetch_for, request_for

__all__ = [
    "Expectation",
    "OddRequest",
    "PatientFixture",
    "Resource",
    "is_draft",
    "odd_requests",
    "patient",
    "patient_names",
    "patients",
    "request_body",
    "request_names",
]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one hook must answer: rules that fire, rules that ask, rules that say nothing (`quiet`), or nothing at all (`silent`).

    Unless `silent`, other rules may speak too."""

    expects: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    silent: bool = False


@dataclass(frozen=True, slots=True)
class PatientFixture:
    """One invented patient. `who` is two sentences, `on` the day the service is asked, `hooks` maps a hook to what it must answer."""

    name: str
    who: str
    on: date
    hooks: Mapping[str, Expectation]
    bundle: Resource

    @property
    def as_of(self) -> datetime:
        """Return the clock of the call: noon UTC of `on`."""
        return datetime.combine(self.on, time(12), tzinfo=UTC)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Return every resource of the bundle, in its order."""
        entries = cast("list[dict[str, Resource]]", self.bundle["entry"])
        return tuple(entry["resource"] for entry in entries)

    def moved_to(self, day: date) -> PatientFixture:
        """Return the same patient asked on `day`: every date, the birth date too, moves by as many days as `on` does."""
        return replace(self, on=day, bundle=moved(self.bundle, day - self.on))

    @property
    def record(self) -> tuple[Resource, ...]:
        """Return what is on file: everything but the drafts."""
        return tuple(resource for resource in self.resources if not is_draft(resource))

    @property
    def drafts(self) -> tuple[Resource, ...]:
        """Return what the clinician is about to order or book."""
        return tuple(resource for resource in self.resources if is_draft(resource))

    @property
    def patient_id(self) -> str:
        """Return the id of the Patient resource."""
        return next(str(resource["id"]) for resource in self.resources if resource["resourceType"] == "Patient")

    def prefetch(self) -> Resource:
        """Return the prefetch of a complete answer: one key per resource type, an empty searchset where nothing is on file."""
        return prefetch_for(self.record)

    def request(self, hook: str) -> Resource:
        """Return a whole CDS Hooks request for `hook`; raises ValueError for a hook the service does not have."""
        return request_for(hook, self.name, self.record, self.drafts)


def is_draft(resource: Mapping[str, object]) -> bool:
    """Return whether a resource is what a clinician is about to order or book, and not yet on file."""
    status = resource.get("status")
    return status == "draft" or (status == "proposed" and resource.get("resourceType") == "Appointment")


def _read(name: str) -> PatientFixture:
    folder = resources.files(__name__) / "patients"
    about = tomllib.loads((folder / f"{name}.about.toml").read_text(encoding="utf-8"))
    hooks = {
        hook: Expectation(
            tuple(entry.get("expects", ())), tuple(entry.get("asks", ())), tuple(entry.get("quiet", ())), entry.get("silent", False)
        )
        for hook, entry in about["hooks"].items()
    }
    bundle: Resource = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return PatientFixture(name, about["who"], about["on"], MappingProxyType(hooks), bundle)


def patient_names() -> tuple[str, ...]:
    """Return the names of all invented patients, in order."""
    files = (resources.files(__name__) / "patients").iterdir()
    return tuple(sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json")))


def patients() -> tuple[PatientFixture, ...]:
    """Return all invented patients, by name."""
    return tuple(map(_read, patient_names()))


def patient(name: str) -> PatientFixture:
    """Return one invented patient; raises FileNotFoundError for an unknown name."""
    return _read(name)


def request_names() -> tuple[str, ...]:
    """Return the names of the ready-made requests, each `requests/<name>.json`."""
    files = (resources.files(__name__) / "requests").iterdir()
    return tuple(sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json")))


def request_body(name: str) -> bytes:
    """Return one ready-made request as it goes over the wire."""
    return (resources.files(__name__) / "requests" / f"{name}.json").read_bytes()


@dataclass(frozen=True, slots=True)
class OddRequest:
    """A request that is unusual, wrong or hostile, the service it goes to, the status it must get, and why."""

    name: str
    service: str
    status: int
    why: str
    body: bytes


def odd_requests() -> tuple[OddRequest, ...]:
    """Return the odd requests in the order of `requests/odd/index.toml`."""
    folder = resources.files(__name__) / "requests" / "odd"
    index = tomllib.loads((folder / "index.toml").read_text(encoding="utf-8"))
    return tuple(
        OddRequest(name, entry["service"], entry["status"], entry["why"], (folder / f"{name}.json").read_bytes())
        for name, entry in index.items()
    )
