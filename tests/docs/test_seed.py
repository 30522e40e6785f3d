"""Every claim of the seed points to rules that exist and speak about an invented patient, or to concepts that exist."""

from __future__ import annotations

from functools import cache

import pytest

from fhir_fixtures import patients
from tests.support.spoken import on_reference as knowledge
from tools.seed import WHOLE, claims

ROWS = claims()
ITEMS = sorted({item for row in ROWS for item in row["covered_by"].split(";")} - set(WHOLE))


@cache
def promised() -> frozenset[str]:
    """Rules that must fire for some invented patient; tests/fixtures/test_promises.py sees to it that they do."""
    return frozenset(name for fixture in patients() for expectation in fixture.hooks.values() for name in expectation.expects)


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
    assert item in promised(), f"{item}: no invented patient is promised its card (fhir_fixtures/patients/*.about.toml)"


WANTED = (
    "sma-1", "sma-2", "sma-3", "sma-4", "als", "charcot-marie-tooth", "diabetic-neuropathy", "cidp", "myasthenia-gravis", "duchenne",
    "becker", "congenital-muscular-dystrophy", "fshd", "metabolic-myopathy", "inflammatory-myopathy",
)  # fmt: skip


@pytest.mark.parametrize("name", WANTED)
def test_every_disease_of_the_seed_has_a_patient_who_is_promised_cards_of_it(name: str) -> None:
    """The disease stands in a problem list, and the about file promises a card that refers, reviews, treats or teaches."""
    words = knowledge().terminology
    promises: set[str] = set()
    for fixture in patients():
        codes = [one["code"] for one in fixture.record if one["resourceType"] == "Condition" and isinstance(one.get("code"), dict)]
        if any(words.expand(name) & words.coding_concepts(code) for code in codes):
            promises |= {rule for expectation in fixture.hooks.values() for rule in expectation.expects}
    assert any(one.startswith(("ref-", "mon-", "dmt-", "edu-")) for one in promises)
