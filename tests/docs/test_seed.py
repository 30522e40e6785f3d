"""Every claim of the seed points to rules that exist and speak in a vignette, or to concepts that exist."""

from __future__ import annotations

from functools import cache

import pytest

from rules.knowledge import Knowledge
from tools.seed import WHOLE, claims

ROWS = claims()
ITEMS = sorted({item for row in ROWS for item in row["covered_by"].split(";")} - set(WHOLE))


@cache
def knowledge() -> Knowledge:
    """Load the rules once for all tests of this file."""
    return Knowledge.load(engine="reference")


def test_no_claim_is_left_open() -> None:
    assert len(ROWS) == 103
    assert [row["seed_claim_or_term"] for row in ROWS if not row["covered_by"]] == []


@pytest.mark.parametrize("item", ITEMS)
def test_what_covers_a_claim_exists_and_speaks(item: str) -> None:
    rule = knowledge().rule(item)
    if rule is None:
        assert knowledge().terminology.knows(item)
        return
    assert rule in knowledge().rules
    assert any(vignette.expect in ("fires", "asks") for vignette in rule.vignettes)
