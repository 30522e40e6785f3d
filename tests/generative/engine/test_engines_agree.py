"""Random programs, random facts: the reference does what the contract says literally, and durable_rules does what the reference does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.engine.interface import Budget, Engine, Facts, Program
from rules.engine.reference import ReferenceEngine
from tests.generative.engine.oracle import solve
from tests.generative.engine.programs import random_facts, random_program
from tests.unit.engine.back_ends import HAS_DURABLE, NEEDS_DURABLE, shuffled

if HAS_DURABLE:
    from rules.engine.durable import DurableEngine

AMPLE = Budget(facts=10**6, firings=10**6, seconds=60.0)
FACTS = 100

randoms = st.randoms(use_true_random=False)


@settings(max_examples=100)
@given(randoms)
def test_the_reference_equals_the_literal_contract(rng: Random) -> None:
    program, names = random_program(rng)
    engine = ReferenceEngine(program)
    for sure, possible in random_facts(rng, names, FACTS):
        assert engine.run(sure, possible, AMPLE) == solve(program, sure, possible)


@pytest.mark.skipif(not HAS_DURABLE, reason=NEEDS_DURABLE)
@settings(max_examples=100)
@given(randoms)
def test_durable_rules_equals_the_reference(rng: Random) -> None:
    program, names = random_program(rng)
    reference, durable = ReferenceEngine(program), DurableEngine(program)
    for sure, possible in random_facts(rng, names, FACTS):
        assert durable.run(sure, possible, AMPLE) == reference.run(sure, possible, AMPLE)


def check_typical(rng: Random, build: Callable[[Program, tuple[Facts, ...]], Engine]) -> None:
    """An engine that starts from typical patients does what the literal contract says."""
    program, names = random_program(rng)
    for number in (1, 2, 4):
        typical = tuple(random_facts(rng, names, number))
        engine = build(program, typical)
        for sure, possible in (*typical, *random_facts(rng, names, FACTS // 3)):
            assert engine.run(sure, possible, AMPLE) == solve(program, sure, possible)


@settings(max_examples=100)
@given(randoms)
def test_typical_patients_change_no_outcome_of_the_reference(rng: Random) -> None:
    check_typical(rng, ReferenceEngine)


@pytest.mark.skipif(not HAS_DURABLE, reason=NEEDS_DURABLE)
@settings(max_examples=100)
@given(randoms)
def test_typical_patients_change_no_outcome_of_durable_rules(rng: Random) -> None:
    check_typical(rng, lambda program, typical: DurableEngine(program, typical=typical))


@pytest.mark.skipif(not HAS_DURABLE, reason=NEEDS_DURABLE)
@pytest.mark.parametrize("seed", range(100))
def test_all_three_agree_on_evenly_drawn_programs_where_hypothesis_prefers_small_ones(seed: int) -> None:
    rng = Random(seed)  # noqa: S311  (not for secrets)
    program, names = random_program(rng)
    reference, durable = ReferenceEngine(program), DurableEngine(program)
    for sure, possible in random_facts(rng, names, FACTS):
        expected = solve(program, sure, possible)
        assert reference.run(sure, possible, AMPLE) == expected
        assert durable.run(sure, possible, AMPLE) == expected


@settings(max_examples=50)
@given(randoms, st.integers(0, 2**32))
def test_the_order_of_clauses_changes_nothing_but_the_order_of_the_trace(rng: Random, seed: int) -> None:
    program, names = random_program(rng)
    other = Program(tuple(tuple(shuffled(clauses, seed)) for clauses in program.passes))
    one, two = ReferenceEngine(program), ReferenceEngine(other)
    for sure, possible in random_facts(rng, names, 20):
        expected, outcome = one.run(sure, possible, AMPLE), two.run(sure, possible, AMPLE)
        assert (outcome.sure, outcome.possible) == (expected.sure, expected.possible)
        assert outcome.fired == tuple(c.id for clauses in other.passes for c in clauses if c.id in expected.fired)
        assert outcome.fired_possible == tuple(c.id for clauses in other.passes for c in clauses if c.id in expected.fired_possible)


@settings(max_examples=50)
@given(randoms)
def test_what_is_sure_is_possible_and_more_knowledge_never_contradicts(rng: Random) -> None:
    program, names = random_program(rng)
    engine = ReferenceEngine(
        Program(tuple(tuple(replace(c, open=()) for c in clauses) for clauses in program.passes))
    )  # open means lack of it
    for sure, possible in random_facts(rng, names, 20):
        vague = engine.run(sure, possible, AMPLE)
        assert vague.sure <= vague.possible
        for known in (sure, possible):
            exact = engine.run(known, known, AMPLE)
            assert exact.sure == exact.possible
            assert vague.sure <= exact.sure <= vague.possible
