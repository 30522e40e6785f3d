"""`python -m tests.generative.metamorphic.everyone`: every relation for every invented patient and hook; exits 1 when one fails."""

from __future__ import annotations

import sys

from fhir_fixtures import patients
from tests.generative.metamorphic.findings import sample
from tests.generative.metamorphic.relations import HISTORIES, SAME, broken

CASES = sample(patients())


def main() -> int:
    """Say what failed, and how much was tried."""
    failed = 0
    names = (*SAME, *HISTORIES)
    for number, (fixture, hook) in enumerate(CASES, 1):
        for name in names:
            for problem in broken(name, fixture, hook):
                failed += 1
                sys.stdout.write(f"{fixture.name} on {hook}: {name}: {problem}\n")
        if number % 50 == 0:
            sys.stderr.write(f"{number} of {len(CASES)}\n")
    sys.stdout.write(f"{len(CASES)} patients and hooks, {len(names)} relations each: {failed} differences\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
