"""`nmcds rules lock`: write or check the lock of the knowledge (`rules/lock.py` says what is locked and why) and the history of rules."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from pathlib import Path

from rich.text import Text

from cds_hooks.commands.loading import PACKAGED
from cds_hooks.commands.output import Exit, StopError, console, say_problems
from rules.history import from_changelog
from rules.history import render as render_history
from rules.knowledge import VERSION
from rules.lock import Entry, digest, parse, problems, render, rule_digest

__all__ = ["entries", "lock"]

HOME = PACKAGED.parent
NAME = "knowledge.lock"
HISTORY = "history.csv"


def lock(*, check: bool, home: Path = HOME) -> Exit:
    """Compare `home`/knowledge.lock with the files beside it; without `check`, write it when nothing stands against that."""
    path = home / NAME
    try:
        locked = parse(path.read_text(encoding="utf-8")) if path.is_file() else {}
        now = entries(home)
    except (ValueError, OSError) as error:
        raise StopError(
            Exit.KNOWLEDGE, f"the knowledge cannot be locked: {error}", "`nmcds rules lint` lists problems of rule files."
        ) from None
    found = problems(locked, now)
    if check and not found and now != locked:
        names = sorted(name for name in now if now[name] != locked.get(name))
        found = [f"{name}: {now[name].version} is {'not locked yet' if name not in locked else 'newer than its lock'}; "
                 "run `nmcds rules lock` and commit rules/knowledge.lock" for name in names]  # fmt: skip
    history, strangers = _history(home, now)
    found += [f"CHANGELOG.md: found a line about {name!r}, which no rule is" for name in strangers]
    past = home / HISTORY
    if check and not found and (past.read_text(encoding="utf-8") if past.is_file() else "") != history:
        found = [f"{HISTORY}: does not say what CHANGELOG.md says; run `nmcds rules lock` and commit rules/{HISTORY}"]
    if found:
        say_problems(found)
        return Exit.FOUND
    if not check:
        path.write_text(render(now), encoding="utf-8")
        past.write_text(history, encoding="utf-8")
    console().print(
        Text(f"{len(now)} rules and lists as locked" if check else f"{len(now)} rules and lists locked in {path}"), soft_wrap=True
    )
    return Exit.OK


def _history(home: Path, now: Mapping[str, Entry]) -> tuple[str, tuple[str, ...]]:
    """The text of the history as the changelog beside the package tells it, and names in it that no rule has."""
    changelog = home.parent / "CHANGELOG.md"
    found, strangers = from_changelog(changelog.read_text(encoding="utf-8") if changelog.is_file() else "", now)
    return render_history(found), strangers


def entries(home: Path, knowledge: str = VERSION) -> dict[str, Entry]:
    """What is there now: rules by id, lists by file name. Raises ValueError for a file that cannot be read."""
    found: dict[str, Entry] = {}
    for path in sorted((home / "pathways").rglob("*.toml")):
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path.name}: not readable as TOML: {error}") from None
        found[path.stem] = Entry(str(data.get("version")), rule_digest(data))
    for path in sorted((home / "codes").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found[f"codes/{path.name}"] = Entry(knowledge, digest(list(csv.reader(file))))
    for path in sorted((home / "leaflets").glob("*.md")):
        found[f"leaflets/{path.name}"] = Entry(knowledge, digest(path.read_text(encoding="utf-8").split()))
    settings = home / "settings.toml"
    found["settings.toml"] = Entry(knowledge, digest(tomllib.loads(settings.read_text(encoding="utf-8"))))
    return found
