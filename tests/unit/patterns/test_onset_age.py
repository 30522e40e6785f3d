"""The age at onset: an onset that is as vague as to straddle the limit is unknown, never the younger age."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, RecordIndex, build
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FSHD = {"coding": list(CODES.codings("fshd"))}


def years(value: int) -> dict[str, object]:
    return {"value": value, "system": "http://unitsofmeasure.org", "code": "a", "unit": "a"}


@pytest.mark.parametrize(
    ("onset", "expected"),
    [
        ({"onsetRange": {"low": years(8), "high": years(12)}}, "unknown"),
        ({"onsetRange": {"low": years(6), "high": years(9)}}, "present"),
        ({"onsetRange": {"low": years(10), "high": years(12)}}, "absent"),
        ({"onsetAge": years(9)}, "present"),
        ({"onsetAge": years(10)}, "absent"),
        ({"onsetDateTime": "1990-02-02"}, "present"),  # the day before the birthday
        ({"onsetDateTime": "1990-02-03"}, "absent"),
        ({"onsetDateTime": "1990"}, "unknown"),
        ({"onsetDateTime": "1989"}, "present"),
    ],
)
def test_the_age_at_onset(onset: dict[str, object], expected: str) -> None:
    patient: dict[str, object] = {"resourceType": "Patient", "id": "p", "birthDate": "1980-02-03"}
    disease: dict[str, object] = {"resourceType": "Condition", "id": "c", "code": FSHD, "subject": {"reference": "Patient/p"}, **onset}
    record = extract([Input(patient), Input(disease)], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    table = {"diagnosis": "fshd", "onset_age_below": "10 years"}
    assert build(Context(CODES, {}, lifelong=True), table).match(RecordIndex(record)).presence == expected
