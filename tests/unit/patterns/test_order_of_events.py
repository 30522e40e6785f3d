"""Which came first: a result later than the findings, a visit since the first of them."""

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
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
SCAN: Mapping[str, object] = {"lab": "creatine-kinase", "result": "high", "later_than": "fasciculation"}
VISIT: Mapping[str, object] = {"encounter": "neurology", "after_first": "fasciculation"}


def finding(number: int, date: str | None, **more: object) -> dict[str, object]:
    dated = {"effectiveDateTime": date} if date else {}
    code = {"coding": list(CODES.codings("fasciculation"))}
    return {"resourceType": "Observation", "id": f"f{number}", "status": "final", "code": code, "valueBoolean": True, **dated, **more}


def result(date: str) -> dict[str, object]:
    value = {"valueQuantity": {"value": 900, "unit": "U/L", "system": "http://unitsofmeasure.org", "code": "U/L"}}
    limits = {"referenceRange": [{"high": {"value": 200, "unit": "U/L", "system": "http://unitsofmeasure.org", "code": "U/L"}}]}
    code = {"coding": list(CODES.codings("creatine-kinase"))}
    return {"resourceType": "Observation", "id": "ck", "status": "final", "code": code, "effectiveDateTime": date, **value, **limits}


def visit(date: str) -> dict[str, object]:
    service = {"coding": list(CODES.codings("neurology"))}
    return {"resourceType": "Encounter", "id": "e", "status": "finished", "serviceType": service, "period": {"start": date, "end": date}}


def verdict(table: Mapping[str, object], *resources: dict[str, object]) -> str:
    record = extract([Input(one) for one in resources], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return str(build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence)


@pytest.mark.parametrize(
    ("found", "measured", "expected"),
    [
        (["2026-11-10"], "2026-11-11", "present"),
        (["2026-11-10"], "2026-11-09", "absent"),
        (["2026-11-10"], "2026-11-10", "unknown"),  # one day
        (["2026-11-10"], "2026-11-10T15:00:00Z", "unknown"),
        (["2026-11-10T09:00:00Z"], "2026-11-10T15:00:00Z", "present"),
        (["2026-11-10T15:00:00Z"], "2026-11-10T09:00:00Z", "absent"),
        (["2026-11-10T15:00:00Z"], "2026-11-10T15:00:00Z", "unknown"),
        (["2026-11-01", "2026-11-12"], "2026-11-05", "absent"),  # between two
        (["2026-11-01", None], "2026-11-05", "unknown"),
        ([None], "2026-11-05", "unknown"),
        ([], "2026-11-05", "unknown"),
        (["2026"], "2026-11-05", "unknown"),
        (["2026-10"], "2026-11-05", "present"),
    ],
)
def test_a_result_is_later_than_every_finding_or_it_is_not_known(found: list[str | None], measured: str, expected: str) -> None:
    assert verdict(SCAN, *(finding(number, date) for number, date in enumerate(found)), result(measured)) == expected


@pytest.mark.parametrize(
    "denied",
    [
        {"valueBoolean": False},
        {"valueBoolean": None, "interpretation": [{"coding": [{"system": INTERPRETATION, "code": "NEG"}]}]},
    ],
)
def test_a_finding_that_was_denied_sets_no_date(denied: dict[str, object]) -> None:
    later = finding(2, "2026-11-20") | denied
    later = {key: value for key, value in later.items() if value is not None}
    assert verdict(SCAN, finding(1, "2026-11-01"), later, result("2026-11-05")) == "present"


@pytest.mark.parametrize(
    ("found", "seen", "expected"),
    [
        (["2026-11-01", "2026-11-12"], "2026-11-05", "present"),  # since the first
        (["2026-11-01"], "2026-11-01", "present"),
        (["2026-11-02"], "2026-11-01", "absent"),
        ([None], "2026-11-05", "unknown"),
    ],
)
def test_a_visit_counts_from_the_day_of_the_first_finding(found: list[str | None], seen: str, expected: str) -> None:
    assert verdict(VISIT, *(finding(number, date) for number, date in enumerate(found)), visit(seen)) == expected
