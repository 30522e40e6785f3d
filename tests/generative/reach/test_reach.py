"""What a record cannot reach is left unjudged, and nothing that is concluded or said depends on it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rules.extract import TYPES
from rules.facts import Record
from tests.generative.reach.mixed import differences, knowledge, mixed


@pytest.mark.parametrize("seed", range(2, 14))
def test_a_hundred_mixed_patients_get_the_same_as_when_everything_is_judged(seed: int) -> None:
    """Conclusions in both worlds, findings, and the verdict of every condition when somebody asks."""
    assert {name: wrong for name, record in mixed(seed, 100) if (wrong := differences(record))} == {}


@pytest.mark.parametrize("unread", [(), TYPES, *((one,) for one in TYPES)], ids=lambda types: "+".join(types)[:40])
def test_so_does_a_patient_of_whom_nothing_is_known(unread: tuple[str, ...]) -> None:
    """A type that could not be read touches every condition about it."""
    record = Record(as_of=datetime(2026, 11, 22, 12, tzinfo=UTC), hook="patient-view", unread=dict.fromkeys(unread, "not read"))
    assert differences(record) == []


def test_an_empty_record_reaches_few_conditions() -> None:
    """The point of it: of all conditions, most are not looked at for a patient without any of our diseases."""
    matcher = knowledge().evaluator.matcher
    assert matcher.reach is not None
    assert len(matcher.reach.needed(matcher.always)) < len(matcher.asked) / 10
