"""The targets of `make fuzz` take their seeds and some random bytes here; a fault behind them comes through."""

from __future__ import annotations

import random

import pytest

from cds_hooks import feedback
from cds_hooks.errors import BadRequest
from tests.fuzz import targets
from tests.fuzz.targets import TARGETS, seeds


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_target_takes_its_seeds_and_random_bytes(name: str) -> None:
    dice = random.Random(name)  # noqa: S311 - the same every time
    for data in (*seeds(name), b"", *(dice.randbytes(30) for _ in range(10))):
        TARGETS[name](data)


def test_a_number_that_edits_made_large_can_be_made_small() -> None:
    targets.edited_feedback(bytes([0] * 55 + [3, 4] + [22] * 105 + [7, 19, 76] + [255] * 8 + [4, 244]))


def test_a_refusal_that_is_meant_is_no_fault_and_another_error_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_data: object) -> None:
        raise BadRequest([])

    def fail(_data: object) -> None:
        raise KeyError

    monkeypatch.setattr(targets, "read_feedback", refuse)
    targets.feedback(b"")
    monkeypatch.setattr(targets, "read_feedback", fail)
    with pytest.raises(KeyError):
        targets.feedback(b"")


def test_edits_reach_the_reader_of_feedback() -> None:
    seen = set()
    for seed in range(300):
        value = targets.edited_feedback(random.Random(seed).randbytes(10))  # noqa: S311 - the same every time
        try:
            feedback.read_feedback(value)
        except BadRequest as refusal:
            seen |= {problem.path for problem in refusal.problems}
    assert len(seen) > 5
