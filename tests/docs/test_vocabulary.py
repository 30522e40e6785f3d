"""The page that teaches rule writers names exactly the predicates that exist."""

from __future__ import annotations

import re
from pathlib import Path

import rules
from rules.patterns import DERIVED, PREDICATES

PAGE = Path(rules.__file__).parent / "pathways" / "README.md"


def test_the_table_of_conditions_names_every_predicate_and_no_other() -> None:
    cells = re.findall(r"^\| (`[^|]*) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == PREDICATES.keys() | set(DERIVED)
