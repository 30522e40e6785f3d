"""The table of advisories in SECURITY.md: each row names tests, and what is pinned is at or past the last fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("\n## Supply chain\n")[2].partition("\n## ")[0]
SOURCES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
ROWS = {
    row[0]: row
    for line in SECTION.splitlines()
    if (row := [cell.strip() for cell in line.strip("|").split("|")])[0].startswith(("CVE", "GHSA", "MAL"))
}
ADVISORY = re.compile(r"CVE-\d{4}-\d{4,6}|GHSA(?:-[0-9a-z]{4}){3}|MAL-\d{4}-\d+")


def pinned(lock: Path) -> dict[str, Version]:
    """The versions of a lock file."""
    return {
        name: Version(version) for name, version in re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_every_row_is_read_and_no_advisory_stands_twice() -> None:
    named = [one for row in ROWS for one in ADVISORY.findall(row)]
    assert len(named) == len(set(named)) >= 70
    assert all(ADVISORY.sub("", row).strip(", ") == "" for row in ROWS), "an id that is no id"
    assert len(ROWS) == len(re.findall(r"^\| (?:CVE|GHSA|MAL)", SECTION, re.MULTILINE))


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row[0][:20])
def test_every_advisory_has_tests_that_exist_and_a_version_that_is_past_it(row: list[str]) -> None:
    assert len(row) == 4
    tests = re.findall(r"`(test_\w+)`", row[3])
    assert tests
    assert [name for name in tests if not re.search(rf"^(async )?def {name}\(", SOURCES, re.MULTILINE)] == []
    library, fixed = row[1].split()
    for lock in ("requirements.lock", "requirements-runtime.lock"):
        assert pinned(ROOT / lock)[library] >= Version(fixed), lock


def test_no_package_that_was_malicious_is_pinned() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        found = pinned(lock)
        assert not {"fastar", "python-multipart"} & found.keys(), lock
        assert found.get("fastapi") != Version("0.136.3"), lock
