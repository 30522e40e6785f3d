"""Gates of conditions that no rule of today has, or has only behind others."""

from __future__ import annotations

import datetime as dt
from itertools import combinations

import pytest

from rules.compile import Producer
from rules.model import All, Any_, AtLeast, Branch, Derived, Leaf, Node, Not, Review, Rule
from rules.reach import Reach

REVIEW = Review("", "", dt.date(2026, 1, 1), dt.date(2027, 1, 1))
A, B, C, LAB = leaves = tuple(Leaf((("diagnosis", name),), lifelong=False) for name in "abcl")
NUMBERS = {leaf: number for number, leaf in enumerate(leaves)}
GATES = {A: 1.0, B: 1.0, C: 1.0}


def rule(name: str, *parts: Node, concludes: str = "") -> Rule:
    """A rule of one branch."""
    branch = Branch("b", All(parts), (), "silent", "info", "", concludes=(concludes,) if concludes else ())
    return Rule(name, "1.0.0", "active", name, "referral", "derive", frozenset(), (branch,), None, (), REVIEW, ())


def reached(touched: str, *rules: Rule) -> bool:
    """Whether the last rule, which asks for the laboratory result, is worth judging when these are touched."""
    made: dict[str, tuple[Producer, ...]] = {}
    for one in rules:
        for name in one.branches[0].concludes:
            made[f"fact:{name}"] = (*made.get(f"fact:{name}", ()), Producer(one, one.branches[0]))
    numbers = {NUMBERS[leaf] for leaf, name in zip(leaves, "abcl", strict=True) if name in touched}
    return NUMBERS[LAB] in Reach(rules, made, NUMBERS, GATES).needed(numbers)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_some_of_several_conditions_are_reached_when_so_many_are_touched(count: int) -> None:
    """It may be reached with fewer, and is never left out when it could hold."""
    one = rule("r", AtLeast(count, (A, B, C)), LAB)
    assert all(reached("".join(some), one) for size in range(count, 4) for some in combinations("abc", size))
    assert not reached("l", one)


def test_all_of_several_need_each_and_one_of_several_any() -> None:
    """Conjunctions and alternatives, in each other."""
    one = rule("r", A, Any_((B, All((C, LAB)))))
    assert [reached(some, one) for some in ("a", "b", "bc", "ab", "ac", "abc")] == [False, False, False, True, True, True]


def test_what_may_hold_for_anybody_is_always_judged() -> None:
    """A result that is not on file is unknown, a negation may hold, and so may an alternative with one of them."""
    assert all(reached("", rule("r", node, LAB)) for node in (LAB, Not(A), Any_((A, LAB)), AtLeast(1, (A, Not(B)))))


def test_a_conclusion_is_reached_through_the_rules_that_draw_it() -> None:
    """Whichever does; one that nobody draws never holds, unless its absence is asked for; one that is drawn from itself may."""
    below = (rule("x", A, concludes="f"), rule("y", B, concludes="f"))
    one = rule("r", Derived("fact", "f"), LAB)
    assert [reached(some, *below, one) for some in ("", "c", "a", "b")] == [False, False, True, True]
    assert not reached("abc", one)
    assert reached("", *below, rule("r", Derived("fact", "f", frozenset({"absent"})), LAB))
    assert reached("", rule("ring", Derived("fact", "f"), concludes="f"), one)
