"""Bytes to JSON, once, safely: size, completeness, media type, encoding, duplicate keys, depth, numbers.

The only place where `Any` from a parser becomes `object`. RFC 8259 leaves duplicate keys, lone surrogates and huge
numbers to the reader; I-JSON (RFC 7493) forbids them, and so do we: two systems must never read one order in two ways.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import orjson
from starlette.requests import ClientDisconnect, Request

from cds_hooks.errors import BadJson, BodyIncomplete, BodyTooLarge, NotJson, Problem

__all__ = ["DEPTH_LIMIT", "JsonObject", "check_media_type", "containers", "parse_json", "read_body"]

JsonObject = dict[str, object]

DEPTH_LIMIT = 64
# Each container takes up to 1 microsecond to read. Dense FHIR without white space has one in 20 bytes; 8 MB of `[]` would take a second.
SMALLEST_CONTAINER = 12  # bytes
FEW_CONTAINERS = 10_000
MEDIA_TYPE = re.compile(r"application/(?:json|[a-z0-9.!#$&^_-]{1,64}\+json)", re.IGNORECASE)
CONTAINERS = frozenset((dict, list))


def check_media_type(content_type: str | None, content_encoding: str | None = None) -> None:
    """Accept application/json and application/*+json with any parameters but a charset other than UTF-8; else NotJson (415)."""
    kind, *parameters = (content_type or "").split(";")
    charsets = {part.split("=", 1)[1].strip(' "').lower() for part in parameters if part.strip().lower().startswith("charset=")}
    if (
        not MEDIA_TYPE.fullmatch(kind.strip())
        or charsets - {"utf-8", "utf8"}
        or (content_encoding or "identity").strip().lower() != "identity"
    ):
        raise NotJson


async def read_body(request: Request, limit: int, timeout_s: float) -> bytes:
    """The whole body, never more than `limit` bytes of it, within `timeout_s`; BodyTooLarge (413) or BodyIncomplete (400)."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(timeout_s):
            return await _collect(request.stream(), limit)
    except (ClientDisconnect, TimeoutError) as error:
        raise BodyIncomplete(headers={"Connection": "close"}) from error


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge((Problem(f"expected at most {limit} bytes"),), headers={"Connection": "close"})


async def _collect(stream: AsyncIterator[bytes], limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def containers(body: bytes) -> int:
    """How many objects and arrays a JSON text has at most, which is what reading it costs; brackets in strings count too."""
    return body.count(b"{") + body.count(b"[")


def parse_json(body: bytes) -> object:
    """Parsed JSON, or BadJson (400) that says what is wrong but quotes nothing.

    orjson refuses invalid UTF-8, lone surrogates, NaN, Infinity, numbers beyond a double and trailing text.
    """
    if containers(body) > FEW_CONTAINERS + len(body) // SMALLEST_CONTAINER:
        raise BadJson((Problem("many more objects and arrays than FHIR of this length has"),))
    try:
        value: object = orjson.loads(body)
        copy = orjson.dumps(value)
    except orjson.JSONDecodeError as error:
        raise BadJson((Problem(_place(error)),)) from None
    except (orjson.JSONEncodeError, RecursionError):
        raise BadJson((Problem(f"nested deeper than {DEPTH_LIMIT} levels"),)) from None
    # A dropped duplicate takes at least one colon with it; an escaped colon could hide that, so such bodies go the slow way.
    if (b"\\u003" in body or body.count(b":") != copy.count(b":")) and _has_duplicate_keys(body):
        raise BadJson((Problem("an object has the same member twice"),))
    if _deeper_than(value, DEPTH_LIMIT):
        raise BadJson((Problem(f"nested deeper than {DEPTH_LIMIT} levels"),))
    return value


def _place(error: json.JSONDecodeError) -> str:
    return f"not valid JSON at line {error.lineno}, column {error.colno}"


class _DuplicateKeyError(ValueError):
    """Raised inside json.loads."""


def _unique(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKeyError
    return found


def _has_duplicate_keys(body: bytes) -> bool:
    try:
        json.loads(body, object_pairs_hook=_unique, parse_int=float)
    except _DuplicateKeyError:
        return True
    return False


def _deeper_than(value: object, limit: int) -> bool:
    level: list[object] = [value] if type(value) in CONTAINERS else []
    depth = 0
    while level:
        depth += 1
        if depth > limit:
            return True
        level = [
            member
            for container in level
            for member in (container.values() if type(container) is dict else container)  # type: ignore[attr-defined]
            if type(member) in CONTAINERS
        ]
    return False
