"""The invented patients as a demo EHR lists them: by group of disease."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_hooks.pages.fhir_words import code_of, name_of
from fhir_fixtures import PatientFixture
from rules.terminology import Terminology

__all__ = ["Group", "Person", "groups"]

OTHERS = "No neuromuscular disease on record"
SILENT = "No neuromuscular disease on record, and no card expected"
DISEASE = "neuromuscular-disorder"  # the root of the taxonomy of diseases
NOT_THERE = frozenset({"refuted", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Person:
    """One patient on the list; `hooks` are the hooks for which the fixture promises something."""

    name: str
    title: str
    who: str
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Patients whose disease has the same place right below the root of the taxonomy."""

    label: str
    people: tuple[Person, ...]


def groups(everyone: Iterable[PatientFixture], terminology: Terminology) -> tuple[Group, ...]:
    """All fixtures; the largest groups first, patients without a neuromuscular disease last."""
    found: dict[str, list[Person]] = {}
    for fixture in everyone:
        found.setdefault(_disease(fixture, terminology), []).append(_person(fixture))
    ordered = sorted(found.items(), key=lambda item: (item[0] in (OTHERS, SILENT), item[0] == SILENT, -len(item[1]), item[0]))
    return tuple(Group(label, tuple(people)) for label, people in ordered)


def _person(fixture: PatientFixture) -> Person:
    own = next(resource for resource in fixture.record if resource["resourceType"] == "Patient")
    return Person(fixture.name, name_of(own), " ".join(fixture.who.split()), tuple(fixture.hooks))


def _disease(fixture: PatientFixture, terminology: Terminology) -> str:
    """The group of the neuromuscular disease, else what the record says instead of one: a symptom, a carrier state, a painful back."""
    instead = ""
    for resource in fixture.record:
        if resource["resourceType"] == "Condition" and code_of(resource.get("verificationStatus")) not in NOT_THERE:
            for concept in sorted(terminology.coding_concepts(resource.get("code"))):
                *below, root = (concept, *terminology.ancestors(concept))
                if below and root == DISEASE:
                    return terminology.label(below[-1])
                if below and not instead:
                    instead = terminology.label(root)
    return instead or (SILENT if all(one.silent for one in fixture.hooks.values()) else OTHERS)
