"""The table of the specification "patient fact x drug class" against what the rules say when each class is signed."""

from __future__ import annotations

import pytest

from tests.support.spoken import on_reference as knowledge
from tools.pain_classes import CLASSES, FACTS, Fact, added

CELLS = [(fact, name) for fact in FACTS for name in CLASSES]
# "HF III-IV" needs a class of heart failure that no code carries; about the other cells no rule of the specification speaks at signing.
WITHOUT_RULE = {
    ("Age 65+", "NSAID"),
    ("AV block", "Gabapentinoid"),
    ("AV block", "NSAID"),
    ("Chronic liver disease", "NSAID"),
    ("Heart failure", "Carbamazepine group"),
    ("Heart failure", "Gabapentinoid"),
}


@pytest.mark.parametrize(("fact", "name"), CELLS, ids=[f"{fact.name}-{name}" for fact, name in CELLS])
def test_each_cell_says_what_the_specification_says(fact: Fact, name: str) -> None:
    word = fact.words[list(CLASSES).index(name)]
    more = added(knowledge(), CLASSES[name], fact)
    if word in ("ok", "usually ok", "preferred"):
        assert more == {}
    elif word.split()[0].rstrip(",") in ("block", "avoid", "critical") or "avoid" in word or word.startswith("warning"):
        levels = set(more.values()) & {"warning", "critical"}
        assert bool(levels) != ((fact.name, name) in WITHOUT_RULE)
        if word == "critical":
            assert "critical" in levels
