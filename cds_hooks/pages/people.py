"""The invented patients as a demo EHR lists them: by group of disease."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_hooks.pages.fhir_words import code_of, name_of
from fhir_fixtures import PatientFixture
from rules.terminology import Terminology

__all__ = ["Group", "Person", "groups"]

OTHERS = "Other patients, who should get no card"
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
    ordered = sorted(found.items(), key=lambda item: (item[0] == OTHERS, -len(item[1]), item[0]))
    return tuple(Group(label, tuple(people)) for label, people in ordered)


def _person(fixture: PatientFixture) -> Person:
    own = next(resource for resource in fixture.record if resource["resourceType"] == "Patient")
    return Person(fixture.name, name_of(own), " ".join(fixture.who.split()), tuple(fixture.hooks))


def _disease(fixture: PatientFixture, terminology: Terminology) -> str:
    for resource in fixture.record:
        if resource["resourceType"] == "Condition" and code_of(resource.get("verificationStatus")) not in NOT_THERE:
            for concept in sorted(terminology.coding_concepts(resource.get("code"))):
                above = terminology.ancestors(concept)
                if above:
                    return terminology.label((concept, *above)[-2])
    return OTHERS
