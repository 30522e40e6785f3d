"""When a drug has failed: not tolerated, or ineffective after so long without a break, or after so many courses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, RecordIndex, build
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SETTINGS: Mapping[str, str | int | float | bool] = {"trial.VS-GC-SYS": "3 months", "trial_courses.VS-IG": 2}


def order(drug: str, status: str, start: str | None, end: str | None = None, why: str = "", supply: int = 0) -> dict[str, object]:
    bounds = {name: date for name, date in (("start", start), ("end", end)) if date}
    reason = CODES.answer_coding(why)
    return {
        "resourceType": "MedicationRequest",
        "id": f"{drug}-{start}-{status}",
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {"coding": list(CODES.codings(drug))},
        **({"dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": bounds}}}]} if bounds else {}),
        **({"statusReason": {"coding": [reason]}} if reason else {}),
        **(
            {"dispenseRequest": {"expectedSupplyDuration": {"value": supply, "system": "http://unitsofmeasure.org", "code": "d"}}}
            if supply
            else {}
        ),
    }


def infusion(when: str) -> dict[str, object]:
    drug = {"coding": list(CODES.codings("immunoglobulin-g"))}
    return {
        "resourceType": "MedicationAdministration",
        "id": when,
        "status": "completed",
        "medicationCodeableConcept": drug,
        "effectiveDateTime": when,
    }


def failed(drug: str, *resources: dict[str, object]) -> str:
    answers = set()
    for order_of in (resources, resources[::-1]):
        record = extract([Input(one) for one in order_of], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
        answers.add(str(build(Context(CODES, SETTINGS, lifelong=True), {"failed": drug}).match(RecordIndex(record)).presence))
    return answers.pop() if len(answers) == 1 else f"depends on the order: {answers}"


def steroid(start: str | None, end: str | None = None, why: str = "ineffective", supply: int = 0) -> dict[str, object]:
    return order("prednisolone", "stopped", start, end, why, supply)


def before(start: str, end: str | None = None, supply: int = 0) -> dict[str, object]:
    return order("prednisolone", "completed", start, end, supply=supply)


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        ([steroid("2026-01-01", "2026-04-01")], "present"),
        ([steroid("2026-01-01", "2026-02-01")], "absent"),
        ([steroid("2026-01-01", "2026-01-02", "intolerance")], "present"),
        ([steroid("2026-04-01", "2026-04-30"), before("2026-01-01", "2026-01-31"), before("2026-02-01", "2026-03-31")], "present"),
        ([steroid("2026-04-01", "2026-04-30"), before("2026-01-01", "2026-02-20")], "unknown"),  # a break; why the first ended is not said
        ([steroid("2026-04-01", "2026-04-30"), order("dexamethasone", "completed", "2026-01-01", "2026-03-31")], "unknown"),  # another drug
        ([steroid("2026-04-01", "2027-12-31")], "present"),  # planned for longer; taken until now at most
        ([steroid("2026-11-01", "2027-12-31")], "absent"),
        ([steroid("2026-04-01")], "unknown"),  # it is not said when it stopped
        ([steroid("2026-04-01"), before("2026-02-01", "2026-03-31")], "unknown"),  # 59 days at least
        ([steroid("2026-04-15"), before("2026-01-01", "2026-04-14")], "present"),
        ([steroid("2026-03-26", supply=28), *(before(day, supply=28) for day in ("2026-01-01", "2026-01-29", "2026-02-26"))], "present"),
        ([steroid("2026-04-01", supply=30)], "absent"),
        ([steroid(None, supply=30)], "absent"),
        ([steroid(None, supply=120)], "present"),
        ([steroid(None)], "unknown"),
        ([{**steroid("2026-04-01", "2026-04-30"), "status": "cancelled"}, before("2026-01-01", "2026-03-31")], "present"),
    ],
)  # fmt: skip
def test_a_trial_lasts_as_long_as_the_unbroken_course_of_the_drug(chart: list[dict[str, object]], expected: str) -> None:
    assert failed("VS-GC-SYS", *chart) == expected


def immunoglobulin(start: str | None, end: str | None = None, why: str = "ineffective") -> dict[str, object]:
    return order("immunoglobulin-g", "stopped", start, end, why)


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        ([immunoglobulin("2026-05-01", "2026-05-02")], "unknown"),
        ([immunoglobulin("2026-05-01", "2026-05-05"), *(infusion(f"2026-05-0{day}") for day in range(1, 6))], "unknown"),  # one course
        ([immunoglobulin("2026-05-01"), infusion("2026-05-01"), infusion("2026-05-30")], "unknown"),
        ([immunoglobulin("2026-05-01"), infusion("2026-05-01"), infusion("2026-05-31")], "present"),
        ([immunoglobulin("2026-05-01", "2026-05-02"), order("immunoglobulin-g", "completed", "2026-03-20", "2026-03-21")], "present"),
        ([immunoglobulin("2026-05-01", "2026-05-02"), infusion("2026-07-01")], "unknown"),  # later: no part of what failed
        ([immunoglobulin("2026-05-01", "2026-05-02"), immunoglobulin("2026-06-01", "2026-06-02")], "present"),
        ([immunoglobulin("2026-05-01", "2026-07-01")], "present"),
        ([immunoglobulin("2026-11-20", "2026-12-31")], "unknown"),  # planned, not given yet
        ([immunoglobulin(None)], "unknown"),
        ([immunoglobulin("2026-05-01", "2026-05-01", "intolerance")], "present"),
        ([order("immunoglobulin-g", "cancelled", "2026-05-01", why="ineffective")], "unknown"),
    ],
)
def test_immunoglobulin_is_tried_in_courses_and_fewer_than_two_on_record_are_unknown(chart: list[dict[str, object]], expected: str) -> None:
    assert failed("VS-IG", *chart) == expected
