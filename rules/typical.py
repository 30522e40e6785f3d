"""The facts of typical patients (`rules/typical.toml`), for which the engine is solved in advance. They change no outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final

from rules.engine.interface import Facts
from rules.extract import extract
from rules.extract.reading import Input
from rules.facts import Origin
from rules.match import Matcher
from rules.terminology import Terminology
from rules.vignette import build

__all__ = ["typical_facts"]

DAY: Final = date(2026, 1, 15)  # any day does: the patients are written relative to it
HOOK: Final = "patient-view"


def typical_facts(patients: tuple[Mapping[str, object], ...], matcher: Matcher, terminology: Terminology) -> tuple[Facts, ...]:
    """What the engine is given for each of them. Raises ValueError for a patient that cannot be built."""
    noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    found = []
    for patient in patients:
        scene = build(patient, on=DAY, hook=HOOK, terminology=terminology)
        inputs = [Input(resource, Origin.RECORD) for resource in scene.resources]
        matched = matcher.match(extract(inputs, terminology=terminology, as_of=noon, hook=HOOK, unread={}))
        found.append((matched.sure, matched.possible))
    return tuple(found)
