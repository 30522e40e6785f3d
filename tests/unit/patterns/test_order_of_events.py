"""Which came first: a result later than the findings, a visit since the first of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.patterns import Context, PatternError, RecordIndex, build
from rules.terminology import CONCEPT_SYSTEM, Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
SCAN: Mapping[str, object] = {"lab": "creatine-kinase", "result": "high", "later_than": "fasciculation"}
FOLLOWING: Mapping[str, object] = {"lab": "creatine-kinase", "after_procedure": "thymectomy", "after_procedure_within": "90 days"}
VISIT: Mapping[str, object] = {"encounter": "neurology", "after_first": "fasciculation"}
VISIT_SINCE: Mapping[str, object] = {"encounter": "neurology", "later_than": "fasciculation"}
CLEARED_SINCE: Mapping[str, object] = {"answer": "manual-therapy-cleared", "later_than": "fasciculation"}


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
    ("found", "measured", "expected"),
    [
        (["2026-11-10"], "2026-08-12", "present"),  # 90 days
        (["2026-11-10"], "2026-08-13", "unknown"),  # as if it were not on file
        (["2026-11-10", "2026-09-01"], "2026-08-01", "unknown"),  # before the first of them
        ([None], "2026-01-01", "unknown"),
        ([], "2026-01-01", "unknown"),
    ],
)
def test_only_a_result_so_long_before_the_first_finding_counts(found: list[str | None], measured: str, expected: str) -> None:
    early = {"lab": "creatine-kinase", "result": "high", "earlier_than": "fasciculation", "earlier_by": "90 days"}
    assert verdict(early, *(finding(number, date) for number, date in enumerate(found)), result(measured)) == expected


def test_how_much_earlier_has_to_be_said() -> None:
    with pytest.raises(PatternError, match="earlier_by"):
        verdict({"lab": "creatine-kinase", "result": "high", "earlier_than": "fasciculation"})


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


@pytest.mark.parametrize(
    ("found", "said", "expected"),
    [
        (["2026-11-01"], "2026-11-05", "present"),
        (["2026-11-01", "2026-11-12"], "2026-11-05", "no"),  # one is newer
        (["2026-11-05"], "2026-11-05", "unknown"),
        ([None], "2026-11-05", "unknown"),
        ([], "2026-11-05", "present"),  # nothing to be later than
    ],
)
def test_a_visit_or_an_answer_may_have_to_be_later_than_every_finding(found: list[str | None], said: str, expected: str) -> None:
    findings = [finding(number, date) for number, date in enumerate(found)]
    cleared: dict[str, object] = {
        "resourceType": "Observation",
        "id": "a",
        "status": "final",
        "code": {"coding": [{"system": CONCEPT_SYSTEM, "code": "manual-therapy-cleared"}]},
        "effectiveDateTime": said,
        "valueBoolean": True,
    }
    form: dict[str, object] = {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "status": "completed",
        "authored": said,
        "item": [{"linkId": f"{CONCEPT_SYSTEM}#manual-therapy-cleared", "answer": [{"valueBoolean": True}]}],
    }
    assert verdict(VISIT_SINCE, *findings, visit(said)) == ("absent" if expected == "no" else expected)
    for answer in (cleared, form):
        assert (verdict(CLEARED_SINCE, *findings, answer) == "present") is (expected == "present")


def test_a_finding_that_could_not_be_read_may_be_newer_than_the_visit() -> None:
    record = extract([Input(visit("2026-11-05"))], terminology=CODES, as_of=NOW, hook="patient-view", unread={"Condition": "timed out"})
    assert build(Context(CODES, {}, lifelong=True), VISIT_SINCE).match(RecordIndex(record)).presence == "unknown"


def operation(*, status: str = "completed", **when: object) -> dict[str, object]:
    code = {"coding": list(CODES.codings("thymectomy"))}
    return {"resourceType": "Procedure", "id": "t", "status": status, "code": code, **when}


@pytest.mark.parametrize(
    ("done", "measured", "expected"),
    [
        ({"performedDateTime": "2026-05-01"}, "2026-05-01", "present"),  # the same day counts
        ({"performedDateTime": "2026-05-02"}, "2026-05-01", "absent"),
        ({"performedDateTime": "2026-05-01"}, "2026-07-30", "present"),  # 90 days
        ({"performedDateTime": "2026-05-01"}, "2026-07-31", "absent"),
        ({"performedDateTime": "2026-05-01T14:00:00Z"}, "2026-05-01", "present"),
        ({"performedDateTime": "2026-05-01T14:00:00Z"}, "2026-05-01T09:00:00Z", "absent"),
        ({"performedPeriod": {"start": "2026-04-01", "end": "2026-05-01"}}, "2026-07-30", "present"),  # from its end
        ({"performedDateTime": "2026-05"}, "2026-06-15", "present"),
        ({"performedDateTime": "2026-05"}, "2026-05-15", "unknown"),  # before or after it
        ({"performedDateTime": "2026-05"}, "2026-08-15", "unknown"),
        ({"performedDateTime": "2026-05"}, "2026-08-30", "absent"),
        ({}, "2026-05-01", "unknown"),
        ({"performedDateTime": "2026-05-01", "status": "not-done"}, "2026-05-01", "absent"),
    ],
)
def test_a_result_follows_a_procedure_on_its_day_or_at_most_so_long_after(done: dict[str, str], measured: str, expected: str) -> None:
    assert verdict(FOLLOWING, operation(**done), result(measured)) == expected


def test_one_of_several_procedures_is_enough_and_the_reasons_name_it() -> None:
    older, last = operation(performedDateTime="2026-01-01"), operation(performedDateTime="2026-04-20") | {"id": "last"}
    record = extract(
        [Input(one) for one in (older, last, result("2026-05-01"))], terminology=CODES, as_of=NOW, hook="patient-view", unread={}
    )
    found = build(Context(CODES, {}, lifelong=True), FOLLOWING).match(RecordIndex(record))
    assert [one.ref for one in found.support] == ["Observation/ck", "Procedure/last"]


def test_without_the_procedures_nobody_knows_whether_one_was_before() -> None:
    unread = {"Procedure": "not allowed"}
    record = extract([Input(result("2026-05-01"))], terminology=CODES, as_of=NOW, hook="patient-view", unread=unread)
    found = build(Context(CODES, {}, lifelong=True), FOLLOWING).match(RecordIndex(record))
    assert (str(found.presence), [gap.what for gap in found.missing]) == ("unknown", ["Procedure"])


def test_a_procedure_without_a_limit_is_refused() -> None:
    with pytest.raises(PatternError, match="expected both"):
        build(Context(CODES, {}, lifelong=True), {"lab": "creatine-kinase", "after_procedure": "thymectomy"})


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, "absent"), ({"status": "preliminary"}, "present"), ({"status": "cancelled"}, "present"), ({"valueBoolean": False}, "present")],
    ids=str,
)
def test_only_a_finding_that_counts_as_one_has_a_date(more: dict[str, object], expected: str) -> None:
    """As for a symptom: final, amended or corrected, and not denied."""
    assert verdict(SCAN, result("2026-11-05"), finding(0, "2026-11-01"), finding(1, "2026-11-12", **more)) == expected


def dose(name: str, status: str, day: str, **more: object) -> dict[str, object]:
    drug = {"coding": list(CODES.codings("rituximab"))}
    request = {"resourceType": "MedicationRequest", "id": name, "status": status, "intent": "order", "authoredOn": day}
    return {**request, "medicationCodeableConcept": drug, **more}


NOT_TAKEN = {"resourceType": "MedicationStatement", "effectiveDateTime": "2026-01-01"}


@pytest.mark.parametrize(
    ("other", "before"),
    [
        (dose("other", "completed", "2026-01-01"), False),
        (dose("other", "cancelled", "2026-01-01"), True),
        (dose("other", "draft", "2026-01-01"), True),
        (dose("other", "active", "2026-01-01", doNotPerform=True), True),
        (dose("other", "not-taken", "2026-01-01", **NOT_TAKEN), True),
        (dose("other", "active", "2026-01-01", **NOT_TAKEN), False),
        (dose("other", "active", ""), True),  # without a date
    ],
    ids=lambda one: f"{one['resourceType']} {one['status']}" if isinstance(one, dict) else "",
)
def test_the_first_dose_is_the_first_that_may_have_been_given(other: dict[str, object], before: bool) -> None:
    """CK in May, rituximab since November; what was cancelled, drafted, forbidden or not taken in January was no dose."""
    ck = {"lab": "creatine-kinase", "result": "high", "before_first": "rituximab"}
    found = {"symptom": "fasciculation", "since_first": "rituximab"}
    chart = [dose("now", "active", "2026-11-01"), other]
    assert verdict(ck, result("2026-05-01"), *chart) == ("present" if before else "unknown")
    assert verdict(found, finding(0, "2026-05-01"), *chart) == ("absent" if before else "present")


@pytest.mark.parametrize(("status", "expected"), [("cancelled", "absent"), ("active", "unknown")])
def test_a_finding_is_not_since_a_dose_that_was_never_given(status: str, expected: str) -> None:
    """An undated one may have been given before it."""
    undated = dose("only", status, "")
    assert verdict({"symptom": "fasciculation", "since_first": "rituximab"}, finding(0, "2026-05-01"), undated) == expected


@pytest.mark.parametrize(
    ("started", "expected"),
    [("2026-05-02", "absent"), ("2026-05-01", "present"), ("2026-04-30", "present"), ("", "unknown"), (None, "absent")],
)
def test_a_result_since_the_first_dose_is_not_from_before_it(started: str | None, expected: str) -> None:
    ck = {"lab": "creatine-kinase", "result": "high", "since_first": "rituximab"}
    doses = [] if started is None else [dose("only", "active", started)]
    assert verdict(ck, result("2026-05-01"), *doses) == expected


@pytest.mark.parametrize(
    ("onset", "found", "expected"),
    [
        ("2026-09-01", "2026-10-27", "absent"),  # day 56
        ("2026-09-01", "2026-10-28", "present"),
        ("2026-09-01T10:00:00Z", "2026-10-27T11:00:00Z", "present"),
        ("2026-09", "2026-10-26", "absent"),
        ("2026-09", "2026-11-10", "unknown"),
        ("2026-09", "2026-11-26", "present"),
        ("2026-09-01", "2026-10", "unknown"),
        ("2026-09-01", None, "unknown"),
        (None, "2026-10-28", "unknown"),
    ],
)
def test_a_finding_is_long_after_the_onset_of_a_disease(onset: str | None, found: str | None, expected: str) -> None:
    code = {"coding": list(CODES.codings("gbs"))}
    disease: dict[str, object] = {"resourceType": "Condition", "id": "gbs", "code": code, **({"onsetDateTime": onset} if onset else {})}
    table = {"symptom": "fasciculation", "after_diagnosis": "gbs", "after_diagnosis_over": "56 days"}
    assert verdict(table, disease, finding(0, found)) == expected


def test_how_long_after_the_onset_is_not_said_without_the_disease_and_the_other_way_round() -> None:
    for half in ({"after_diagnosis": "gbs"}, {"after_diagnosis_over": "56 days"}):
        with pytest.raises(PatternError, match="expected both after_diagnosis and after_diagnosis_over"):
            build(Context(CODES, {}, lifelong=True), {"symptom": "fasciculation", **half})
