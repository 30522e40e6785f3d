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

    Conclusions have several producers, passes have chains and are often larger than a ruleset; in half of the programs they have cycles. In
    every fourth program half of the clauses read more facts than a rule of durable_rules can ask for.
    """
    has_long = rng.randrange(4) == 0
    has_rings = bool(rng.getrandbits(1))
    inputs = [f"i{n}" for n in range(rng.randint(32, 40) if has_long else rng.randint(1, 14))]
    earlier = list(inputs)
    given = list(inputs)
    passes: list[tuple[Clause, ...]] = []
    for number in range(rng.randint(1, 4)):
        size = rng.choice((0, 1, 4, 12, 24, 40))
        heads = [f"h{number}.{n}" for n in range(size // 2 + 1)]
        clauses = []
        for n in range(size):
            long = rng.sample(inputs, rng.randint(29, 32)) if has_long and rng.getrandbits(1) else []
            place = rng.randrange(len(heads))
            clauses.append(_clause(rng, f"c{number}.{n}", heads[place], heads if has_rings else heads[:place], earlier, long))
        passes.append(tuple(clauses))
        earlier += heads
        given += rng.sample(heads, rng.randint(0, min(2, len(heads))))
    return Program(tuple(passes)), tuple(given)


def _clause(rng: Random, id_: str, head: str, beside: list[str], earlier: list[str], long: list[str]) -> Clause:
    """A few conditions on conclusions of the same pass (`beside`) and on what is earlier, after those of `long`."""
    short = [rng.choice(beside if beside and rng.randint(0, 3) == 0 else earlier) for _ in range(rng.choice(LENGTHS))]
    return Clause(
        id_,
        head=head,
        when=(*long, *short),
        unless=tuple(rng.choice(earlier) for _ in range(rng.choice((0, 0, 0, 1, 2)))),
        open=tuple(rng.choice(earlier) for _ in range(rng.choice((0, 0, 0, 0, 1)))),
    )


def random_facts(rng: Random, names: tuple[str, ...], count: int) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """`count` pairs (sure, possible), in turn few, half, most and nearly all of the names sure; half of the others are unknown."""
    for number in range(count):
        one, two, three, four, five = (rng.getrandbits(len(names)) for _ in range(5))
        bits = (one & two, one, one | two | three, one | two | three | five | rng.getrandbits(len(names)))[number % 4]
        sure = frozenset(name for at, name in enumerate(names) if bits >> at & 1)
        yield sure, sure | frozenset(name for at, name in enumerate(names) if four >> at & 1)
