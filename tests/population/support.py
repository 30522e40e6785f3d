"""Exports to screen, tables to read, and what a call over HTTP says about the same patients."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from cds_hooks.cards import EXPLANATION
from cds_hooks.population.patients import Screened
from cds_hooks.population.tables import patient_row
from cds_hooks.store.database import Keys
from fhir_fixtures import Resource
from fhir_fixtures.requests_for import request_for
from rules.findings import Evaluation
from rules.knowledge import Knowledge
from tests.support.doubles import FakeKnowledge
from tests.support.service import running

SECRET = "a secret"  # noqa: S105 - of the tests, as in tests.support.service
KEYS = Keys(SECRET)
Screen = Callable[..., tuple[int, str, dict[str, Any]]]


def export(folder: Path, resources: Iterable[Resource], *, files: int = 2, extra: Mapping[str, bytes] | None = None) -> Path:
    """A Bulk Data export: resources in any order over several files a type, every other one compressed. `extra` is put at their ends."""
    folder.mkdir()
    lines: dict[str, list[bytes]] = defaultdict(list)
    for resource in resources:
        lines[str(resource["resourceType"])].append(json.dumps(resource).encode())
    for kind, found in lines.items():
        random.Random(kind).shuffle(found)  # noqa: S311 - an order, not a secret
        for number in range(files):
            text = b"\n".join([*found[number::files], *([(extra or {}).get(kind, b"")] if number == 0 else [])])
            name = f"{kind}.{number}.ndjson"
            (folder / name).write_bytes(text) if number % 2 == 0 else (folder / f"{name}.gz").write_bytes(gzip.compress(text))
    return folder


def table(out: Path, name: str) -> list[dict[str, Any]]:
    """The rows of one NDJSON table of an output."""
    files = sorted((out / f"{name}.ndjson").glob("part-*.json"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


class Listening:
    """Real knowledge that keeps the last evaluation."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.last: Evaluation | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the real thing
        return getattr(self.knowledge, name)

    def evaluate(self, *arguments: Any, **named: Any) -> Evaluation:  # noqa: ANN401 - as the real one
        """Evaluate and keep."""
        self.last = self.knowledge.evaluate(*arguments, **named)
        return self.last


def over_http(
    folder: Path, people: Mapping[str, tuple[Resource, ...]], as_of: datetime, knowledge: Knowledge
) -> dict[str, list[dict[str, Any]]]:
    """Findings of a patient-view call with the whole record as prefetch, as rows of the findings table, by keyed patient.

    The answer's cards are compared on the way: each finding is on the card that the table says.
    """
    listening = Listening(knowledge)
    found: dict[str, list[dict[str, Any]]] = {}
    with running(folder, cast("FakeKnowledge", listening), clock=lambda: as_of) as service:
        for patient, record in people.items():
            cards = service.cards(request_for("patient-view", patient, record, ()))
            assert listening.last is not None
            row = patient_row(Screened(patient, 0, evaluation=listening.last), [], KEYS)
            findings = cast("list[tuple[Any, ...]]", row[8])
            found[str(row[0])] = [_row(one, cards) for one in findings]
    return found


def _row(finding: tuple[Any, ...], cards: list[dict[str, Any]]) -> dict[str, Any]:
    rule, version, title, pathway, stage, indicator, asks, _, because, gaps = finding
    place = next(
        number for number, card in enumerate(cards, 1) if {"id": rule, "version": version} in card["extension"][EXPLANATION]["rules"]
    )
    return {
        "rule": rule, "version": version, "title": title, "pathway": pathway, "stage": stage, "indicator": indicator, "asks": asks,
        "card": place,
        "because": [_filled(zip(("fact", "resource", "date", "byName", "more"), one, strict=True)) for one in because],
        "notChecked": [_filled(zip(("what", "why", "type"), one, strict=True)) for one in gaps],
    }  # fmt: skip


def _filled(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in members if value is not None}
