"""Two back-ends that must agree; what happens when they do not."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from time import sleep

import pytest

from rules.engine.checked import CheckedEngine
from rules.engine.interface import Budget, EngineError, Outcome
from rules.engine.reference import ReferenceEngine
from tests.unit.engine.back_ends import AMPLE, clause, program, run

PROGRAM = program([clause("c", "h", "a"), clause("d", "i", "h")], [clause("e", "j", "i", unless="x")])


@dataclass
class Faulty:
    """The reference, its outcome bent by `spoil`."""

    spoil: Callable[[Outcome], Outcome]
    name: str = "faulty"

    def run(self, sure: Set[str], possible: Set[str], budget: Budget) -> Outcome:
        return self.spoil(ReferenceEngine(PROGRAM).run(sure, possible, budget))


def fail_with(error: Exception) -> Callable[[Outcome], Outcome]:
    def spoil(_: Outcome) -> Outcome:
        raise error

    return spoil


def checked(spoil: Callable[[Outcome], Outcome]) -> CheckedEngine:
    return CheckedEngine(ReferenceEngine(PROGRAM), Faulty(spoil))


def test_engines_that_agree_give_the_common_outcome() -> None:
    assert run(checked(lambda outcome: outcome), "a").fired == ("c", "d", "e")


@pytest.mark.parametrize(
    ("spoil", "clauses"),
    [
        (lambda o: replace(o, numbers=frozenset()), ("c", "d")),
        (lambda o: replace(o, numbers_possible=o.numbers_possible - {2}), ("e",)),
        (lambda o: replace(o, numbers=frozenset({0}), numbers_possible=frozenset({0, 1})), ("d", "e")),
        (lambda o: replace(o, sure=o.sure | {"k"}), ()),
        (lambda o: replace(o, possible=o.possible - {"j"}), ()),
    ],
)
def test_a_difference_is_an_error_that_names_the_clauses(spoil: Callable[[Outcome], Outcome], clauses: tuple[str, ...]) -> None:
    with pytest.raises(EngineError) as caught:
        run(checked(spoil), "a secret-fact", "x")
    assert caught.value.kind == "difference"
    assert caught.value.clauses == clauses
    assert str(caught.value).endswith(f"reference and faulty differ in {len(clauses)} clauses" if clauses else "differ in what holds")
    assert "reference and faulty differ" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_unexpected_exception_is_a_crash_without_its_text() -> None:
    with pytest.raises(EngineError, match="faulty ended with ValueError") as caught:
        run(checked(fail_with(ValueError("secret-fact"))), "a")
    assert caught.value.kind == "crash"
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("kind", ["crash", "poisoned", "budget", "deadline"])
def test_an_error_of_a_back_end_comes_through(kind: str) -> None:
    error = EngineError(kind, "why", ("c",))
    with pytest.raises(EngineError) as caught:
        run(checked(fail_with(error)), "a")
    assert caught.value is error


def test_both_engines_share_the_seconds_of_the_budget() -> None:
    seen: list[float] = []

    @dataclass
    class Slow:
        name: str

        def run(self, sure: Set[str], possible: Set[str], budget: Budget) -> Outcome:
            seen.append(budget.left)
            sleep(0.02)
            return Outcome(sure, possible)

    CheckedEngine(Slow("one"), Slow("two")).run(frozenset(), frozenset(), AMPLE)
    assert seen[0] > AMPLE.seconds - 0.02
    assert 0 < seen[1] < seen[0] - 0.01
