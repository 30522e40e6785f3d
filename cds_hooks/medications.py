"""Medications that an order names only by reference (FHIR R4 `medicationReference`): which of them are not among the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_hooks.body import JsonObject
from cds_hooks.bundles import Item

__all__ = ["names_of", "unresolved"]


def names_of(items: Iterable[Item]) -> frozenset[str]:
    """Every name under which the Medications among the data may be called: Medication/id and fullUrl."""
    found: set[str] = set()
    for item in items:
        if item.kind == "Medication":
            found.add(f"Medication/{item.resource.get('id')}")
            if item.full_url:
                found.add(item.full_url)
    return frozenset(found)


def unresolved(resource: JsonObject, known: frozenset[str]) -> str | None:
    """The reference to a medication that is neither contained nor known; "" when it names nothing; None when all is well."""
    medication = resource.get("medicationReference")
    if medication is None:
        return None
    reference = medication.get("reference") if isinstance(medication, Mapping) else None
    if not isinstance(reference, str):
        return ""
    if reference.startswith("#"):
        contained = resource.get("contained")
        there = isinstance(contained, list) and any(isinstance(one, Mapping) and one.get("id") == reference[1:] for one in contained)
        return None if there else ""
    short = "/".join(reference.split("/_history/")[0].split("/")[-2:])
    return None if reference in known or short in known else reference
