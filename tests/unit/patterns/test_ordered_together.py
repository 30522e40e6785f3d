"""The daily dose of a drug that several unsigned orders of one call are for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

import rules
from rules.calculators import CALCULATORS
from rules.extract import Input, extract
from rules.facts import Origin, Record
from rules.patterns import Context, RecordIndex
from rules.patterns import build as pattern_of
from rules.patterns.when import Window
from rules.terminology import Terminology
from rules.vignette import build

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
TODAY = date(2026, 11, 22)


def record(drafts: list[dict[str, object]], *, planned: int = 0, **more: object) -> Record:
    """The last `planned` drafts are not selected."""
    scene = build({"age": 57, "gender": "male", "drafts": drafts, **more}, on=TODAY, hook="order-select", terminology=CODES)
    selected = len(scene.drafts) - planned
    inputs = [Input(one, Origin.RECORD) for one in scene.resources]
    inputs += [Input(one, Origin.DRAFT if place < selected else Origin.PLANNED) for place, one in enumerate(scene.drafts)]
    as_of = datetime.combine(TODAY, time(12), tzinfo=UTC)
    return extract(inputs, terminology=CODES, as_of=as_of, hook="order-select", unread=scene.unread)


def above(limit: int, drafts: list[dict[str, object]], *, planned: int = 0, **more: object) -> str:
    condition = {"draft": "gabapentin", "mg_above": limit}
    index = RecordIndex(record(drafts, planned=planned, **more))
    return str(pattern_of(Context(CODES, {}, lifelong=True), condition).match(index).presence)


def mg(amount: int, **more: object) -> dict[str, object]:
    return {"concept": "gabapentin", "mg_per_day": amount, **more}


@pytest.mark.parametrize(("limit", "expected"), [(1499, "present"), (1500, "absent")])
def test_two_orders_of_one_call_add_up(limit: int, expected: str) -> None:
    assert above(limit, [mg(600), mg(900)]) == expected


def test_an_order_that_is_not_selected_is_added_to_the_one_that_is() -> None:
    assert above(1400, [mg(600), mg(900)], planned=1) == "present"


@pytest.mark.parametrize(
    "second",
    [
        mg(900, days=7),
        mg(900, single=True),
        mg(900, do_not_perform=True),
        mg(900, route="topical"),
        {"concept": "pregabalin", "mg_per_day": 900},
    ],
    ids=["a step of some days", "one dose", "not to be performed", "another route", "another drug"],
)
def test_what_is_not_taken_beside_the_order_is_not_added(second: dict[str, object]) -> None:
    assert above(1400, [mg(600), second]) == "absent"


def test_the_largest_of_several_steps_counts() -> None:
    assert above(800, [mg(600, days=7), mg(900, days=7)]) == "present"
    assert above(900, [mg(600, days=7), mg(900, days=7)]) == "absent"


def test_a_renewed_order_replaces_the_one_on_record() -> None:
    assert above(1400, [mg(900)], medications=[mg(900)]) == "absent"


def test_the_very_same_order_sent_twice_counts_once() -> None:
    found = record([mg(900)])
    twice = RecordIndex(replace(found, medications=(*found.medications, *found.medications)))
    condition = {"draft": "gabapentin", "mg_above": 900}
    assert str(pattern_of(Context(CODES, {}, lifelong=True), condition).match(twice).presence) == "absent"


def test_a_dose_that_is_not_known_beside_one_that_is_stays_unknown() -> None:
    assert above(1400, [mg(600), {"concept": "gabapentin"}]) == "unknown"


def test_morphine_equivalents_of_two_orders_add_up_and_a_renewal_counts_once() -> None:
    order: dict[str, object] = {"concept": "morphine", "mg_per_day": 30, "route": "oral"}
    two = CALCULATORS["mme"].compute(RecordIndex(record([order, order])), Window())
    renewed = CALCULATORS["mme"].compute(RecordIndex(record([order], medications=[order])), Window())
    assert (two.value, renewed.value) == (Decimal(60), Decimal(30))


@pytest.mark.parametrize(("limit", "expected"), [(15, "present"), (16, "absent")])
def test_prednisone_of_two_tablet_strengths_adds_up(limit: int, expected: str) -> None:
    drafts: list[dict[str, object]] = [{"concept": "prednisone", "mg_per_day": amount, "route": "oral"} for amount in (10, 5)]
    condition = {"draft": "prednisone", "pred_at_least": limit}
    assert str(pattern_of(Context(CODES, {}, lifelong=True), condition).match(RecordIndex(record(drafts))).presence) == expected
