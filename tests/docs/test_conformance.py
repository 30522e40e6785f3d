"""The table of the standard's sentences names tests that exist, and a test for each sentence."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "cds-hooks-conformance.md").read_text(encoding="utf-8")
DEFINED = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}
ROWS = [
    line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| section", "| ---"))
]


def test_each_sentence_has_four_cells_and_a_test() -> None:
    assert len(ROWS) > 60
    assert [row for row in ROWS if len(row) != 4 or not re.fullmatch(r"`test_\w+`(, `test_\w+`)*", row[3])] == []


def test_each_test_that_the_table_names_exists() -> None:
    assert sorted({name for row in ROWS for name in re.findall(r"test_\w+", row[3])} - DEFINED) == []
