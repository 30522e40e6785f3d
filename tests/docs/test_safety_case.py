"""The safety case holds together: every hazard has controls, every control tests, every test exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TEXT = (ROOT / "SAFETY.md").read_text(encoding="utf-8")
HAZARDS = {row[1]: set(re.findall(r"C-\d\d", row[2])) for row in re.finditer(r"^\| (H-\d\d) \|.*\| ([C\d -]+) \|$", TEXT, re.MULTILINE)}
CONTROLS = {row[1]: re.findall(r"`(tests/[^`]+)`", row[2]) for row in re.finditer(r"^\| (C-\d\d) \|(.*)\|$", TEXT, re.MULTILINE)}


def test_every_hazard_is_read_and_has_controls_that_exist() -> None:
    assert len(HAZARDS) == len(re.findall(r"^\| H-", TEXT, re.MULTILINE)) >= 15
    assert all(controls and controls <= CONTROLS.keys() for controls in HAZARDS.values())


def test_every_control_is_used() -> None:
    assert set().union(*HAZARDS.values()) == CONTROLS.keys()


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_has_tests_that_exist(control: str) -> None:
    assert CONTROLS[control]
    for named in CONTROLS[control]:
        path, _, function = named.partition("::")
        assert (ROOT / path).exists(), named
        if function:
            source = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {function}\(", source, re.MULTILINE), named


def test_controls_stand_once_and_below_the_hazards() -> None:
    controls = [row.start() for row in re.finditer(r"^\| C-\d\d \|", TEXT, re.MULTILINE)]
    assert len(CONTROLS) == len(controls)
    assert min(controls) > TEXT.index("## Controls") > TEXT.rindex("\n| H-")


def test_the_page_says_how_many_rules_are_reviewed_as_the_list_does() -> None:
    listed = (ROOT / "docs/reference/rules.md").read_text(encoding="utf-8")
    rules = len(re.findall(r"^## ", listed, re.MULTILINE))
    reviewed = rules - len(re.findall("^- review: not yet clinically reviewed;", listed, re.MULTILINE))
    assert rules > 300
    says = "every one is unreviewed" if reviewed == 0 else f"{reviewed} of the rules reviewed by a clinician"
    assert says in TEXT, f"{reviewed} of {rules} rules name who checked them: SAFETY.md must say {says!r} in its section on clinical review"


def test_every_test_that_the_security_page_names_exists() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", SECURITY)
    assert len(named) >= 60
    assert [name for name in named if not re.search(rf"^(async )?def {name}\(", source, re.MULTILINE)] == []
    assert [path for path in re.findall(r"`(?:tests/)?(\w+/[\w/]+\.py)`", SECURITY) if not (ROOT / "tests" / path).exists()] == []


def test_every_defect_of_durable_rules_has_a_containment_with_tests_that_exist() -> None:
    page = (ROOT / "docs/explanation/two-engines.md").read_text(encoding="utf-8").partition("| defect |")[2]
    rows = [line.strip("|").split("|") for line in page.splitlines()[2:] if line.startswith("| ")]
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(rows) >= 14
    for defect, containment, tests in rows:
        assert containment.strip(), defect
        named = re.findall(r"`(test_\w+)`", tests)
        assert named, defect
        assert [name for name in named if not re.search(rf"^(async )?def {name}\(", source, re.MULTILINE)] == []
