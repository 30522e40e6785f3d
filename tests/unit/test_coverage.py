"""The specification is covered: every rule, and every row of the caution table, exactly by those who own it."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import rules
from cds_hooks.commands.coverage import problems
from rules.coverage import Covered, Judge, coverage
from rules.knowledge import Knowledge
from rules.model import Derived
from tests.support.spoken import on_reference as knowledge

CODES = Path(rules.__file__).parent / "codes"


@cache
def covered() -> dict[str, Covered]:
    """Every specified rule by id, worked out once."""
    return {row.id: row for row in coverage(knowledge())}


def test_no_specified_rule_is_missing_or_untried() -> None:
    assert problems(tuple(covered().values())) == []


def test_every_specified_rule_is_active() -> None:
    assert [row.id for row in covered().values() if row.state != "active"] == []


def test_a_missing_rule_is_named() -> None:
    rows = coverage(Knowledge.load(Path(rules.__file__).parent / "pathways" / "derive", engine="reference"))
    assert any(line.startswith("mg-crisis-urgent: found no rule file") for line in problems(rows))


def test_a_branch_on_a_name_without_code_cannot_fire_yet() -> None:
    row = covered()["cidp-motor-variant-ivig"]
    assert (row.can_fire, row.without_code) == (False, ("VS-CIDP-MOTOR",))


def test_a_rule_says_what_missing_codes_do_to_it_and_what_cures_it() -> None:
    rows = covered()
    silent, weaker, well = rows["cidp-motor-variant-ivig"], rows["mg-crisis-urgent"], rows["mg-thymoma-refer"]
    assert (silent.effect, silent.cure, silent.recorded_as) == ("silent", "yes", {"VS-CIDP-MOTOR": "Condition.code"})
    assert (weaker.effect, weaker.cure) == ("weaker", "yes")
    assert (well.effect, well.cure, well.recorded_as) == ("", "", {})
    assert rows["analg-als-spasticity"].recorded_as["spasticity-limiting"] == "Questionnaire questions"
    assert all(set(row.recorded_as) == set(row.without_code) for row in rows.values())


def test_a_rule_that_is_cured_has_a_vignette_in_which_it_speaks() -> None:
    """Vignettes record a name without an official code with our own: so the cure is tried, not only said."""
    for row in covered().values():
        if row.effect == "silent":
            assert row.cure == "yes"
            assert row.vignettes["fires"] > 0


def test_what_every_visit_and_goal_is_needs_no_code() -> None:
    """Seen: a condition on any visit counted as one without a code, so the branch was told to be silent."""
    rows = covered()
    assert "any" not in {name for row in rows.values() for name in row.without_code}
    assert rows["analg-tca-older"].silent_branches == ()


def test_what_no_rule_concludes_is_not_cured_by_codes() -> None:
    assert not Judge(knowledge(), recorded=True).can(Derived("fact", "no-rule-concludes-this"))


def test_a_site_map_takes_a_name_off_the_list(tmp_path: Path) -> None:
    site = tmp_path / "site.csv"
    site.write_text("system,code,concept\nhttps://hospital.example.org/dx,CIDP-M,VS-CIDP-MOTOR\n", encoding="utf-8")
    (row,) = (
        row
        for row in coverage(Knowledge.load(CODES.parent / "pathways", engine="reference", site_codes=site))
        if row.id == "cidp-motor-variant-ivig"
    )
    assert (row.effect, row.can_fire, row.without_code) == ("", True, ())


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
