from __future__ import annotations

import pytest

from cds_hooks.allowance import Allowance
from cds_hooks.errors import TooManyCalls


def test_the_calls_of_a_minute_may_come_at_once_and_then_come_back_evenly() -> None:
    allowance = Allowance(60, 1)
    for _ in range(60):
        allowance.take(0.0)
    with pytest.raises(TooManyCalls) as caught:
        allowance.take(0.5)
    assert caught.value.headers == {"Retry-After": "1"}
    allowance.take(1.0)
    with pytest.raises(TooManyCalls):
        allowance.take(1.0)


def test_a_slow_allowance_says_how_long_to_wait() -> None:
    allowance = Allowance(1, 1)
    allowance.take(0.0)
    with pytest.raises(TooManyCalls) as caught:
        allowance.take(15.0)
    assert caught.value.headers == {"Retry-After": "45"}


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing() -> None:
    allowance = Allowance(2, 1)
    allowance.take(1000.0)
    allowance.take(0.0)
    with pytest.raises(TooManyCalls):
        allowance.take(0.0)
    allowance.take(30.0)


def test_a_place_is_free_again_however_the_call_ended() -> None:
    allowance = Allowance(60, 1)
    with allowance.place(), pytest.raises(TooManyCalls), allowance.place():
        pass
    with pytest.raises(RuntimeError), allowance.place():
        raise RuntimeError
    with allowance.place():
        pass
