"""The lock of the knowledge: for every rule and list its version and a digest of what it means.

A card and an audit row name a rule by id and version; that is only proof when the same id and version always mean the same. So meaning that
changed needs a new version. The digest is over the parsed content: layout and comments are free. Left out of a rule are `version`
itself, `[review]` (a new review of the same text is no new rule), `draft_reason` and the vignettes, which test the rule and are not it.
A list (`codes/*.csv`, `leaflets/*.md`, `settings.toml`) has no version of its own: it has that of the knowledge
(`rules.knowledge.VERSION`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Entry", "digest", "parse", "problems", "render", "rule_digest"]

NOT_MEANING = frozenset({"version", "review", "draft_reason", "vignette"})
HEADING = """# Written by `nmcds rules lock`; do not edit. Name, version and digest of the meaning of every rule and list (rules/lock.py).
# `nmcds rules lock --check` (in `make check`) fails when meaning changed without a new version.
"""
Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is locked of one rule or list."""

    version: str
    digest: str


def digest(content: object) -> str:
    """SHA-256 of parsed content as JSON with sorted keys; 64 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def rule_digest(data: Mapping[str, object]) -> str:
    """Digest of a rule's parsed TOML without what is not its meaning."""
    return digest({name: value for name, value in data.items() if name not in NOT_MEANING})


def render(entries: Mapping[str, Entry]) -> str:
    """The text of the lock file, one line each, sorted by name."""
    return HEADING + "".join(f"{name} {entry.version} {entry.digest}\n" for name, entry in sorted(entries.items()))


def parse(text: str) -> dict[str, Entry]:
    """Read a lock file. Raises ValueError naming the line that is not name, version, digest."""
    found: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        if len(parts) != 3 or parts[0] in found:
            raise ValueError(f"line {number}: found {line!r}, expected NAME VERSION DIGEST, each name once")
        found[parts[0]] = Entry(parts[1], parts[2])
    return found


def problems(locked: Mapping[str, Entry], now: Mapping[str, Entry]) -> list[str]:
    """What no new lock may be written over: meaning without a new version, versions that went back, rules that vanished."""
    found = []
    for name, old in sorted(locked.items()):
        new = now.get(name)
        if new is None:
            found.append(
                f'{name}: locked as {old.version} and gone; keep the file and set status = "retired", so that old cards and audit rows '
                "can still be explained (a list that is not needed any more: take its line out of the lock by hand)"
            )
        elif new.digest != old.digest and new.version == old.version:
            where = "VERSION in rules/knowledge.py" if "." in name else "its version"
            found.append(
                f"{name}: changed since it was locked as {old.version}; raise {where}, add a line under Knowledge in CHANGELOG.md, "
                "then run `nmcds rules lock`"
            )
        elif _number(new.version) < _number(old.version):
            found.append(f"{name}: found version {new.version}, expected {old.version} or higher: versions never go back")
    return found


def _number(version: str) -> Version:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
