"""Every value set, drug class and branch of the disease tree stands for exactly the names of `members.csv`."""

from __future__ import annotations

from pathlib import Path

from rules.terminology import Terminology
from tools.members import members, pinned

CODES = Path(__file__).resolve().parents[2] / "rules" / "codes"


def test_each_collection_has_exactly_its_members() -> None:
    found, expected = members(Terminology.load(CODES)), pinned()
    problems = [f"{name} without {member}" for name, member in sorted(expected - found)]
    problems += [f"{name} with {member}" for name, member in sorted(found - expected)]
    assert problems == [], "meant? then `python -m tools.members`, and read the difference against the specification"
