"""`make replay FROM=<revision>`: what an earlier build said about every invented patient, against what this one says.

The earlier program and its rules are unpacked into `build/replay` and run there, in this environment, to record every finding; then
this one records, and the two are compared. Every changed finding is listed, and each rule that has one needs a line in CHANGELOG.md that
names its id and that the earlier changelog does not have. Exit code 1 when one has none, 2 when the earlier build could not be asked.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cds_hooks.commands.diff import Change, changes
from cds_hooks.commands.voices import SILENT_RULES, Heard, from_json

__all__ = ["lines", "main", "unexplained", "unpack"]

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("cds_hooks", "rules", "fhir_fixtures", "CHANGELOG.md")
LIMIT_S = 900


class CannotReplayError(Exception):
    """The earlier build could not be asked; the text says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, list, and say what the changelog lacks."""
    parser = argparse.ArgumentParser(prog="python -m tools.replay", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("revision", help="the earlier build: a tag, branch or commit of this repository")
    revision = parser.parse_args(arguments).revision
    try:
        earlier = unpack(ROOT, revision, ROOT / "build/replay")
        print(f"replay: recording what {earlier.name} says, then what this build says")
        before, after = record(earlier), record(ROOT, earlier.parent / "now.json")
    except CannotReplayError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    asked = _calls(before) & _calls(after)
    found = changes((one for one in before if _call(one) in asked), (one for one in after if _call(one) in asked))
    for one in found:
        print(f"{one.kind:8}{one.rule} ({one.before or '-'} -> {one.after or '-'}) for {one.patient} at {one.hook}: {_what(one)}")
    old, new = ((folder / "CHANGELOG.md").read_text(encoding="utf-8") for folder in (earlier, ROOT))
    silent = unexplained(found, old, new)
    counted = Counter(one.kind for one in found)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items())) or "no difference"
    print(f"replay: {told} in the {len(asked)} calls that both builds know, {len(_calls(before) ^ _calls(after))} known to one left out")
    for rule in silent:
        print(f"replay: {rule}: found no new line with this id in CHANGELOG.md, expected one that says what is different for a patient")
    return 1 if silent else 0


def unpack(repository: Path, revision: str, folder: Path) -> Path:
    """The program, rules, invented patients and changelog of a revision, in a folder named for its commit; raises CannotReplayError."""
    if revision.startswith("-"):
        raise CannotReplayError(f"found {revision!r}, expected a revision of this repository: make replay FROM=v0.1.0")
    try:
        commit = _git(repository, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
        archive = _git(repository, "archive", "--format=zip", commit, *PARTS)
    except (OSError, subprocess.SubprocessError):
        raise CannotReplayError(
            f"found {revision!r}, expected a revision with {', '.join(PARTS)}: make replay FROM=HEAD~10; in a shallow clone, fetch it first"
        ) from None
    place = folder / commit[:12]
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(place)
    return place


def record(place: Path, out: Path | None = None) -> tuple[Heard, ...]:
    """What the build in `place` says, by its own `nmcds rules record`; raises CannotReplayError."""
    written = out or place / "recorded.json"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NMCDS_")}
    command = [sys.executable, "-m", "cds_hooks", "rules", "record", str(written)]
    try:
        subprocess.run(command, cwd=place, env={**clean, "PYTHONPATH": str(place)}, check=True, timeout=LIMIT_S, stdout=subprocess.DEVNULL)
        return from_json(written.read_text(encoding="utf-8"))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise CannotReplayError(
            f"the build in {place} could not be asked ({type(error).__name__}); its own error is above. "
            "A build before `nmcds rules record`, or one that needs other packages, can be recorded by hand in an "
            "environment of its own and compared with `nmcds rules diff`"
        ) from None


def _call(heard: Heard) -> tuple[str, str]:
    return heard.patient, heard.hook


def _calls(heard: Iterable[Heard]) -> set[tuple[str, str]]:
    return {_call(one) for one in heard}


def unexplained(found: Iterable[Change], before: str, after: str) -> list[str]:
    """The rules with changed findings that no new line of the changelog names; what silent rules could not check is listed only."""
    new = lines(after) - lines(before)
    return [rule for rule in sorted({one.rule for one in found} - {SILENT_RULES}) if not any(_names(rule, line) for line in new)]


def lines(changelog: str) -> set[str]:
    """The entries of a changelog, each in one line, with what is wrapped joined."""
    return {" ".join(entry.split()) for entry in re.findall(r"^- (.*(?:\n(?!-|#|\n).*)*)", changelog, re.MULTILINE)}


def _names(rule: str, line: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(rule)}(?![\w-])", line) is not None


def _what(one: Change) -> str:
    if one.kind == "changed":
        return ", ".join(name for name, _, _ in one.parts)
    return "; ".join(text for name, was, now in one.parts if name == "summary" for text in (*was, *now))


def _git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=True, timeout=120).stdout


if __name__ == "__main__":
    sys.exit(main())
