"""Chunks stay within what the C core of durable_rules can bear, whatever the program."""

from __future__ import annotations

from collections import Counter

import pytest

from rules.engine.chunks import ALWAYS, CONDITIONS, cut, ranks
from rules.engine.interface import Clause
from tests.unit.engine.back_ends import clause

CASES = {
    "400 readers of one proposition": [clause(f"c{n}", f"h{n}", f"popular p{n}") for n in range(400)],
    "2,000 propositions": [clause(f"c{n}", f"h{n}", f"p{n}", unless=f"q{n}", open_=f"r{n}") for n in range(2000)],
    "a ring": [clause(f"c{n}", f"p{(n + 1) % 100}", f"p{n}") for n in range(100)],
    "long clauses": [clause(f"c{n}", "h", " ".join(f"p{n + k}" for k in range(90))) for n in range(30)],
    "one clause": [clause("c", "h")],
}


@pytest.fixture(params=CASES)
def clauses(request: pytest.FixtureRequest) -> list[Clause]:
    return CASES[request.param]


def test_every_clause_is_in_exactly_one_chunk(clauses: list[Clause]) -> None:
    numbers = sorted(step.clause for chunk in cut(list(enumerate(clauses, 10))).chunks for step in chunk.steps if step.clause is not None)
    assert numbers == list(range(10, 10 + len(clauses)))


def test_the_limits_of_the_c_core_are_far(clauses: list[Clause]) -> None:
    for chunk in cut(list(enumerate(clauses))).chunks:
        reads = Counter(condition for step in chunk.steps for condition in step.conditions)
        assert len(reads) <= 250, "254 properties of a fact fail"
        assert len(chunk.steps) <= 50, (
            "511 branches under one node hang, 256 rules on one condition crash, 64 nodes matched by one fact fail"
        )
        assert max(len(step.conditions) for step in chunk.steps) <= CONDITIONS <= 30, (
            "33 expressions in one rule fail; two hold the others together"
        )
        assert all(len(step.conditions) == len(set(step.conditions)) > 0 for step in chunk.steps)
        assert set(chunk.conditions) == set(reads)


def test_producers_come_before_their_readers() -> None:
    chain = [clause(f"c{n}", f"p{n}", f"p{n + 1}") for n in range(200)]
    layer = cut(list(enumerate(chain)))
    order = [step.clause for chunk in layer.chunks for step in chunk.steps]
    assert order == list(reversed(range(200)))


def test_no_two_clauses_of_a_program_share_a_helper() -> None:
    layers = [cut(list(enumerate(CASES["long clauses"]))), cut(list(enumerate(CASES["long clauses"], len(CASES["long clauses"]))))]
    heads = [step.head for layer in layers for chunk in layer.chunks for step in chunk.steps if step.clause is None]
    assert len(heads) == len(set(heads)) == 2 * 30 * 3
    assert not any(isinstance(head, str) or head == ALWAYS for head in heads)


def test_ranks_put_what_a_clause_reads_before_it_and_lose_none() -> None:
    clauses = [
        clause("c0", "z", "y x"),
        clause("c1", "y", "x a"),
        clause("c2", "x", "a"),
        clause("c3", "z", "a"),
        clause("c4", "w", unless="b"),
    ]
    found = [sorted(number for number, _ in rank) for rank in ranks(clauses, 5)]
    assert found == [[7, 9], [6], [5, 8]]


def test_clauses_that_wait_for_the_same_thing_stand_together() -> None:
    clauses = [
        clause("c0", "h0", "a x"),
        clause("c1", "h1", "b"),
        clause("c2", "h2", "a y"),
        clause("c3", "h3", "b x"),
        clause("c4", "h4", "a"),
    ]
    (found,) = ranks(clauses, 0, frozenset({"x", "y"}))
    assert [one.id for _, one in found] == ["c0", "c2", "c4", "c1", "c3"]


def test_a_pass_with_a_cycle_stays_one_rank() -> None:
    ring = CASES["a ring"]
    assert ranks(ring, 0) == [list(enumerate(ring))]
