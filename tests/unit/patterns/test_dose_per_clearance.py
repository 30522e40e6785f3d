"""`mg_per_crcl_above`: a daily limit that falls with the creatinine clearance."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Origin
from rules.patterns import Context, PatternError, RecordIndex
from rules.patterns import build as pattern_of
from rules.terminology import Terminology
from rules.vignette import build

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
TODAY = date(2026, 11, 22)
LIMIT = {"draft": "gabapentin", "mg_per_crcl_above": 20, "crcl_within": "90 days"}


def verdict(dose: object, labs: list[dict[str, object]], unread: tuple[str, ...] = (), **more: object) -> str:
    patient: dict[str, object] = {"age": 57, "gender": "male", "drafts": [dose], "labs": labs, "unread": list(unread), **more}
    scene = build(patient, on=TODAY, hook="order-select", terminology=CODES)
    inputs = [Input(one, Origin.RECORD) for one in scene.resources] + [Input(one, Origin.DRAFT) for one in scene.drafts]
    as_of = datetime.combine(TODAY, time(12), tzinfo=UTC)
    record = extract(inputs, terminology=CODES, as_of=as_of, hook="order-select", unread=scene.unread)
    return str(pattern_of(Context(CODES, {}, lifelong=True), LIMIT).match(RecordIndex(record)).presence)


def mg(amount: float) -> dict[str, object]:
    return {"concept": "gabapentin", "mg_per_day": amount}


def egfr(value: float, when: str = "-20 days") -> dict[str, object]:
    return {"concept": "egfr", "value": value, "unit": "mL/min/{1.73_m2}", "when": when}


@pytest.mark.parametrize(
    ("dose", "clearance", "expected"), [(280, 14, "absent"), (281, 14, "present"), (20, 1, "absent"), (21, 1, "present")]
)
def test_the_limit_falls_in_proportion_to_the_clearance(dose: int, clearance: int, expected: str) -> None:
    assert verdict(mg(dose), [egfr(clearance)]) == expected


def test_without_any_clearance_left_every_dose_is_above_the_limit() -> None:
    assert verdict(mg(1), [egfr(0)]) == "present"


def test_a_clearance_outside_the_window_is_unknown() -> None:
    assert verdict(mg(281), [egfr(14, "-90 days")]) == "present"
    assert verdict(mg(281), [egfr(14, "-91 days")]) == "unknown"


def test_a_dose_that_is_not_stated_is_unknown() -> None:
    assert verdict("gabapentin", [egfr(14)]) == "unknown"


@pytest.mark.parametrize(
    ("dose", "comparator", "expected"),
    [(300, "<", "present"), (299, "<", "unknown"), (300, ">", "absent"), (301, ">", "unknown")],
)
def test_a_clearance_that_is_given_as_a_limit_decides_as_far_as_it_goes(dose: int, comparator: str, expected: str) -> None:
    assert verdict(mg(dose), [{**egfr(15), "comparator": comparator}]) == expected


def test_observations_that_could_not_be_read_leave_it_unknown() -> None:
    assert verdict(mg(281), [], ("Observation",)) == "unknown"


def test_who_has_no_such_drug_is_asked_nothing_about_the_clearance() -> None:
    assert verdict("pregabalin", [], ("Observation",)) == "absent"


def test_a_drug_that_is_no_draft_is_asked_nothing_either() -> None:
    assert verdict("pregabalin", [], ("Observation",), medications=[mg(281)]) == "absent"


def test_a_window_that_is_no_duration_is_refused() -> None:
    with pytest.raises(PatternError, match="expected a duration"):
        pattern_of(Context(CODES, {}, lifelong=True), {**LIMIT, "crcl_within": 90})


@pytest.mark.parametrize(
    ("result", "bound", "expected"),
    [
        (("egfr", 30, "<"), {"below": 30}, "present"),
        (("egfr", 30, "<"), {"below": 60}, "present"),
        (("egfr", 30, "<"), {"below": 15}, "unknown"),
        (("egfr", 60, ">"), {"below": 60}, "absent"),
        (("egfr", 60, ">"), {"below": 90}, "unknown"),
        (("creatinine", 4, ">"), {"below": 30}, "present"),
        (("creatinine", 0.2, "<"), {"below": 60}, "absent"),
    ],
)
def test_a_result_given_as_a_limit_gives_a_clearance_on_one_side_of_it(
    result: tuple[str, float, str], bound: dict[str, object], expected: str
) -> None:
    """Seen: an eGFR of "<30" counted as 30, the band above."""
    concept, value, comparator = result
    unit = "mg/dL" if concept == "creatinine" else "mL/min/{1.73_m2}"
    labs = [{"concept": concept, "value": value, "unit": unit, "comparator": comparator}, {"concept": "weight", "value": 80, "unit": "kg"}]
    scene = build({"age": 57, "gender": "male", "labs": labs}, on=TODAY, hook="patient-view", terminology=CODES)
    as_of = datetime.combine(TODAY, time(12), tzinfo=UTC)
    record = extract([Input(one) for one in scene.resources], terminology=CODES, as_of=as_of, hook="patient-view", unread={})
    condition = {"calc": "crcl", "within": "90 days", **bound}
    assert pattern_of(Context(CODES, {}, lifelong=True), condition).match(RecordIndex(record)).presence == expected
