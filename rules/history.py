"""The version history of rules, taken from the changelog: its lines `rule-id X.Y.Z: what is different for a patient`.

The changelog is not installed with the service, so `nmcds rules lock` keeps those lines in `rules/history.csv`, which is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection
from dataclasses import astuple, dataclass, fields

__all__ = ["Past", "from_changelog", "parse", "render"]

RELEASE = re.compile(r"^## (.+)$")
LINE = re.compile(r"^`?([a-z][a-z0-9-]*) (\d+\.\d+\.\d+)`?: (.+)$")


@dataclass(frozen=True, slots=True)
class Past:
    """One changelog line: what version of which rule changed what, and in which release of the program."""

    rule: str
    version: str
    release: str
    text: str


COLUMNS = tuple(field.name for field in fields(Past))


def from_changelog(text: str, known: Collection[str]) -> tuple[tuple[Past, ...], tuple[str, ...]]:
    """The lines about rules, newest release first as they stand, and the names in such lines that no rule has."""
    found: list[Past] = []
    strangers: dict[str, None] = {}
    release = ""
    for bullet in re.split(r"\n(?=- |#)|\n\n", text):
        if heading := RELEASE.match(bullet):
            release = heading.group(1)
        line = LINE.match(" ".join(bullet.removeprefix("- ").split()))
        if bullet.startswith("- ") and line:
            rule, version, said = line.groups()
            if rule in known:
                whole = said.count("`") % 2  # the ticks are around the whole line
                found.append(Past(rule, version, release, said.removesuffix("`") if whole else said))
            else:
                strangers[rule] = None
    return tuple(found), tuple(strangers)


def render(found: Collection[Past]) -> str:
    """The text of `history.csv`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([COLUMNS, *map(astuple, found)])
    return out.getvalue()


def parse(text: str) -> tuple[Past, ...]:
    """Read `history.csv`."""
    return tuple(Past(**row) for row in csv.DictReader(io.StringIO(text)))
