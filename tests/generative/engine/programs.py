"""Random programs that keep the contract, and random facts for them.

Everything comes from one `random.Random`, so a seed repeats a case, and Hypothesis can shrink one when it supplies the generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from rules.engine.interface import Clause, Program

__all__ = ["random_facts", "random_program"]

LENGTHS = (0, 1, 1, 1, 2, 2, 2, 3, 3, 4)


def random_program(rng: Random) -> tuple[Program, tuple[str, ...]]:
    """A program of up to four passes and the propositions worth giving as facts, some of which are conclusions too.

    Conclusions have several producers, passes have chains and cycles and are often larger than a ruleset, and a few clauses are long.
    """
    inputs = [f"i{n}" for n in range(rng.randint(1, 14))]
    earlier = list(inputs)
    given = list(inputs)
    passes: list[tuple[Clause, ...]] = []
    for number in range(rng.randint(1, 4)):
        size = rng.choice((0, 1, 4, 12, 24, 40))
        heads = [f"h{number}.{n}" for n in range(size // 2 + 1)]
        passes.append(tuple(_clause(rng, f"c{number}.{n}", heads, earlier) for n in range(size)))
        earlier += heads
        given += rng.sample(heads, rng.randint(0, min(2, len(heads))))
    return Program(tuple(passes)), tuple(given)


def _clause(rng: Random, id_: str, heads: list[str], earlier: list[str]) -> Clause:
    length = rng.randint(10, 30) if rng.randint(0, 39) == 0 else rng.choice(LENGTHS)
    return Clause(
        id_,
        head=rng.choice(heads),
        when=tuple(rng.choice(heads if rng.randint(0, 3) == 0 else earlier) for _ in range(length)),
        unless=tuple(rng.choice(earlier) for _ in range(rng.choice((0, 0, 0, 1, 2)))),
        open=tuple(rng.choice(earlier) for _ in range(rng.choice((0, 0, 0, 0, 1)))),
    )


def random_facts(rng: Random, names: tuple[str, ...], count: int) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """`count` pairs (sure, possible): each name is sure in half of them, unknown in a quarter, absent in a quarter."""
    for _ in range(count):
        one, two = rng.getrandbits(len(names)), rng.getrandbits(len(names))
        sure = frozenset(name for at, name in enumerate(names) if one >> at & 1)
        yield sure, sure | frozenset(name for at, name in enumerate(names) if two >> at & 1)
