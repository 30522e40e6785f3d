"""Which result is the latest, when the record does not say: results of one time count when they agree, and are unknown when not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, RecordIndex, Verdict, build
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HIGH: Mapping[str, object] = {"lab": "potassium", "above": 5.5, "unit": "mmol/L", "within": "90 days"}
UNITS = {"potassium": "mmol/L", "egfr": "mL/min/{1.73_m2}", "creatine-kinase": "U/L", "fvc-volume": "mL", "weight": "kg"}


def measured(number: int, when: str | None, value: float, what: str = "potassium") -> dict[str, object]:
    quantity = {"value": value, "unit": UNITS[what], "system": "http://unitsofmeasure.org", "code": UNITS[what]}
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": list(CODES.codings(what))},
        "valueQuantity": quantity,
        **({"effectiveDateTime": when} if when else {}),
    }


def verdict(condition: Mapping[str, object], *results: tuple[str | None, float]) -> Verdict:
    """The verdict, which may not depend on the order or the ids of the results."""
    found = [verdict_of(condition, [measured(number, *one) for number, one in enumerate(order)]) for order in (results, results[::-1])]
    assert found[0].presence is found[1].presence
    return found[0]


def verdict_of(condition: Mapping[str, object], resources: list[dict[str, object]]) -> Verdict:
    record = extract([Input(one) for one in resources], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return build(Context(CODES, {}, lifelong=True), condition).match(RecordIndex(record))


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([("2026-11-20", 6.1), ("2026-11-19", 4.2)], "present"),
        ([("2026-11-20", 4.2), ("2026-11-19", 6.1)], "absent"),
        ([("2026-11-20", 6.1), ("2026-11-20", 6.4)], "present"),
        ([("2026-11-20", 4.1), ("2026-11-20", 4.4)], "absent"),
        ([("2026-11-20", 6.1), ("2026-11-20", 4.2)], "unknown"),
        ([("2026-11-20T08:00:00Z", 6.1), ("2026-11-20T17:00:00Z", 4.2)], "absent"),
        ([("2026-11-20T08:00:00Z", 6.1), ("2026-11-20T08:00:00Z", 4.2)], "unknown"),
        ([("2026-11-20T08:00:00Z", 6.1), ("2026-11-20", 4.2)], "unknown"),  # the day's other result may be older or newer
        ([("2026-11", 4.2), ("2026-11-20", 6.1)], "unknown"),
        ([("2026-11", 6.2), ("2026-11-20", 6.1), ("2026-11-10", 4.2)], "present"),  # the tenth is surely older than the twentieth
        ([("2026-11-20", 6.1), (None, 4.2)], "present"),  # a result without a date is in no window
    ],
)
def test_results_that_may_both_be_the_latest_count_when_they_agree(results: list[tuple[str | None, float]], expected: str) -> None:
    assert str(verdict(HIGH, *results).presence) == expected


def test_without_any_date_each_may_be_the_latest() -> None:
    ever = {key: value for key, value in HIGH.items() if key != "within"}
    assert [str(verdict(ever, (None, 6.1), (None, other)).presence) for other in (6.3, 4.2)] == ["present", "unknown"]


def test_results_that_disagree_are_named_as_such() -> None:
    (missing,) = verdict(HIGH, ("2026-11-20", 6.1), ("2026-11-20", 4.2)).missing
    assert (missing.what, missing.why, missing.on_file) == ("lab:potassium", "results of one time disagree", True)


def test_a_bare_number_takes_nothing_from_what_the_laboratory_says() -> None:
    flag = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "POS"}]}
    told, bare = measured(0, "2026-11-20", 6.1) | {"interpretation": [flag]}, measured(1, "2026-11-20", 6.1)
    positive = {"lab": "potassium", "result": "positive"}
    assert [str(verdict_of(positive, both).presence) for both in ([told, bare], [bare, told], [bare])] == ["present", "present", "unknown"]


def test_a_number_in_an_unknown_unit_does_not_agree_with_one_in_a_known_unit() -> None:
    strange = measured(1, "2026-11-20", 6.1)
    strange["valueQuantity"] = {"value": 6.1, "unit": "drops"}
    assert str(verdict_of(HIGH, [measured(0, "2026-11-20", 4.2), strange]).presence) == "unknown"


@pytest.mark.parametrize(("low", "high", "expected"), [(24, 28, "present"), (34, 38, "absent"), (28, 33, "unknown")])
def test_two_estimates_from_one_sample_stand_in_for_the_clearance_when_they_agree(low: float, high: float, expected: str) -> None:
    """Laboratories report the filtration rate by two equations at once."""
    pair = [measured(number, "2026-11-20", value, "egfr") for number, value in enumerate((low, high))]
    below = {"calc": "crcl", "within": "90 days", "below": 30}
    assert {str(verdict_of(below, order).presence) for order in (pair, pair[::-1])} == {expected}


@pytest.mark.parametrize(
    ("condition", "what", "earlier"),
    [
        ({"calc": "ck-times-baseline", "within": "7 days", "above": 5}, "creatine-kinase", {"2026-05-01": 100, "2026-06-01": 100}),
        ({"calc": "fvc-percent-of-best", "within": "7 days", "above": 5}, "fvc-volume", {"2026-05-01": 2000}),
        ({"calc": "fvc-ml-per-kg", "within": "7 days", "above": 15}, "fvc-volume", {}),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_worked_out_from_two_results_of_one_time(condition: dict[str, object], what: str, earlier: dict[str, float]) -> None:
    before = [measured(number, when, value, what) for number, (when, value) in enumerate(earlier.items(), 10)]
    before.append(measured(20, "2026-10-01", 70, "weight"))
    values = {"present": (1200, 1300), "absent": (90, 95), "unknown": (1200, 95)}
    for expected, pair in values.items():
        now = [measured(number, "2026-11-20", value, what) for number, value in enumerate(pair)]
        assert {str(verdict_of(condition, [*before, *order]).presence) for order in (now, now[::-1])} == {expected}


FALL: Mapping[str, object] = {"change": "fvc-volume", "unit": "mL", "fall_percent_at_least": 30, "within": "7 days"}


@pytest.mark.parametrize("how", [{"over": "60 days"}, {"over": "60 days", "from": "highest"}, {"apart": "14 days"}], ids=str)
@pytest.mark.parametrize(("pair", "expected"), [((1300, 1400), "present"), ((1900, 2000), "absent"), ((1300, 1900), "unknown")])
def test_a_change_to_results_of_one_time_is_known_when_they_agree(how: dict[str, object], pair: tuple[float, float], expected: str) -> None:
    """Several efforts of one sitting are on file as several results."""
    results = [("2026-10-01", 2000.0), *(("2026-11-20", value) for value in pair)]
    assert {str(verdict_of({**FALL, **how}, efforts(order)).presence) for order in (results, results[::-1])} == {expected}


@pytest.mark.parametrize("how", [{"over": "60 days"}, {"apart": "14 days"}], ids=str)
@pytest.mark.parametrize(("pair", "expected"), [((1900, 2000), "present"), ((1000, 1100), "absent"), ((1000, 2000), "unknown")])
def test_a_change_from_results_of_one_time_is_known_when_they_agree(
    how: dict[str, object], pair: tuple[float, float], expected: str
) -> None:
    results = [*(("2026-10-01", value) for value in pair), ("2026-11-20", 1300.0)]
    assert {str(verdict_of({**FALL, **how}, efforts(order)).presence) for order in (results, results[::-1])} == {expected}


def test_a_change_names_results_that_disagree() -> None:
    found = verdict_of({**FALL, "over": "60 days"}, efforts([("2026-10-01", 2000), ("2026-11-20", 1300), ("2026-11-20", 1900)]))
    assert [(one.what, one.why) for one in found.missing] == [("change:fvc-volume", "results of one time disagree")]


def test_of_two_times_equally_near_the_later_one_counts() -> None:
    """Weekly values of which one is missing: 35 and 49 days before, where 42 are asked for."""
    results = [("2026-11-20", 1300.0), ("2026-10-16", 2000.0), ("2026-10-02", 1400.0)]
    assert str(verdict_of({**FALL, "over": "42 days"}, efforts(results)).presence) == "present"


def efforts(results: Sequence[tuple[str, float]]) -> list[dict[str, object]]:
    return [measured(number, when, value, "fvc-volume") for number, (when, value) in enumerate(results)]
