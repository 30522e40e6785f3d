"""From the bytes of an export to rows: one resource each, with the patient it belongs to. Knows no Spark.

FHIR Bulk Data Access: a file holds one resource a line; references are relative or rooted in the server's base URL. A line may also hold a
Bundle, and a document (`.json`) is one Bundle or resource; inside a Bundle an entry may be called by its fullUrl (FHIR R4 2.36.4).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from cds_hooks.body import parse_json
from cds_hooks.bundles import Item, MalformedError, is_failure, read_page
from cds_hooks.errors import BadJson
from cds_hooks.ownership import named

__all__ = ["DAMAGED", "Row", "names_of_medication", "read_document", "read_text"]

KIND = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
OWNER = re.compile(rb'"reference"\s*:\s*"(?:https?://[^"?#\s]{1,2000}/)?Patient/([A-Za-z0-9._~-]{1,256})(?:/_history/[^"]{1,256})?"')
OWN_ID = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9._~-]{1,256})"')
PATIENT = re.compile(rb'"resourceType"\s*:\s*"Patient"\s*,\s*"id"\s*:\s*"([A-Za-z0-9._~-]{1,256})"')
DAMAGED = "a line of the export could not be read"


@dataclass(frozen=True, slots=True)
class Row:
    """What one resource, or one piece of text that is none, comes to.

    `patient` is the patient's id, None for a resource of nobody. `url` is the fullUrl of its entry. `names` joins a Medication with what
    names it: the names it is known by, or for other types the reference in `medicationReference`. `body` is the resource as JSON, empty
    when it could not be read; then `problem` says why, quoting nothing.
    """

    kind: str
    patient: str | None = None
    url: str = ""
    names: tuple[str, ...] = ()
    body: bytes = b""
    problem: str = ""


def read_text(text: bytes) -> list[Row]:
    """The rows of one line or document; never raises. What cannot be read gives one row for each patient whose name stands in the text."""
    try:
        value = parse_json(text)
        page = read_page(value, "line")
    except BadJson as error:
        return _broken(text, "; ".join(problem.message for problem in error.problems) or "not valid JSON")
    except MalformedError as error:
        return _broken(text, f"{error.path}: {error.message}")
    rows: list[Row] = []
    whole = not isinstance(value, dict) or value.get("resourceType") != "Bundle"
    people = _people(page.items)
    for item in page.items:
        rows += _rows(item, people, text if whole else None)
    remark = isinstance(value, dict) and value.get("resourceType") == "OperationOutcome" and not is_failure(value)
    told = ["the exporting server reported an error"] if page.failed and not remark else []
    told += ["an entry of the Bundle has no resource"] if page.hollow else []
    owners = sorted({row.patient for row in rows if row.patient is not None})
    return [*rows, *(row for problem in told for row in _incomplete(owners, problem))]


def read_document(content: bytes) -> list[Row]:
    """The same for a whole file, compressed with gzip or not."""
    if content[:2] == b"\x1f\x8b":
        unpacker = zlib.decompressobj(wbits=31)
        try:
            content = unpacker.decompress(content) + unpacker.flush()
        except zlib.error:
            return [Row("", problem="not a gzip file, or a damaged one")]
        if not unpacker.eof:
            return [Row("", problem="the gzip file is cut off")]
    return read_text(content)


def names_of_medication(reference: object) -> tuple[str, ...]:
    """The names under which the target of a `medicationReference` may be known (as `medications.unresolved` compares them)."""
    target = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(target, str) or target.startswith("#"):
        return ()
    return tuple(dict.fromkeys((target, "/".join(target.split("/_history/")[0].split("/")[-2:]))))


def _rows(item: Item, people: Mapping[str, str], text: bytes | None) -> Iterator[Row]:
    resource, url = item.resource, item.full_url or ""
    if item.kind == "Medication":
        names = [url] if url else []
        if isinstance(resource.get("id"), str):
            names.append(f"Medication/{resource['id']}")
        yield Row("Medication", None, url, tuple(names), text or orjson.dumps(resource))
        return
    if item.kind == "Patient" and url in people and resource.get("id") != people[url]:
        resource, text = {**resource, "id": people[url]}, None
    owners = [people.get(name, name) for name in named(resource)]
    body = text or orjson.dumps(resource)
    names = list(names_of_medication(resource.get("medicationReference")))
    for owner in dict.fromkeys(_plain(owner) for owner in owners):
        yield Row(item.kind, owner, url, tuple(names), body)
    if not owners:
        yield Row(item.kind)


def _incomplete(owners: Iterable[str], problem: str) -> list[Row]:
    """A Bundle that is not whole: what is missing may have been anything of anybody in it."""
    return [Row("", owner, problem=problem) for owner in owners] or [Row("", problem=problem)]


def _people(items: Iterable[Item]) -> dict[str, str]:
    """From fullUrl to Patient.id in one Bundle; a Patient without id is called by the end of its fullUrl."""
    found: dict[str, str] = {}
    for item in items:
        if item.kind == "Patient" and item.full_url:
            own = item.resource.get("id")
            found[item.full_url] = own if isinstance(own, str) else item.full_url.removeprefix("urn:uuid:").split("/")[-1]
    return found


def _plain(name: str) -> str:
    """urn:uuid:X is how a Bundle calls the patient whose id is X (`ownership.Patient`)."""
    return name.removeprefix("urn:uuid:")


def _broken(text: bytes, problem: str) -> list[Row]:
    """A damaged line may still say whose it is: then that type is unknown for that patient, not absent."""
    kinds = KIND.findall(text)
    kind = kinds[0].decode() if kinds else ""
    if kind == "Bundle":
        return _incomplete(sorted({name.decode() for name in OWNER.findall(text) + PATIENT.findall(text)}), problem)
    owners = OWN_ID.findall(text)[:1] if kind == "Patient" else OWNER.findall(text)
    return [Row(kind, owner.decode(), problem=problem) for owner in dict.fromkeys(owners)] or [Row(kind, problem=problem)]
