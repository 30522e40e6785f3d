"""Cutting a pass into chunks: small groups of clauses, each of which becomes one ruleset of durable_rules.

Why small: a session costs about 8 kB and 0.2 us per clause of its ruleset, firing or not, so only chunks that could fire are opened. And
the limits of the C core then hold by construction, however large the program: 511 branches under one node, 64 nodes matched by one fact,
256 rules on one condition, 253 properties of a fact (`PROPERTIES`), and 32 expressions in one rule (`CONDITIONS`; longer clauses are split
with helpers).

A *condition* is a positive statement that the driver asserts only when it is true: ("+", p) p holds, ("!", p) p does not hold, ("?", p) p
is unknown, ("+", (7, 0)) helper 0 of clause 7 holds, ("+", ALWAYS) for clauses without conditions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from rules.engine.interface import Clause

__all__ = ["ALWAYS", "CONDITIONS", "Chunk", "Condition", "Layer", "Name", "Step", "cut", "ranks"]

Name = str | tuple[int, int]
"""A proposition, or a helper: the number of its clause in the program and its place in it. No two clauses of any pass share a helper."""

Condition = tuple[Literal["+", "!", "?"], Name]

ALWAYS: Name = (-1, 0)
CONDITIONS = 28
CLAUSES = 24
PROPERTIES = 200


@dataclass(frozen=True, slots=True)
class Step:
    """A rule to be: `head` when all `conditions` hold. `clause` is the clause's number in the program, None for a helper."""

    clause: int | None
    head: Name
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Steps of one ruleset and the distinct conditions they read, both numbered by position."""

    steps: tuple[Step, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One rank of a pass in chunks, producers first where the program has no cycle. `readers[p]` lists the chunks in which p is a "+"
    condition."""

    chunks: tuple[Chunk, ...]
    readers: dict[Name, tuple[int, ...]]


def ranks(clauses: Sequence[Clause], first: int, held: Set[str] = frozenset()) -> list[list[tuple[int, Clause]]]:
    """One pass, its clauses numbered from `first`, in ranks: what a clause reads is concluded in a rank before its own.

    A pass with a cycle stays one rank. Fine ranks let a run see early that nothing differs any more (`rules.engine.background`). In a rank,
    clauses that wait for the same thing stand together, so that a patient's clauses are in few chunks; for what is `held` none waits.
    """
    numbered = list(enumerate(clauses, first))
    heads = {clause.head for clause in clauses}
    reads: dict[str, set[str]] = {head: set() for head in heads}
    for clause in clauses:
        reads[clause.head].update(heads.intersection(clause.when))
    sorter = TopologicalSorter(reads)
    try:
        sorter.prepare()
    except CycleError:
        return [numbered]
    rank: dict[str, int] = {}
    level = 0
    while sorter.is_active():
        ready = sorter.get_ready()
        rank.update(dict.fromkeys(ready, level))
        sorter.done(*ready)
        level += 1
    found: list[list[tuple[int, Clause]]] = [[] for _ in range(level)]
    for number, clause in numbered:
        found[rank[clause.head]].append((number, clause))
    counted = Counter(name for clause in clauses for name in clause.when if name not in held)
    for members in found:
        members.sort(key=lambda one: sorted((-counted[name], name) for name in one[1].when if name in counted))
    return found


def cut(clauses: Sequence[tuple[int, Clause]]) -> Layer:
    """Cut clauses, each with its number in the program."""
    steps: list[Step] = []
    for number, clause in clauses:
        steps.extend(_split(number, clause))
    chunks = tuple(_grouped(_producers_first(steps)))
    readers: dict[Name, list[int]] = {}
    for index, chunk in enumerate(chunks):
        for kind, name in chunk.conditions:
            if kind == "+":
                readers.setdefault(name, []).append(index)
    return Layer(chunks, {name: tuple(indexes) for name, indexes in readers.items()})


def _grouped(steps: Iterable[Step]) -> Iterator[Chunk]:
    """As many steps in a row as one ruleset takes."""
    group: list[Step] = []
    read: dict[Condition, None] = {}
    for step in steps:
        together = read | dict.fromkeys(step.conditions)
        if len(group) == CLAUSES or len(together) > PROPERTIES:
            yield Chunk(tuple(group), tuple(read))
            group, together = [], dict.fromkeys(step.conditions)
        group.append(step)
        read = together
    if group:
        yield Chunk(tuple(group), tuple(read))


def _split(number: int, clause: Clause) -> Iterable[Step]:
    """The steps of one clause; more than CONDITIONS conditions go through helpers."""
    plus: list[Condition] = [("+", name) for name in clause.when]
    unknown: list[Condition] = [("?", name) for name in clause.open]
    minus: list[Condition] = [("!", name) for name in clause.unless]
    rest = list(dict.fromkeys([*plus, *unknown, *minus])) or [("+", ALWAYS)]
    place = 0
    while len(rest) > CONDITIONS:
        helper = (number, place)
        yield Step(None, helper, tuple(rest[:CONDITIONS]))
        rest = [("+", helper), *rest[CONDITIONS:]]
        place += 1
    yield Step(number, clause.head, tuple(rest))


def _producers_first(steps: Sequence[Step]) -> list[Step]:
    """Depth first: what a step reads comes before it and near it; a cycle is cut where it closes."""
    producers: dict[Name, list[int]] = {}
    for index, step in enumerate(steps):
        producers.setdefault(step.head, []).append(index)

    def needed_by(index: int) -> Iterator[int]:
        return (producer for kind, name in steps[index].conditions if kind == "+" for producer in producers.get(name, ()))

    order: list[Step] = []
    seen: set[int] = set()
    for start in range(len(steps)):
        path = [] if start in seen else [(start, needed_by(start))]
        seen.add(start)
        while path:
            index, waiting = path[-1]
            following = next((producer for producer in waiting if producer not in seen), None)
            if following is None:
                order.append(steps[index])
                path.pop()
            else:
                seen.add(following)
                path.append((following, needed_by(following)))
    return order
