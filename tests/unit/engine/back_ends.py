"""What the engine tests share: which back-ends run here, and short ways to write programs and runs."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Sequence
from typing import Literal

from rules.engine.interface import Budget, Clause, Engine, Outcome, Program
from tests.support.reference import ONLY_REFERENCE

Kind = Literal["checked", "durable", "reference"]

HAS_DURABLE = sys.version_info < (3, 13) and not ONLY_REFERENCE
KINDS: tuple[Kind, ...] = ("reference", "durable", "checked") if HAS_DURABLE else ("reference",)
NEEDS_DURABLE = "durable_rules does not run on Python 3.13 or newer, nor with TEST_ENGINE=reference"
AMPLE = Budget(facts=10**6, firings=10**6, seconds=60.0)


def clause(id_: str, head: str, when: str = "", unless: str = "", open_: str = "") -> Clause:
    """Names in `when`, `unless` and `open_` are separated by blanks."""
    return Clause(id_, head, tuple(when.split()), tuple(unless.split()), tuple(open_.split()))


def program(*passes: Iterable[Clause]) -> Program:
    return Program(tuple(tuple(clauses) for clauses in passes))


def shuffled(clauses: Sequence[Clause], seed: int) -> list[Clause]:
    """The same clauses in another order, always the same one for a seed."""
    return random.Random(seed).sample(clauses, len(clauses))  # noqa: S311  (not for secrets)


def run(engine: Engine, sure: str, unknown: str = "", budget: Budget = AMPLE) -> Outcome:
    """Run with the blank-separated propositions; `unknown` ones are possible only."""
    names = frozenset(sure.split())
    return engine.run(names, names | frozenset(unknown.split()), budget)
