"""Reading FHIR Bundles and single resources as they arrive: prefetch values, context fields, pages of a search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds_hooks.body import JsonObject

__all__ = ["Item", "MalformedError", "Page", "distinct", "is_failure", "is_subset", "read_page"]

HARMLESS = ("information", "success")  # tuples: a value that is no text may be asked for
# Issue types that say "not everything", whatever their severity (http://hl7.org/fhir/R4/valueset-issue-type.html).
INCOMPLETE = ("incomplete", "suppressed", "throttled", "timeout", "too-costly", "transient")


class MalformedError(ValueError):
    """The JSON shape is not that of a resource or Bundle. `path` is the member that is wrong, `message` what was expected."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class Item:
    """One resource of a Bundle; `included` when the search brought it along without looking for it."""

    resource: JsonObject
    full_url: str | None = None
    included: bool = False

    @property
    def kind(self) -> str:
        """The resource type."""
        return str(self.resource["resourceType"])


@dataclass(frozen=True, slots=True)
class Page:
    """One Bundle, or one resource standing alone, without its OperationOutcomes.

    `failed` is true when an OperationOutcome came instead of a result, or one that says more than "information" came along: the result
    may not be what was asked for. `hollow` is true when an entry has no resource. `total` is Bundle.total, `next_url` the next page,
    "" when one is named without an address, `searchset` whether it is the Bundle that a search answers with
    (http://hl7.org/fhir/R4/http.html#search).
    """

    items: tuple[Item, ...] = ()
    failed: bool = False
    hollow: bool = False
    total: int | None = None
    next_url: str | None = None
    searchset: bool = False


def read_page(value: object, path: str) -> Page:
    """Read one Bundle or resource; raises MalformedError when the shape is wrong. `path` is where the value stands."""
    resource = _object(value, path)
    kind = _type(resource, path)
    if kind == "OperationOutcome":
        return Page(failed=True)
    if kind != "Bundle":
        return Page(items=(Item(resource),))
    found: list[Item] = []
    failed = hollow = False
    for place, entry in _entries(resource, path):
        inner = entry.get("resource")
        if inner is None:
            hollow = True
            continue
        inner_resource = _object(inner, f"{place}.resource")
        if _type(inner_resource, f"{place}.resource") == "OperationOutcome":
            failed = failed or is_failure(inner_resource)
            continue
        full_url = entry.get("fullUrl")
        search = entry.get("search")
        included = isinstance(search, dict) and search.get("mode") == "include"
        found.append(Item(inner_resource, full_url if isinstance(full_url, str) else None, included))
    total = _total(resource.get("total"))
    return Page(
        items=tuple(found),
        failed=failed,
        hollow=hollow or total is None,
        total=total,
        next_url=_next(resource, path),
        searchset=resource.get("type") == "searchset",
    )


def distinct(items: Iterable[Item]) -> tuple[list[Item], bool]:
    """Items without repetitions, and whether two of one type and id differ. Pages repeat a resource when the data change in between."""
    found: list[Item] = []
    first: dict[tuple[str, str], JsonObject] = {}
    differ = False
    for item in items:
        own = item.resource.get("id")
        if isinstance(own, str):
            known = first.setdefault((item.kind, own), item.resource)
            if known is not item.resource:
                if known == item.resource:
                    continue
                differ = True
        found.append(item)
    return found, differ


def is_subset(resource: JsonObject) -> bool:
    """Whether the server left elements out and says so (tag SUBSETTED, http://hl7.org/fhir/R4/search.html#summary)."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    return any(isinstance(tag, dict) and tag.get("code") == "SUBSETTED" for tag in (tags if isinstance(tags, list) else ()))


def _entries(bundle: JsonObject, path: str) -> Iterator[tuple[str, JsonObject]]:
    entries = bundle.get("entry")
    if entries is None:
        return
    if not isinstance(entries, list):
        raise MalformedError(f"{path}.entry", "expected an array")
    for number, entry in enumerate(entries):
        place = f"{path}.entry[{number}]"
        yield place, _object(entry, place)


def _next(bundle: JsonObject, path: str) -> str | None:
    links = bundle.get("link")
    if links is None:
        return None
    if not isinstance(links, list):
        raise MalformedError(f"{path}.link", "expected an array")
    for link in links:
        if isinstance(link, dict) and link.get("relation") == "next":
            url = link.get("url")
            return url if isinstance(url, str) else ""
    return None


def _total(value: object) -> int | None:
    """How many matches there are, at least: none when it is not said; None when what is said is no count and may hide some.

    Some servers write the number as text or with a decimal point."""
    if value is None:
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf and value == int(value):
        return int(value)
    return None


def is_failure(outcome: JsonObject) -> bool:
    """Does an OperationOutcome say that something is missing or wrong, rather than remark on it?"""
    issues = outcome.get("issue")
    if not isinstance(issues, list) or not issues:
        return True
    return any(not isinstance(issue, dict) or issue.get("severity") not in HARMLESS or issue.get("code") in INCOMPLETE for issue in issues)


def _object(value: object, path: str) -> JsonObject:
    if not isinstance(value, dict):
        raise MalformedError(path, "expected an object")
    return value


def _type(resource: JsonObject, path: str) -> str:
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind.isalpha() or len(kind) > 64:
        raise MalformedError(f"{path}.resourceType", "expected the name of a FHIR resource type")
    return kind
