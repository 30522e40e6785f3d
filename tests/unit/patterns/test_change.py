"""Which earlier value a change is measured from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, PatternError, RecordIndex, build, change
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONTEXT = Context(CODES, {}, lifelong=True)


def weighed(number: int, when: str, value: int) -> dict[str, object]:
    code = {"coding": list(CODES.codings("weight"))}
    quantity = {"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": code,
        "effectiveDateTime": when,
        "valueQuantity": quantity,
    }


def verdict(condition: dict[str, object], values: dict[str, int]) -> str:
    inputs = [Input(weighed(number, when, value)) for number, (when, value) in enumerate(values.items())]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(CONTEXT, {"change": "weight", **condition}).match(RecordIndex(record)).presence)


def test_twice_as_many_values_are_looked_at_no_more_than_twice_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen thousand results fit into a request."""
    looked = 0

    def ends(value: change.Value) -> datetime:
        nonlocal looked
        looked += 1
        return value.when.end

    monkeypatch.setattr(change.Value, "ends", property(ends))
    counts = []
    for number in (100, 200):
        looked = 0
        days = [(NOW - timedelta(days=place)).date().isoformat() for place in range(number)]
        assert verdict({"from": "step", "within": "900 days", "rise_at_least": 1}, dict.fromkeys(days, 3)) == "absent"
        counts.append(looked)
    assert 0 < counts[1] <= 2 * counts[0]


@pytest.mark.parametrize(
    ("start", "values", "expected"),
    [
        ("lowest", {"2026-11-21": 3, "2026-11-10": 3, "2026-11-01": 2}, "present"),
        ("lowest", {"2026-11-21": 3, "2026-11-10": 2, "2026-11-01": 3}, "present"),
        ("lowest", {"2026-11-21": 3, "2026-11-01": 3}, "absent"),
        ("lowest", {"2026-11-21": 3, "2026-10-23": 2}, "unknown"),  # 29 days apart
        ("lowest", {"2026-11-21": 3, "2024-11-21": 2}, "unknown"),
        ("nearest", {"2026-11-21": 3, "2024-11-21": 2}, "present"),  # however far away
        ("nadir", {"2026-11-21": 3, "2026-11-10": 2, "2026-11-01": 1}, "unknown"),  # it never stopped rising
    ],
)
def test_a_rise_is_measured_from_the_value_that_is_asked_for(start: str, values: dict[str, int], expected: str) -> None:
    assert verdict({"over": "28 days", "from": start, "rise_at_least": 1}, values) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"2026-11-21": 3, "2026-11-10": 2}, "present"),
        ({"2026-11-21": 3, "2020-11-10": 2}, "present"),  # the value before it, however old
        ({"2026-11-21": 3, "2026-11-10": 3, "2026-11-01": 2}, "present"),  # risen on the 10th
        ({"2026-11-21": 2, "2026-11-10": 3, "2026-11-01": 2}, "present"),  # and fallen again
        ({"2026-11-21": 3, "2026-10-10": 3, "2026-10-01": 2}, "absent"),  # risen before the window
        ({"2026-11-21": 2, "2026-11-10": 3}, "absent"),
        ({"2026-11-21": 3, "2026-11-21T08:00:00Z": 2}, "unknown"),  # one day: nothing before it
        ({"2026-11-21": 3}, "unknown"),
        ({"2026-10-21": 3, "2026-10-10": 2}, "unknown"),  # no value in the window
    ],
)
def test_a_step_is_any_value_of_the_window_against_the_one_before_it(values: dict[str, int], expected: str) -> None:
    assert verdict({"from": "step", "within": "28 days", "rise_at_least": 1}, values) == expected


@pytest.mark.parametrize(("newest", "expected"), [("2026-11-20", "unknown"), ("2026-11-10", "unknown"), ("2026-11-09", "present")])
def test_a_newest_value_that_cannot_be_read_is_not_passed_over(newest: str, expected: str) -> None:
    without_unit = {**weighed(9, newest, 70), "valueQuantity": {"value": 70}}
    inputs = [Input(one) for one in (weighed(0, "2026-11-10", 60), weighed(1, "2026-06-10", 50), without_unit)]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    rise = build(CONTEXT, {"change": "weight", "over": "92 days", "rise_at_least": 5, "unit": "kg"})
    assert str(rise.match(RecordIndex(record)).presence) == expected


@pytest.mark.parametrize(("value", "expected"), [(130, "absent"), (131, "present")])
def test_above_a_percentage_is_more_than_it(value: int, expected: str) -> None:
    assert verdict({"over": "28 days", "rise_percent_above": 30}, {"2026-11-21": value, "2026-11-01": 100}) == expected


def test_values_far_enough_apart_need_no_other_limit() -> None:
    values = {"2026-11-21": 3, "2026-11-01": 2, "2020-11-01": 3}
    assert verdict({"apart": "90 days", "fall_at_least": 0}, values) == "present"
    assert verdict({"apart": "90 days", "over": "24 months", "fall_at_least": 0}, values) == "unknown"


def test_without_any_of_them_it_is_refused() -> None:
    with pytest.raises(PatternError, match="expected `over"):
        build(CONTEXT, {"change": "weight", "rise_at_least": 1})


def test_another_word_is_refused() -> None:
    with pytest.raises(PatternError, match="expected nearest, highest, lowest, nadir or step"):
        build(CONTEXT, {"change": "weight", "over": "28 days", "from": "first", "rise_at_least": 1})


@pytest.mark.parametrize(
    ("unit", "before", "now", "bound", "expected"),
    [
        ("mg/dL", 1.0, 1.3, {"rise_percent_above": 30}, "absent"),
        ("mg/dL", 1.0, 1.31, {"rise_percent_above": 30}, "present"),
        ("umol/L", 100, 130, {"rise_percent_above": 30}, "absent"),
        ("umol/L", 100, 131, {"rise_percent_above": 30}, "present"),
        ("mg/dL", 1.0, 1.3, {"rise_percent_at_least": 30}, "present"),
        ("mg/dL", 0.7, 0.91, {"rise_percent_at_least": 30}, "present"),
        ("mg/dL", 1.3, 0.91, {"fall_percent_at_least": 30}, "present"),
        ("umol/L", 1e-15, 1e15, {"rise_percent_at_least": 30}, "present"),
    ],
)
def test_exactly_the_limit_is_so_in_every_unit(unit: str, before: float, now: float, bound: dict[str, object], expected: str) -> None:
    results: list[Input] = []
    for when, value in (("2026-11-01", before), ("2026-11-21", now)):
        taken = weighed(len(results), when, 1)
        taken["code"] = {"coding": list(CODES.codings("creatinine"))}
        taken["valueQuantity"] = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
        results.append(Input(taken))
    record = extract(results, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    condition = {"change": "creatinine", "over": "6 months", "unit": "umol/L", **bound}
    assert str(build(CONTEXT, condition).match(RecordIndex(record)).presence) == expected
