"""Vignettes: the shorthand of rule files becomes real FHIR R4 resources with real codes, so that a test runs the whole way.

Keys of a patient and of their entries are listed in `SECTIONS`; an entry is a concept id or a table with `concept`.
Times are ISO texts or relative to the day of the vignette: "-30 days", "+2 weeks", "-48 hours" (from noon UTC), "today".
`also` gives a diagnosis the codings of further concepts. An empty text leaves the element out (`verification = ""`).
A name without a public code is coded in our own code system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from rules.extract import TYPES
from rules.terminology import Terminology
from rules.vignette.entry import SECTIONS, Entry, Json, known_keys, near
from rules.vignette.maker import PATIENT, Maker
from rules.vignette.sections import MAKERS

__all__ = ["SECTIONS", "Scene", "build"]

_PATIENT_KEYS: Final = ("age", "birth", "gender", "deceased", "unread", *SECTIONS)


@dataclass(frozen=True, slots=True)
class Scene:
    """What an EHR would send: `resources` on file, `drafts` the hook asks about, `planned` other drafts, the hook's `context`.

    `problems` are those of `resources` that problem-list-item-create asks about.
    """

    resources: list[Json] = field(default_factory=list)
    drafts: list[Json] = field(default_factory=list)
    planned: list[Json] = field(default_factory=list)
    context: Json = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    problems: list[Json] = field(default_factory=list)


def build(patient: Mapping[str, object], *, on: date, hook: str, terminology: Terminology) -> Scene:
    """The resources of a short patient on the day `on` (the hook is called at noon UTC).

    Raises ValueError naming the key, what was found and what would be right.
    """
    known_keys("patient", patient, _PATIENT_KEYS)
    unread = _unread(patient.get("unread", []))
    maker = Maker(terminology, on, hook)
    maker.patient(patient)
    for section in SECTIONS:
        entries = patient.get(section, [])
        if not isinstance(entries, list):
            raise ValueError(f"patient.{section}: found {entries!r}, expected a list")
        for place, raw in enumerate(entries):
            MAKERS[section](maker, Entry(f"patient.{section}[{place}]", section, raw, maker))
    return Scene(maker.resources, maker.drafts, maker.planned, _context(maker), unread, maker.problems)


def _unread(names: object) -> dict[str, str]:
    if not isinstance(names, list):
        raise ValueError(f"patient.unread: found {names!r}, expected a list of FHIR resource types")
    for name in names:
        if name not in TYPES:
            raise ValueError(f"patient.unread: found {name!r}, expected one of {', '.join(TYPES)}{near(str(name), TYPES)}")
    return dict.fromkeys(names, "the record could not be read")


def _context(maker: Maker) -> Json:
    """The context of the hook (CDS Hooks library): what the clinician is looking at or about to do."""
    context: Json = {"userId": "Practitioner/practitioner-1", "patientId": PATIENT}
    if maker.hook in ("encounter-start", "encounter-discharge"):
        context["encounterId"] = "encounter-1"
    elif maker.hook in ("order-select", "order-sign"):
        context["draftOrders"] = _bundle([*maker.drafts, *maker.planned])
        if maker.hook == "order-select":
            context["selections"] = [f"{made['resourceType']}/{made['id']}" for made in maker.drafts]
    elif maker.hook == "appointment-book":
        context["appointments"] = _bundle(maker.drafts)
    elif maker.hook == "problem-list-item-create":
        context["conditions"] = _bundle(maker.problems)
    return context


def _bundle(resources: list[Json]) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": made} for made in resources]}
