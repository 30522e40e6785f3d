"""Results on disk, one file a rule, so that a run goes on where another stopped and rules that did not change are not tried again."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rules import lock

__all__ = ["Equivalent", "Result", "Tried", "digests", "equivalents", "read", "write"]

ROOT = Path(__file__).resolve().parents[2]
TOOL = "4"
"""Raise it when the mutants or the way they are tried change: all results are then made anew."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One mutant's outcome: `caught` by which vignette, else empty; `seen`: one in which something changed that it does not state."""

    mutant: str
    kind: str
    critical: bool
    caught: str
    seen: str


@dataclass(frozen=True, slots=True)
class Result:
    """All mutants of one rule. `seconds`: CPU time."""

    rule: str
    digest: str
    seconds: float
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True)
class Equivalent:
    """Survivors (a rule id and a mutant's name, both with `*` for any text) that change nothing anyone could see, and why."""

    rule: str
    mutant: str
    reason: str

    def covers(self, rule: str, mutant: str) -> bool:
        """Is it about this survivor? Brackets stand for themselves."""
        return fnmatch.fnmatchcase(rule, self.rule) and fnmatch.fnmatchcase(mutant, self.mutant.replace("[", "[[]"))


def equivalents() -> tuple[Equivalent, ...]:
    """`equivalent.toml`."""
    data = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text(encoding="utf-8"))
    return tuple(Equivalent(**entry) for entry in data.get("equivalent", []))


def digests(files: Mapping[str, Path], taken: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """By rule: a digest of its file, of the files of the rules that it is tried with, and of the lists (`rules/knowledge.lock`)."""
    entries = lock.parse((ROOT / "rules" / "knowledge.lock").read_text(encoding="utf-8"))
    lists = sorted((name, entry.digest) for name, entry in entries.items() if "." in name)
    contents = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    return {name: lock.digest([TOOL, contents[name], lists, [(other, contents[other]) for other in sorted(taken[name])]]) for name in taken}


def read(folder: Path, rule: str, digest: str) -> Result | None:
    """What an earlier run found, when nothing changed since."""
    try:
        data = json.loads((folder / f"{rule}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if data.get("digest") != digest:
        return None
    return Result(data["rule"], digest, data["seconds"], tuple(Tried(**one) for one in data["tried"]))


def write(folder: Path, result: Result) -> None:
    """Keep it; a broken run leaves the old file or the new one, never half of one."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{result.rule}.part"
    part.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    part.replace(folder / f"{result.rule}.json")
