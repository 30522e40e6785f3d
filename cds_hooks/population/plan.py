"""What one run is about: fixed when it starts, kept beside the unfinished output, and compared when the run is taken up again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from cds_hooks.body import JsonObject
from cds_hooks.population.storage import File
from cds_hooks.store.database import Keys
from rules.extract import TYPES

__all__ = ["MANIFEST", "Plan", "Setup", "Source", "exported_by_manifest", "exported_by_name", "source_of"]

LINES = re.compile(r".*\.(?:ndjson|jsonl)(?:\.gz)?", re.IGNORECASE)
DOCUMENT = re.compile(r".*\.json(?:\.gz)?", re.IGNORECASE)
MANIFEST = "manifest.json"
ASKED = re.compile(r"[?&]_type=([A-Za-z,%0-9]+)")
Source = Literal["lines", "document", "manifest", "other"]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker needs to screen patients. `knowledge` is the fingerprint that its rules must have."""

    hook: str
    as_of: datetime
    exported: tuple[str, ...]
    knowledge: str
    engine: Literal["checked", "durable", "reference"]
    rules: Path | None
    site: Path | None
    base_url: str
    max_cards: int
    keys: Keys = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """A run may go on where it stopped only if all of this is the same. `key` is a hash made with the secret, so that a run keeps one."""

    files: tuple[File, ...]
    hook: str
    on: str
    types: tuple[str, ...]
    parts: int
    knowledge: str
    version: str
    key: str

    def as_json(self) -> JsonObject:
        """The plan as it is written to disk."""
        value: JsonObject = json.loads(json.dumps(asdict(self)))
        return value

    def differences(self, before: Mapping[str, object]) -> list[str]:
        """What is not as in the plan of an earlier run, in words."""
        now = self.as_json()
        return [WORDS[name] for name in now if before.get(name) != now[name]]


WORDS = {
    "files": "files of the input",
    "hook": "hook",
    "on": "day",
    "types": "types",
    "parts": "number of parts",
    "knowledge": "rules or site settings",
    "version": "version of nmcds",
    "key": "secret",
}


def source_of(file: File) -> Source:
    """How a file is read: line by line, as one document, as the manifest of a Bulk Data export, or not at all."""
    name = file.name.rpartition("/")[2]
    if name == MANIFEST:
        return "manifest"
    if LINES.fullmatch(name):
        return "lines"
    return "document" if DOCUMENT.fullmatch(name) else "other"


def exported_by_name(files: Iterable[File]) -> frozenset[str]:
    """Types that file names speak of, such as Observation in `2.Observation-0001.ndjson.gz`: an empty file says "none found"."""
    words = {word for file in files if source_of(file) == "lines" for word in re.split(r"[^A-Za-z]+", file.name)}
    return frozenset(words & set(TYPES))


def exported_by_manifest(manifest: object) -> frozenset[str]:
    """Types of the `output` of a manifest, and those its kick-off request asked for: of these the server found none (Bulk Data Access,
    "If no data are found for a resource, the server SHOULD NOT return an output item"). With errors the latter stay unknown."""
    if not isinstance(manifest, dict):
        return frozenset()
    outputs = manifest.get("output")
    found = {str(one.get("type")) for one in outputs if isinstance(one, dict)} if isinstance(outputs, list) else set()
    asked = ASKED.search(str(manifest.get("request", "")))
    if asked is not None and not manifest.get("error"):
        found |= set(asked[1].replace("%2C", ",").split(","))
    return frozenset(found)
