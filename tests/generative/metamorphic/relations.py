"""The relations between a patient and the changed patient, each with what must hold, and how to check one."""

from __future__ import annotations

import random
from collections.abc import Mapping

from fhir_fixtures import PatientFixture
from tests.generative.metamorphic.findings import ask, difference, first, safety, told
from tests.generative.metamorphic.transforms import (
    Change,
    another_order,
    codings_turned,
    earlier_results,
    entered_in_error,
    everything_twice,
    later_by,
    long_ago,
    noise_added,
    other_units,
    renamed,
    unrelated_added,
)

__all__ = ["HISTORIES", "SAME", "broken"]

SAME: Mapping[str, Change] = {
    "the resources in another order": another_order,
    "codings and members in another order": codings_turned,
    "every resource twice": everything_twice,
    "ordinary conditions, results and procedures added": unrelated_added,
    "another display, unknown extensions, narrative and meta": noise_added,
    "results in other units": other_units,
    "other people's records, entered in error": entered_in_error,
    "other ids": renamed,
    "a week later": later_by(7),
    "four years later": later_by(1461),
}
"""Nothing changes. Times move by a week and by four whole years: windows in months and years have as many days then as before.
(By 100 days one finding changes, ref-pt for dermatomyositis_new: three months back from March are fewer days than from November.)"""
HISTORIES: Mapping[str, Change] = {
    "results, diseases and drugs of ten years ago": long_ago,
    "the same results a month earlier": earlier_results(30, 1),
    "half as high results of ten years ago": earlier_results(3653, 0.5),
    "twice as high results of ten years ago": earlier_results(3653, 2),
}
"""No safety finding goes away. No rule says today that it should for one of the invented patients; one that does is named here."""


def broken(name: str, fixture: PatientFixture, hook: str) -> list[str]:
    """How the relation fails for a patient and a hook; empty when it holds. The same every time."""
    dice = random.Random(f"{name} {fixture.name} {hook}")  # noqa: S311 - the same every time
    resources = list(fixture.resources)
    before = first(fixture.name, hook)
    changed = {**SAME, **HISTORIES}[name](resources, dice)
    after = ask(fixture, hook, changed)
    if name in HISTORIES:
        return [f"{rule} no longer fires" for rule in sorted(safety(before) - safety(after))]
    return difference(told(before, {}), told(after, changed.was))
