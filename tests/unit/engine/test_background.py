"""From which typical patient a run starts, and what it is told of the difference."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from rules.engine import build_engine
from rules.engine.background import NOTHING, Background, Backgrounds
from rules.engine.interface import Facts, FactsError
from rules.engine.reference import ReferenceEngine
from tests.unit.engine.back_ends import AMPLE, KINDS, Kind, clause, program

NONE: frozenset[str] = frozenset()


def facts(sure: str, unknown: str = "") -> Facts:
    """What is sure, and what is possible, which is that and what is unknown."""
    return frozenset(sure.split()), frozenset(sure.split()) | frozenset(unknown.split())


def backgrounds(*typical: Facts) -> Backgrounds[str]:
    known = Backgrounds[str]()
    for one in typical:
        known.add(Background(one, (NONE, NONE), (frozenset(), frozenset())))
    return known


def distance(one: Facts, other: Facts) -> int:
    return len(one[0] ^ other[0]) + len(one[1] ^ other[1])


MG, ALS, WELL = facts("adult mg achr", "renal"), facts("adult als", "renal"), facts("adult", "renal pregnant")


@pytest.mark.parametrize(
    ("own", "expected", "differing"),
    [
        (MG, MG, ""),
        (ALS, ALS, ""),
        (WELL, WELL, ""),
        (facts("adult mg achr crisis", "renal"), MG, "crisis"),
        (facts("adult mg", "renal"), MG, "achr"),
        (facts("adult mg achr renal"), MG, "renal"),
        (facts("adult mg achr"), MG, "renal"),
        (facts("adult als pregnant", "renal"), ALS, "pregnant"),
        (facts(""), WELL, "adult renal pregnant"),
    ],
)
def test_the_run_starts_from_the_patient_who_differs_least_and_is_told_every_difference(
    own: Facts, expected: Facts, differing: str
) -> None:
    found, different = backgrounds(WELL, MG, ALS).nearest(*own)
    assert found.facts == expected
    assert different == frozenset(differing.split())


@pytest.mark.parametrize("order", [(WELL, MG, ALS), (ALS, WELL, MG), (MG, ALS, WELL)])
def test_the_order_of_the_typical_patients_decides_between_equals_only(order: tuple[Facts, ...]) -> None:
    assert backgrounds(*order).nearest(*facts("adult als mg achr als2", "renal"))[0].facts == MG
    between = facts("adult mg", "")
    same = [one for one in order if distance(one, between) == min(distance(other, between) for other in order)]
    assert backgrounds(*order).nearest(*between)[0].facts == same[0]


def test_of_equals_the_first_is_taken() -> None:
    twins = backgrounds(facts("a"), facts("a"), facts("b"))
    assert twins.nearest(*facts("a"))[0] is twins.all[0]
    assert twins.nearest(*facts(""))[0] is twins.all[0]


def test_a_fact_that_is_sure_here_and_unknown_there_is_a_difference() -> None:
    found, different = backgrounds(facts("", "a")).nearest(*facts("a"))
    assert (found.facts, different) == (facts("", "a"), frozenset("a"))


def test_with_one_background_it_is_that_one() -> None:
    found, different = backgrounds(NOTHING).nearest(*facts("a b", "c"))
    assert (found.facts, different) == (NOTHING, frozenset("abc"))


def test_the_choice_is_the_one_that_counting_every_place_makes() -> None:
    rng = Random(1)  # noqa: S311 - no secret
    names = "abcdefgh"

    def drawn() -> Facts:
        sure = frozenset(rng.sample(names, rng.randrange(6)))
        return sure, sure | frozenset(rng.sample(names, rng.randrange(6)))

    for _ in range(500):
        known = backgrounds(*(drawn() for _ in range(rng.randint(1, 6))))
        own = drawn()
        found, different = known.nearest(*own)
        assert distance(found.facts, own) == min(distance(one.facts, own) for one in known.all)
        assert different == (own[0] ^ found.facts[0]) | (own[1] ^ found.facts[1])
        assert found is next(one for one in known.all if distance(one.facts, own) == distance(found.facts, own))


RULES = program(
    [clause("c", "block", "mg"), clause("d", "gate", "renal"), clause("e", "block", "achr", unless="als")],
    [clause("f", "card", "adult", unless="block"), clause("g", "ask", "adult", open_="gate"), clause("h", "card", "crisis")],
)
EVERYONE = [
    facts(" ".join(sure), unknown)
    for sure in product(["adult", ""], ["mg", "als", ""], ["crisis", "renal", ""], ["block gate", "gate", ""])
    for unknown in ("", "renal achr block")
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_typical_patients_conclude_does_not_stick_to_another(kind: Kind) -> None:
    """Three typical patients, each solved from the nearest before it; everybody asked about gets what he gets without them."""
    alone = ReferenceEngine(RULES)
    for at in range(0, len(EVERYONE), 12 if kind == "reference" else 36):
        engine = build_engine(kind, RULES, typical=[EVERYONE[at], EVERYONE[at - 7], EVERYONE[at - 13]])
        for own in EVERYONE:
            assert engine.run(*own, AMPLE) == alone.run(*own, AMPLE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_typical_patient_for_whom_something_is_sure_and_not_possible_is_refused(kind: Kind) -> None:
    for typical in ([(frozenset("a"), NONE)], [facts("a"), (frozenset("ab"), frozenset("a"))]):
        with pytest.raises(FactsError, match="sure must be a subset of possible"):
            build_engine(kind, RULES, typical=typical)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lacking", [0, 39])
def test_what_a_long_clause_has_of_its_conditions_is_taken_over_from_the_typical_patient(kind: Kind, lacking: int) -> None:
    names = [f"n{number}" for number in range(40)]
    some = [name for name in names if name != f"n{lacking}"]
    long = program([clause("c", "h", " ".join(names))])
    for typical in (facts(" ".join(some)), facts("", " ".join(some)), facts(" ".join(some), f"n{lacking}")):
        engine = build_engine(kind, long, typical=[typical])
        for own in (facts(" ".join(names)), facts(" ".join(some), f"n{lacking}"), facts("", " ".join(names)), facts(" ".join(some))):
            assert engine.run(*own, AMPLE) == ReferenceEngine(long).run(*own, AMPLE)
