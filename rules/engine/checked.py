"""The default back-end: the reference and durable_rules on every run; they must agree.

A difference is an incident, never a silent choice of one side (`docs/decisions/0001-propositions-and-two-worlds.md`).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Literal

from rules.engine.interface import Budget, Engine, EngineError, FactsError, Outcome

__all__ = ["CheckedEngine"]


class CheckedEngine:
    """Runs `reference`, then `other` in what is left of the time budget, and returns the outcome both agree on."""

    name: Literal["checked"] = "checked"

    def __init__(self, reference: Engine, other: Engine) -> None:
        """Both engines must have the same program loaded."""
        self._reference = reference
        self._other = other

    def run(self, sure: Set[str], possible: Set[str], budget: Budget) -> Outcome:
        """Chain forward twice. Raises EngineError: difference (names the clauses), crash, or what a back-end raised; FactsError when `sure`
        is not a subset of `possible`."""
        budget = replace(budget, until=budget.ends)
        expected = _run(self._reference, sure, possible, budget)
        actual = _run(self._other, sure, possible, budget)
        if actual != expected:
            clauses = tuple(sorted(_differing(expected, actual)))
            what = f"{len(clauses)} clauses" if clauses else "what holds"
            raise EngineError("difference", f"{self._reference.name} and {self._other.name} differ in {what}", clauses)
        return expected


def _run(engine: Engine, sure: Set[str], possible: Set[str], budget: Budget) -> Outcome:
    try:
        return engine.run(sure, possible, budget)
    except (EngineError, FactsError):
        raise
    except Exception as error:  # noqa: BLE001  (no failure of any kind may pass as an answer)
        raise EngineError("crash", f"{engine.name} ended with {type(error).__name__}") from None


def _differing(one: Outcome, other: Outcome) -> set[str]:
    """Clause ids that fired on one side only; empty when the sides differ in propositions or order alone."""
    return set(one.fired) ^ set(other.fired) | set(one.fired_possible) ^ set(other.fired_possible)
