"""The version history that the page of a rule shows, read once when the pages are mounted."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from rules.history import Past, parse

__all__ = ["read_history"]


def read_history() -> Mapping[str, tuple[Past, ...]]:
    """By rule, the changelog lines about it, newest first; empty when there is no history file."""
    file = resources.files("rules") / "history.csv"
    found: dict[str, tuple[Past, ...]] = {}
    for one in parse(file.read_text(encoding="utf-8")) if file.is_file() else ():
        found[one.rule] = (*found.get(one.rule, ()), one)
    return {rule: tuple(sorted(lines, key=_number, reverse=True)) for rule, lines in found.items()}


def _number(one: Past) -> tuple[int, ...]:
    return tuple(int(part) for part in one.version.split("."))
