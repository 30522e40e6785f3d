"""What is fuzzed: bytes in, and nothing but the refusals that are meant to be may come out."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from cds_hooks.body import parse_json
from cds_hooks.bundles import MalformedError, read_page
from cds_hooks.envelope import CONTEXTS, read_request
from cds_hooks.errors import ServiceError
from cds_hooks.feedback import read_feedback
from fhir_fixtures import patients, request_body, request_names
from rules.engine.interface import Budget
from rules.extract import Input, extract
from rules.facts import Origin
from rules.knowledge import Knowledge

__all__ = ["KEPT", "TARGETS", "edited_feedback", "seeds"]

KEPT = Path(__file__).parent / "corpus"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNHURRIED = Budget(seconds=60)  # a machine busy elsewhere is no fault; libFuzzer watches the time
CARD = "5a9c1f0e-0d4c-4b8e-9f57-3c1b2a6d7e80"
FEEDBACK = {
    "feedback": [
        {"card": CARD, "outcome": "accepted", "acceptedSuggestions": [{"id": CARD}], "outcomeTimestamp": "2026-11-22T12:00:00Z"},
        {
            "card": CARD,
            "outcome": "overridden",
            "overrideReason": {"reason": {"code": "other", "system": "https://example.org"}, "userComment": "no"},
            "outcomeTimestamp": "2026-11-22T12:00:00.123+01:00",
        },
    ]
}
ODD: tuple[object, ...] = (
    None, True, False, 0, -1, 1e300, 10**30, 0.1, "", " ", "2026", "2026-02-30",
    "9999-12-31T23:59:60.9999999Z", "0001-01-01T00:00:00+14:00",
    "#x", "Patient/", "urn:uuid:", "\u0000", "\U0001f600", "a" * 300, [], {}, [[]], [None], {"": None}, {"coding": [{}]}, {"value": "NaN"},
    {"reference": "#self"}, {"start": "2030", "end": "1900"}, {"code": "[", "value": 1, "system": "http://unitsofmeasure.org"},
)  # fmt: skip
"""Values that a sender may put anywhere."""


class Choices:
    """Whole numbers out of bytes; zeros when they are used up. So that a fuzzer's bytes become edits of something valid."""

    def __init__(self, data: bytes) -> None:
        self._bytes = iter(data)
        self.left = len(data)

    def below(self, limit: int) -> int:
        """0 <= number < limit."""
        self.left -= 1
        number = next(self._bytes, 0)
        if limit > 256:
            self.left -= 1
            number = number * 256 + next(self._bytes, 0)
        return number % limit


def _edited(node: Any, choices: Choices) -> Any:  # noqa: ANN401 - any JSON
    """One edit somewhere inside: another value, another name, a list around it, a character more or less."""
    if isinstance(node, dict) and node and choices.below(8):
        keys = list(node)
        key = keys[choices.below(len(keys))]
        if choices.below(6) == 0:
            node[("resourceType", "status", "extension", "id", "contained", "_" + key)[choices.below(6)]] = node.pop(key)
        else:
            node[key] = _edited(node[key], choices)
        return node
    if isinstance(node, list) and node and choices.below(8):
        place = choices.below(len(node))
        node[place] = _edited(node[place], choices)
        return node
    match choices.below(5):
        case 0:
            return [node]  # copies would double with every edit, and the time with them
        case 1 if isinstance(node, str):
            at = choices.below(len(node) + 1)
            return node[:at] + chr(choices.below(65_536) or 1).encode("utf-8", "replace").decode() + node[at + choices.below(3) :]
        case 2 if isinstance(node, int | float) and not isinstance(node, bool):
            factor = (-1, 0, 10**6, 1e-9)[choices.below(4)]
            return node // 10**9 if isinstance(node, int) and factor == 1e-9 else node * factor  # a large int has no float
        case _:
            return copy.deepcopy(ODD[choices.below(len(ODD))])


def body(data: bytes) -> None:
    """A body as it comes from the wire, on every service, as feedback and as what a FHIR server answers."""
    try:
        value = parse_json(data)
    except ServiceError:
        return
    for hook in CONTEXTS:
        _refusable(lambda hook=hook: read_request(value, hook).contents)  # type: ignore[misc]
    _refusable(lambda: read_feedback(value))
    try:
        read_page(value, "answer")
    except MalformedError:
        return


def request(data: bytes) -> None:
    """A ready-made request with a few edits."""
    choices = Choices(data)
    names = request_names()
    value = json.loads(_request(names[choices.below(len(names))]))
    while choices.left > 0:
        value = _edited(value, choices)
    body(json.dumps(value).encode())


def feedback(data: bytes) -> None:
    """Feedback with a few edits."""
    value = edited_feedback(data)
    _refusable(lambda: read_feedback(value))


def edited_feedback(data: bytes) -> object:
    """Valid feedback, edited as the bytes say."""
    choices, value = Choices(data), copy.deepcopy(FEEDBACK)
    while choices.left > 0:
        value = _edited(value, choices)
    return value


def extraction(data: bytes) -> None:
    """A few resources of the invented patients with edits; a record comes out, whatever they say."""
    _extracted(data)


def evaluation(data: bytes) -> None:
    """The same, and then the rules on the reference engine."""
    choices, resources = _edits(data)
    hook = list(CONTEXTS)[choices % len(CONTEXTS)]
    _knowledge().evaluate(resources, as_of=NOW, hook=hook, unread={}, budget=UNHURRIED)


def _extracted(data: bytes) -> None:
    _, resources = _edits(data)
    extract(resources, terminology=_knowledge().terminology, as_of=NOW, hook="order-select", unread={})


def _edits(data: bytes) -> tuple[int, list[Input]]:
    choices = Choices(data)
    first = choices.below(256)
    pool = _pool()
    found = [copy.deepcopy(pool[choices.below(len(pool))]) for _ in range(1 + choices.below(4))]
    while choices.left > 0:
        place = choices.below(len(found))
        found[place] = _edited(found[place], choices)
    origins = tuple(Origin)
    return first, [Input(one, origins[(first + place) % len(origins)]) for place, one in enumerate(found)]


def _refusable(call: Callable[[], object]) -> None:
    try:
        call()
    except ServiceError:
        return


@cache
def _knowledge() -> Knowledge:
    return Knowledge.load(engine="reference")


@cache
def _pool() -> tuple[Any, ...]:
    return tuple(resource for fixture in patients() for resource in fixture.resources)


@cache
def _request(name: str) -> bytes:
    return request_body(name)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "body": body,
    "request": request,
    "feedback": feedback,
    "extraction": extraction,
    "evaluation": evaluation,
}


def seeds(name: str) -> Iterator[bytes]:
    """Where the fuzzer begins: some inputs of ours, and the small corpus that long runs left behind (`tests.fuzz.keep`)."""
    if (KEPT / f"{name}.zip").exists():
        with zipfile.ZipFile(KEPT / f"{name}.zip") as kept:
            yield from (kept.read(one) for one in kept.namelist())
    if name == "body":
        yield json.dumps(FEEDBACK).encode()
        yield from ((path.read_bytes()) for path in sorted((Path(__file__).parents[2] / "fhir_fixtures/requests/odd").glob("*.json")))
        yield from (_request(one)[:4096] for one in request_names())
    else:
        yield from (bytes((first * 37 + step * step) % 256 for step in range(40)) for first in range(16))
