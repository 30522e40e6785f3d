"""Medications that an order names only by reference (FHIR R4 `medicationReference`): which of them are not among the data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from cds_hooks.body import JsonObject
from cds_hooks.bundles import Item

__all__ = ["names_of", "reads_of", "unresolved"]

READ = re.compile(r"Medication/(?P<id>[^/?#]+)(?:/_history/(?P<version>[^/?#]+))?")


def names_of(items: Iterable[Item]) -> frozenset[str]:
    """Every name under which the Medications among the data may be called: Medication/id and fullUrl."""
    found: set[str] = set()
    for item in items:
        if item.kind == "Medication":
            found.add(f"Medication/{item.resource.get('id')}")
            if item.full_url:
                found.add(item.full_url)
    return frozenset(found)


def reads_of(references: Iterable[str], bases: Iterable[str]) -> list[str]:
    """The reads (http://hl7.org/fhir/R4/http.html#read, #vread) for references to Medications of the server at `bases`, one for each.

    A reference with a version means that version. Asked for in several, one of which is the current one, that is read; of several old
    ones none, for a Medication of this call is known by its id alone."""
    versions: dict[str, set[str]] = {}
    here = tuple(f"{base}/" for base in bases)
    for reference in references:
        own = next((reference.removeprefix(base) for base in here if reference.startswith(base)), reference)
        found = READ.fullmatch(own)
        if found is not None and not {found["id"], found["version"]} & {".", ".."}:  # these would lead elsewhere
            versions.setdefault(found["id"], set()).add(found["version"] or "")
    return [
        f"Medication/{quote(name, safe='')}" + (f"/_history/{quote(min(asked), safe='')}" if "" not in asked else "")
        for name, asked in versions.items()
        if "" in asked or len(asked) == 1
    ]


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
