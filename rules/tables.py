"""Rules driven by a table: each row becomes branches, by filling the row's columns into condition templates.

`[table]` names a CSV of `rules/codes`, `where` selects rows by column values, and each `[[table.branch]]` is a branch template in
which the text
"$column" is replaced by the column (lists are separated by ";"). A template's own `where` narrows the rows further.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

__all__ = ["rows", "table_branches"]

CODES = Path(__file__).parent / "codes"


@cache
def rows(name: str) -> tuple[Mapping[str, str], ...]:
    """All rows of a CSV file of rules/codes, read once."""
    with (CODES / name).open(encoding="utf-8", newline="") as handle:
        return tuple(csv.DictReader(handle))


def table_branches(table: Mapping[str, object], say: Callable[[str, str], None]) -> list[Mapping[str, object]]:
    """Branch tables of all selected rows, in row order; problems go to `say(key, text)`."""
    name, where, templates = table.get("file"), table.get("where", {}), table.get("branch", [])
    if not isinstance(name, str) or not (CODES / name).is_file():
        say("file", f"found {name!r}, expected a file in rules/codes")
        return []
    if not isinstance(where, Mapping) or not isinstance(templates, list) or not templates:
        say("branch", "expected `where = {...}` and at least one [[table.branch]]")
        return []
    branches: list[Mapping[str, object]] = []
    for row in rows(name):
        if not _selected(row, where, say):
            continue
        for number, template in enumerate(templates):
            if not _selected(row, template.get("where", {}), say):
                continue
            filled = {key: _fill(value, row) for key, value in template.items() if key != "where"}
            suffix = f".{number}" if number else ""
            branches.append({"id": f"row-{row['row']}{suffix}", **filled})
    if not branches:
        say("where", f"found no row of {name} with {dict(where)!r}")
    return branches


def _selected(row: Mapping[str, str], where: Mapping[str, object], say: Callable[[str, str], None]) -> bool:
    for column, wanted in where.items():
        if column not in row:
            say("where", f"found column {column!r}, expected one of {', '.join(row)}")
            return False
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if row[column] not in allowed:
            return False
    return True


def _fill(value: object, row: Mapping[str, str]) -> object:
    if isinstance(value, str):
        if value.startswith("$") and value[1:] in row:
            parts = row[value[1:]].split(";")
            return parts if len(parts) > 1 else parts[0]
        for column, text in row.items():
            value = value.replace("{" + column + "}", text)
        return value
    if isinstance(value, Mapping):
        return {key: _fill(item, row) for key, item in value.items()}
    if isinstance(value, list):
        filled: list[object] = []
        for item in value:
            part = _fill(item, row)
            if isinstance(part, list) and isinstance(item, str):
                filled.extend(part)
            else:
                filled.append(part)
        return filled
    return value
