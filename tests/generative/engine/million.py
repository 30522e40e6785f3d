"""Compare durable_rules with the reference on a million random cases: `python -m tests.generative.engine.million [cases] [seed]`.

Not a pytest: it takes minutes. Ends with 1 and the seed of the program on the first difference.
"""

from __future__ import annotations

import sys
from random import Random
from time import monotonic, process_time

from rules.engine.durable import DurableEngine
from rules.engine.interface import Budget
from rules.engine.reference import ReferenceEngine
from tests.generative.engine.programs import random_facts, random_program

FACTS = 200
BUDGET = Budget(facts=10**6, firings=10**6, seconds=60.0)


def main(cases: int = 1_000_000, seed: int = 1) -> int:
    """Run at least `cases` cases; the program numbered n comes from the seed "<seed>:<n>"."""
    started, used = monotonic(), process_time()
    done = fired = fired_possible = number = 0
    shown = 0
    while done < cases:
        name = f"{seed}:{number}"
        rng = Random(name)  # noqa: S311  (not for secrets)
        program, names = random_program(rng)
        typical = tuple(random_facts(rng, names, number % 4))
        reference, durable = ReferenceEngine(program, typical if number % 8 > 3 else ()), DurableEngine(program, typical=typical)
        for sure, possible in random_facts(rng, names, FACTS):
            expected = reference.run(sure, possible, BUDGET)
            if durable.run(sure, possible, BUDGET) != expected:
                sys.stdout.write(f"difference: program {name}, sure {sorted(sure)}, possible {sorted(possible)}\n")
                return 1
            done += 1
            fired += len(expected.fired)
            fired_possible += len(expected.fired_possible)
        number += 1
        if done * 20 // cases > shown:
            shown = done * 20 // cases
            sys.stdout.write(f"{done} cases, {number} programs, {monotonic() - started:.0f} s\n")
            sys.stdout.flush()
    sys.stdout.write(
        f"no difference in {done} cases of {number} programs; {fired} sure and {fired_possible} possible firings; "
        f"{process_time() - used:.0f} s of CPU\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
