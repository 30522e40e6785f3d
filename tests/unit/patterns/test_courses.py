"""How long a course of drugs has lasted, and that many orders of one drug cost no more than in proportion to their number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Medication, Origin, Record
from rules.patterns import Context, RecordIndex, build, drugs, therapy
from rules.patterns.base import Truth
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PREDNISONE = frozenset({"prednisone"})


def order(name: str, status: str, start: str, end: str | None = None) -> dict[str, object]:
    what = {"coding": list(CODES.codings("prednisone"))}
    bounds = {"start": start, **({"end": end} if end else {})}
    return {
        "resourceType": "MedicationRequest", "id": name, "status": status, "intent": "order", "medicationCodeableConcept": what,
        "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": bounds}}}],
    }  # fmt: skip


def read(*resources: dict[str, object], origin: Origin = Origin.RECORD) -> Record:
    return extract([Input(one, origin) for one in resources], terminology=CODES, as_of=NOW, hook="order-sign", unread={})


def days(*resources: dict[str, object]) -> int | None:
    found = therapy.past_days(PREDNISONE, RecordIndex(read(*resources)))
    return None if found is None else int(found)


def test_a_short_order_that_ended_does_not_cut_the_long_one_around_it() -> None:
    """A burst in March does not make a course since January begin today: that would hide it from every rule about long courses."""
    since_january = order("long", "active", "2026-01-01")
    assert days(since_january) == 325
    assert days(since_january, order("burst", "stopped", "2026-03-01", "2026-03-10")) == 325


def test_gaps_up_to_thirty_days_are_bridged_and_longer_ones_begin_a_new_course() -> None:
    now = order("now", "active", "2026-11-01")
    assert days(now, order("before", "completed", "2026-09-01", "2026-10-02")) == 82
    assert days(now, order("before", "completed", "2026-09-01", "2026-09-30")) == 21
    assert days(order("over", "completed", "2026-01-01", "2026-02-01")) == 0
    assert days(order("later", "active", "2026-12-01")) is None


@pytest.mark.parametrize(
    ("taken", "expected"),
    [([], "absent"), ([order("now", "active", "2026-11-01")], "absent"), ([order("now", "active", "2026-01-01")], "present"),
     ([{**order("now", "active", ""), "dosageInstruction": []}], "unknown")],
)  # fmt: skip
def test_a_draft_renews_therapy_and_an_unknown_beginning_is_unknown(taken: list[dict[str, object]], expected: str) -> None:
    inputs = [*(Input(one, Origin.RECORD) for one in taken), Input(order("new", "draft", "2026-11-22"), Origin.DRAFT)]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="order-sign", unread={})
    pattern = build(Context(CODES, {}, lifelong=True), {"draft": "prednisone", "drug_days_at_least": 180})
    assert pattern.match(RecordIndex(record)).presence == expected


@pytest.mark.parametrize(
    ("table", "status", "origin"),
    [
        ({"med": "prednisone", "days_at_least": 500}, "active", Origin.RECORD),
        ({"med": "prednisone", "course_days_at_least": 500}, "active", Origin.RECORD),
        ({"given": "prednisone", "course_days_at_least": 500}, "stopped", Origin.RECORD),
        ({"draft": "prednisone", "new": True, "days_at_least": 500}, "draft", Origin.DRAFT),
    ],
)
def test_twice_as_many_orders_are_looked_at_no_more_than_twice_as_often(
    monkeypatch: pytest.MonkeyPatch, table: dict[str, object], status: str, origin: Origin
) -> None:
    """500 orders of one drug once took eight seconds: every order looked at all the others."""
    looked = 0

    def counting(fact: Medication) -> Truth:
        nonlocal looked
        looked += 1
        return current(fact)

    current = therapy.current
    monkeypatch.setattr(therapy, "current", counting)
    monkeypatch.setattr(drugs, "current", counting)
    pattern = build(Context(CODES, {}, lifelong=True), table)
    counts = []
    for number in (50, 100):
        begun = [(NOW - timedelta(days=2 * place)).date().isoformat() for place in range(number)]
        record = read(*(order(f"m{place}", status, start, start) for place, start in enumerate(begun)), origin=origin)
        looked = 0
        pattern.match(RecordIndex(record))
        counts.append(looked)
    assert 0 < counts[1] <= 2 * counts[0] + 2


@pytest.mark.parametrize(("status", "expected"), [("stopped", ("present", "present")), ("cancelled", ("absent", "absent"))])
def test_an_order_that_was_cancelled_before_any_dose_was_never_therapy(status: str, expected: tuple[str, str]) -> None:
    """FHIR R4 MedicationRequest.status: "withdrawn before any administrations have occurred"."""
    index = RecordIndex(read(order("o", status, "2026-11-01", "2026-11-10")))
    asked: tuple[dict[str, object], ...] = ({"stopped": "prednisone", "within": "90 days"}, {"med_tail": "prednisone"})
    context = Context(CODES, {"tail.prednisone": "3 months"}, lifelong=True)
    assert tuple(str(build(context, one).match(index).presence) for one in asked) == expected


@pytest.mark.parametrize(
    ("status", "start", "end", "expected"),
    [
        ("stopped", "2026-01-20", None, "unknown"),  # it may have been taken until yesterday
        ("stopped", "2026-10-20", None, "present"),
        ("stopped", "2025-01-20", "2026-01-20", "absent"),
        ("stopped", "2026-01-20", "2026-10-20", "present"),
        ("completed", "2026-01-20", None, "absent"),
    ],
)
def test_an_order_stopped_on_an_unknown_day_may_still_count(status: str, start: str, end: str | None, expected: str) -> None:
    context = Context(CODES, {"tail.prednisone": "3 months"}, lifelong=True)
    index = RecordIndex(read(order("o", status, start, end)))
    assert str(build(context, {"med_tail": "prednisone"}).match(index).presence) == expected


def test_a_dose_that_was_broken_off_was_given_on_its_day() -> None:
    dose: dict[str, object] = {
        "resourceType": "MedicationAdministration", "id": "a", "status": "stopped", "effectiveDateTime": "2026-01-20",
        "medicationCodeableConcept": {"coding": list(CODES.codings("prednisone"))},
    }  # fmt: skip
    context = Context(CODES, {"tail.prednisone": "3 months"}, lifelong=True)
    assert str(build(context, {"med_tail": "prednisone"}).match(RecordIndex(read(dose))).presence) == "absent"


@pytest.mark.parametrize(
    ("end", "expected"),
    [("2026-11-10", "unknown"), ("2026-01-20", "unknown"), ("2025-11-20", "absent")],
)
def test_how_long_a_drug_without_a_tail_counts_is_unknown_inside_the_longest_tail(end: str, expected: str) -> None:
    context = Context(CODES, {"tail.azathioprine": "3 months", "tail.rituximab": "12 months", "tail.eculizumab": "8 weeks"}, lifelong=True)
    index = RecordIndex(read(order("o", "stopped", "2025-01-01", end)))
    assert str(build(context, {"med_tail": "prednisone"}).match(index).presence) == expected
    assert str(build(Context(CODES, {}, lifelong=True), {"med_tail": "prednisone"}).match(index).presence) == "absent"


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [("cancelled", "intolerance", "present"), ("cancelled", None, "absent"), ("stopped", None, "unknown")],
)
def test_a_reason_why_an_order_was_cancelled_still_counts(status: str, reason: str | None, expected: str) -> None:
    why = {"statusReason": {"text": reason}} if reason else {}
    found = read({**order("o", status, "2026-11-01", "2026-11-10"), **why})
    assert str(build(Context(CODES, {}, lifelong=True), {"failed": "prednisone"}).match(RecordIndex(found)).presence) == expected
