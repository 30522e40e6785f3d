"""The control chart: the textbook case, what it must not cry about, and what holds for all counts."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.control_chart import FEW, LEAST_DAYS, Day, judge

WAFERS = (  # NIST/SEMATECH e-Handbook 6.3.3.2: defective chips among 50 on each of 30 wafers
    *(12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22),
    *(8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6),
)
STEADY = [Day(1000, fired) for fired in (50, 53, 47, 51, 49, 52, 48, 50, 54, 46, 50, 51, 49, 50)]


def test_the_centre_is_that_of_the_handbook_and_limits_are_wider_only_by_the_spread_between_days() -> None:
    verdict = judge([Day(50, fired) for fired in WAFERS], Day(50, 12))
    assert verdict.state == "steady"
    assert verdict.expected / 50 == pytest.approx(0.2313, abs=5e-5)
    half = verdict.upper - verdict.expected
    assert half >= 3 * math.sqrt(50 * 0.2313 * (1 - 0.2313)) - 1e-3
    assert verdict.lower == max(0.0, verdict.expected - half)


@pytest.mark.parametrize(("fired", "state"), [(50, "steady"), (60, "steady"), (72, "high"), (1000, "high"), (28, "low"), (0, "low")])
def test_a_day_is_judged_against_three_standard_deviations(fired: int, state: str) -> None:
    assert judge(STEADY, Day(1000, fired)).state == state


def test_half_a_day_has_wider_limits() -> None:
    assert judge(STEADY, Day(500, 14)).state == "steady"
    assert judge(STEADY, Day(1000, 28)).state == "low"


def test_too_few_days_or_no_calls_are_not_judged() -> None:
    assert judge(STEADY[: LEAST_DAYS - 1], Day(1000, 1000)).state == "learning"
    assert judge([*STEADY[: LEAST_DAYS - 1], Day(0, 0), Day(0, 0)], Day(1000, 1000)).state == "learning"
    assert judge(STEADY, Day(0, 0)).state == "learning"


def test_a_rule_that_never_fired_may_begin_to_fire_now_and_then_but_not_for_everybody() -> None:
    never = [Day(1000, 0)] * LEAST_DAYS
    assert judge(never, Day(1000, 3)).state == "steady"
    assert judge(never, Day(1000, 200)).state == "high"
    assert judge(never, Day(1000, 0)).state == "steady"


def test_a_rule_that_always_fired_and_stops_is_low() -> None:
    assert judge([Day(100, 100)] * LEAST_DAYS, Day(100, 90)).state == "low"


def test_days_that_always_varied_much_do_not_alarm_when_they_go_on_varying() -> None:
    week = (300, 310, 290, 305, 295, 90, 80)  # of 10,000 calls: weekends are other patients
    past = [Day(10_000, fired) for fired in week * 4]
    assert [judge(past, Day(10_000, fired)).state for fired in week] == ["steady"] * 7
    assert judge(past, Day(10_000, 3_000)).state == "high"


def test_false_alarms_are_rare_when_nothing_changed() -> None:
    dice = random.Random(7)  # noqa: S311 - not for secrets

    def days(share: float, count: int) -> list[Day]:
        return [Day(400, sum(dice.random() < share for _ in range(400))) for _ in range(count)]

    alarms = sum(judge(days(share, 28), days(share, 1)[0]).state != "steady" for share in (0.01, 0.1, 0.5) for _ in range(60))
    assert alarms <= 4  # 180 charts; 3 sigma alone give 0.5 on average, an estimated centre a little more


counts = st.tuples(st.integers(0, 5000), st.floats(0, 1)).map(lambda drawn: Day(drawn[0], round(drawn[0] * drawn[1])))
few = settings(max_examples=50)


@few
@given(st.lists(counts, max_size=24), counts)
def test_limits_enclose_what_is_expected_and_the_verdict_follows_from_them(past: list[Day], day: Day) -> None:
    verdict = judge(past, day)
    if verdict.state == "learning":
        return
    assert 0 <= verdict.lower <= verdict.expected + 1e-9
    assert verdict.upper <= day.calls + 1e-9
    assert verdict.upper >= min(verdict.expected, day.calls) - 1e-9
    assert verdict.upper >= min(FEW, day.calls) - 1e-9
    assert (day.fired > verdict.upper) == (verdict.state == "high")
    assert verdict.state != "low" or day.fired < verdict.lower


@few
@given(st.lists(counts, min_size=LEAST_DAYS, max_size=20), st.integers(1, 5000), st.floats(0, 1), st.floats(0, 1))
def test_more_firings_never_turn_high_into_steady_or_steady_into_low(past: list[Day], calls: int, one: float, other: float) -> None:
    order = {"low": 0, "steady": 1, "high": 2, "learning": 1}
    fewer, more = sorted((round(calls * one), round(calls * other)))
    assert order[judge(past, Day(calls, fewer)).state] <= order[judge(past, Day(calls, more)).state]


@few
@given(st.lists(counts, max_size=20), counts)
def test_days_without_calls_change_nothing(past: list[Day], day: Day) -> None:
    spaced = [one for each in past for one in (Day(0, 0), each)]
    assert judge(spaced, day) == judge(past, day)
