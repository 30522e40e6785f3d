"""The specification is covered: every rule, and every row of the caution table, exactly by those who own it."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import rules
from cds_hooks.commands.coverage import problems
from rules.coverage import coverage
from rules.knowledge import Knowledge

CODES = Path(rules.__file__).parent / "codes"


@cache
def knowledge() -> Knowledge:
    """Load the rules once for all tests of this file."""
    return Knowledge.load(engine="reference")


def test_no_specified_rule_is_missing_or_untried() -> None:
    assert problems(coverage(knowledge())) == []


def test_every_specified_rule_is_active() -> None:
    assert [row.id for row in coverage(knowledge()) if row.state != "active"] == []


def test_a_missing_rule_is_named() -> None:
    rows = coverage(Knowledge.load(Path(rules.__file__).parent / "pathways" / "derive", engine="reference"))
    assert any(line.startswith("mg-crisis-urgent: found no rule file") for line in problems(rows))


def test_a_branch_on_a_name_without_code_cannot_fire_yet() -> None:
    row = next(row for row in coverage(knowledge()) if row.id == "cidp-motor-variant-ivig")
    assert (row.can_fire, row.without_code) == (False, ("VS-CIDP-MOTOR",))


def test_every_row_of_the_caution_table_has_an_owner() -> None:
    with (CODES / "drug-disease-cautions.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    used = {
        match[1]
        for rule in knowledge().rules
        for branch in rule.branches
        if not branch.silent and (match := re.match(r"row-(\d+)", branch.id))
    }
    handled = {row["row"]: row["handled_by"] for row in rows}
    assert {number for number, owner in handled.items() if not owner} <= used
    owners = {one for owner in handled.values() for one in owner.split(";") if one}
    assert owners <= {rule.id for rule in knowledge().rules}
    assert len(rows) == 94
