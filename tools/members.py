"""`python -m tools.members`: write what each name that gathers others stands for (tests/recognition/members.csv).

The lists say it in parts: value sets name classes, classes name drugs, diseases hang in a tree. One row taken out of one list can empty a
value set of another. The file holds the outcome, so that a change of any of them shows as the names that it takes or gives; read it
before it is kept.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rules.knowledge import Knowledge
from rules.terminology import Terminology

__all__ = ["PINNED", "members", "pinned", "render"]

PINNED = Path(__file__).resolve().parents[1] / "tests" / "recognition" / "members.csv"
Pairs = frozenset[tuple[str, str]]


def members(terminology: Terminology) -> Pairs:
    """(name, member) of every name that stands for more than one other."""
    found: set[tuple[str, str]] = set()
    for name in terminology.names():
        others = terminology.expand(name) - {name}
        if len(others) > 1:
            found |= {(name, other) for other in others}
    return frozenset(found)


def pinned() -> Pairs:
    """What the file says."""
    with PINNED.open(encoding="utf-8", newline="") as file:
        return frozenset((row["name"], row["member"]) for row in csv.DictReader(file))


def render(found: Pairs) -> str:
    """The text of the file, sorted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "member"))
    writer.writerows(sorted(found))
    return text.getvalue()


if __name__ == "__main__":
    PINNED.write_text(render(members(Knowledge.load().terminology)), encoding="utf-8")
