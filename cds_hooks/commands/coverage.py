"""`nmcds rules coverage`: the specification against the loaded rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from cds_hooks.commands.loading import load_knowledge
from cds_hooks.commands.output import Exit, as_json, console
from rules.coverage import Covered, coverage, rules_outside, summary

__all__ = ["covered", "problems"]


def covered(*, rules: Path | None, every: bool, json: bool) -> Exit:
    """Say of every specified rule whether it is there, tried and able to fire. FOUND when one is missing or never tried."""
    knowledge = load_knowledge(rules)
    rows = coverage(knowledge)
    outside = [rule.id for rule in rules_outside(knowledge)]
    found = problems(rows)
    if json:
        counts = {name: dict(zip(("specified", "active", "canFire"), numbers, strict=True)) for name, numbers in summary(rows).items()}
        as_json({"specifications": counts, "problems": found, "outside": outside, "rules": [_as_data(row) for row in rows]})
        return Exit.FOUND if found else Exit.OK
    out = console()
    counted = Table("specification", "rules", "active", "fire with official codes", box=None, pad_edge=False, header_style="bold")
    for name, numbers in summary(rows).items():
        counted.add_row(name, *(str(number) for number in numbers))
    out.print(counted)
    told = rows if every else [row for row in rows if row.state != "active" or row.silent_branches]
    if told:
        out.print(_table(told))
    if not every:
        out.print(
            Text(
                "Named: what cannot fire, whole or in part, with official codes alone; `cure`: whether our own codes "
                "(`nmcds codes codesystem`, `nmcds codes questionnaire`) or a site's map (NMCDS_SITE_CODES_FILE) bring it back. "
                "--all lists every rule.",
                style="dim",
            )
        )
    if outside:
        out.print(Text(f"Not in the specification: {', '.join(outside)}"), soft_wrap=True)
    for line in found:
        out.print(Text(line, style="red"), soft_wrap=True)
    return Exit.FOUND if found else Exit.OK


def _as_data(row: Covered) -> dict[str, object]:
    return {**asdict(row), "effect": row.effect, "cure": row.cure}


def problems(rows: Sequence[Covered]) -> list[str]:
    """What must not be: a specified rule without a file, or without a vignette in which it speaks and one in which it is silent."""
    missing = [f"{row.id}: found no rule file, expected one ({row.specification})" for row in rows if row.state == "missing"]
    untried = [
        f"{row.id}: found vignettes {dict(row.vignettes)}, expected at least one that speaks and one that is silent"
        for row in rows
        if row.state == "active" and not (row.vignettes["fires"] + row.vignettes["asks"] and row.vignettes["silent"])
    ]
    return missing + untried


def _table(rows: Sequence[Covered]) -> Table:
    table = Table(
        "rule", "state", "vignettes", "effect", "cannot fire", "cure", "names without code", box=None, pad_edge=False, header_style="bold"
    )
    for row in rows:
        mute = "" if not row.silent_branches else ", ".join(row.silent_branches) if row.can_fire else "whole rule"
        counted = "/".join(str(row.vignettes.get(word, 0)) for word in ("fires", "asks", "silent"))
        table.add_row(Text(row.id), row.state, counted, row.effect, Text(mute), row.cure, Text(", ".join(row.without_code)))
    return table
