"""Survivors by rule, kept in a file between runs: no rule may get more."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["keep", "worse"]


def keep(path: Path, now: Mapping[str, int]) -> None:
    """Write the file anew; `now` is the number of survivors by rule id, after a run over all rules."""
    head = "# Survivors by rule; written by `make mutate-knowledge ARGS=--keep`. No rule may get more.\n"
    path.write_text(head + "".join(f"{name} = {now[name]}\n" for name in sorted(now)), encoding="utf-8")


def worse(path: Path, tried: Iterable[str], now: Mapping[str, int]) -> list[str]:
    """One line for each tried rule with more survivors than the file says, and what to do; none without a file."""
    if not path.exists():
        return []
    known = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        f"{name}: found {now[name]} survivors, expected {known.get(name, 0)} at most: add vignettes (--only {name} --propose 30)"
        for name in tried
        if now.get(name, 0) > known.get(name, 0)
    ]
