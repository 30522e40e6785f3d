"""Patients mixed from vignettes, judged with and without `rules.reach`: `python -m tests.generative.reach.mixed 20000`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from random import Random

from rules.check import record_of
from rules.engine.interface import Budget
from rules.evaluate import Evaluator
from rules.extract import TYPES
from rules.facts import Record
from rules.knowledge import Knowledge
from rules.match import Matcher
from rules.model import Vignette
from rules.world import World

PATIENT = Budget(facts=100_000, firings=100_000, seconds=60.0)
CONCLUSIONS = ("inc:", "fires:", "fact:", "blocked:")


@cache
def knowledge() -> Knowledge:
    """The rules on the engine that costs least; that both engines agree is `tests/generative/engine`'s business."""
    return Knowledge.load(engine="reference")


@cache
def judging_all() -> Evaluator:
    """The same rules and engine, every condition judged."""
    known = knowledge()
    matcher = Matcher(known.compiled.leaves, known.patterns)
    site = known.site
    return Evaluator(known.rules, known.compiled, matcher, known.terminology, known.engine, site.budgets, site.unasked)


@cache
def vignettes() -> tuple[Vignette, ...]:
    """Those of all rules."""
    return tuple(vignette for rule in knowledge().rules for vignette in rule.vignettes)


def mixed(seed: int, count: int) -> Iterator[tuple[str, Record]]:
    """So many records, each with what one or two vignettes say of a patient, at any hook, with types that could not be read."""
    random = Random(seed)  # noqa: S311 - test data
    for _ in range(count):
        one, other = random.sample(vignettes(), 2)
        record = record_of(knowledge(), one)
        if random.random() < 0.5:
            record = _with(record, record_of(knowledge(), other))
        if random.random() < 0.2:
            record = replace(record, hook=other.hook)
        if random.random() < 0.3:
            record = replace(record, unread={**record.unread, **dict.fromkeys(random.sample(TYPES, random.randint(1, 3)), "not read")})
        yield f"{one.name} / {other.name} ({seed})", record


def _with(record: Record, other: Record) -> Record:
    return replace(
        record,
        conditions=(*record.conditions, *other.conditions),
        medications=(*record.medications, *other.medications),
        observations=(*record.observations, *other.observations),
        events=(*record.events, *other.events),
        allergies=(*record.allergies, *other.allergies),
        relatives=(*record.relatives, *other.relatives),
    )


def differences(record: Record) -> list[str]:
    """What is concluded, found or said otherwise when everything is judged."""
    pruned, whole = knowledge().evaluator, judging_all()
    mine, theirs = pruned.solve(record, PATIENT), whole.solve(record, PATIENT)
    found = sorted(map(str, _concluded(mine) ^ _concluded(theirs)))
    if pruned.told(mine, PATIENT) != whole.told(theirs, PATIENT):
        found.append("findings")
    return found + [str(dict(leaf.table)) for leaf in knowledge().compiled.leaves if mine.verdicts[leaf] != theirs.verdicts[leaf]]


def _concluded(world: World) -> set[tuple[str, str]]:
    worlds = (("sure", world.sure), ("possible", world.possible))
    return {(name, one) for name, held in worlds for one in held if one.startswith(CONCLUSIONS)}


def main() -> int:
    """Say what differs, and how much was tried."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    failed = 0
    for number, (name, record) in enumerate(mixed(1, count), 1):
        if wrong := differences(record):
            failed += 1
            sys.stdout.write(f"{name}: {wrong[:5]}\n")
        if number % 1000 == 0:
            sys.stderr.write(f"{number} of {count}\n")
    sys.stdout.write(f"{count} patients: {failed} differences\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
