"""The first record of a disease: a flare that is coded anew is no new disease, a second disease is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Condition, Presence
from rules.patterns import Context, PatternError, RecordIndex, build
from rules.patterns.diagnosis import Diagnosis
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RECORDED: Mapping[str, object] = {"diagnosis": "vs-nmd", "recorded_within": "90 days", "first": True}
BEGUN: Mapping[str, object] = {"diagnosis": "vs-nmd", "onset_within": "90 days", "first": True}
OLD, NEW = "2023-04-03", "2026-11-20"


def entry(concept: str, recorded: str | None, **more: object) -> dict[str, object]:
    dated = {"recordedDate": recorded} if recorded else {}
    return {"resourceType": "Condition", "id": f"{concept}-{recorded}", "code": {"coding": list(CODES.codings(concept))}, **dated, **more}


def verified(status: str) -> dict[str, object]:
    return {"verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": status}]}}


def clinical(status: str) -> dict[str, object]:
    return {"clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": status}]}}


def holds(condition: Mapping[str, object], *conditions: dict[str, object]) -> Presence:
    record = extract([Input(one) for one in conditions], terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return build(Context(CODES, {}, lifelong=True), condition).match(RecordIndex(record)).presence


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], Presence.PRESENT),
        ([entry("myasthenia-gravis", "2026-10-01")], Presence.PRESENT),
        ([entry("myasthenia-gravis", OLD)], Presence.ABSENT),
        ([entry("generalised-myasthenia", OLD)], Presence.ABSENT),
        ([entry("myasthenia-gravis", OLD, **clinical("resolved"))], Presence.ABSENT),
        ([entry("myasthenia-gravis", OLD, **verified("provisional"))], Presence.PRESENT),
        ([entry("myasthenia-gravis", OLD, **verified("refuted"))], Presence.PRESENT),
        ([entry("myasthenia-gravis", OLD, **verified("entered-in-error"))], Presence.PRESENT),
        ([entry("cidp", OLD)], Presence.PRESENT),
        ([entry("diabetic-polyneuropathy", OLD)], Presence.PRESENT),
        ([entry("myasthenia-gravis", None)], Presence.UNKNOWN),
    ],
    ids=[
        "alone",
        "both are new",
        "the same disease is older",
        "a kind of it is older",
        "it is over since",
        "only suspected then",
        "refuted",
        "entered in error",
        "another neuromuscular disease is older",
        "another disease is older",
        "a date is missing",
    ],
)
def test_the_first_record_is_that_of_the_disease(others: list[dict[str, object]], expected: Presence) -> None:
    assert holds(RECORDED, entry("myasthenia-gravis", NEW), *others) is expected


def test_a_wider_name_is_the_same_disease() -> None:
    assert holds(RECORDED, entry("generalised-myasthenia", NEW)) is Presence.PRESENT
    assert holds(RECORDED, entry("generalised-myasthenia", NEW), entry("myasthenia-gravis", OLD)) is Presence.ABSENT


def test_an_onset_is_that_of_the_disease_too() -> None:
    flare = entry("myasthenia-gravis", NEW, onsetDateTime=NEW)
    assert holds(BEGUN, flare) is Presence.PRESENT
    assert holds(BEGUN, flare, entry("generalised-myasthenia", NEW, onsetDateTime="2023-02")) is Presence.ABSENT


@pytest.mark.parametrize("table", [{"diagnosis": "vs-nmd", "first": True}, {**RECORDED, "first": "yes"}, {**RECORDED, "first": False}])
def test_first_needs_a_window(table: Mapping[str, object]) -> None:
    with pytest.raises(PatternError, match="expected true beside onset_within or recorded_within"):
        build(Context(CODES, {}, lifelong=True), table)


def test_the_date_of_each_of_many_entries_is_looked_at_twice_and_not_once_for_each_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    dated = Diagnosis.dated

    def counting(self: Diagnosis, fact: Condition, index: RecordIndex) -> bool | None:
        nonlocal looked
        looked += 1
        return dated(self, fact, index)

    monkeypatch.setattr(Diagnosis, "dated", counting)
    many = [{**entry("myasthenia-gravis", NEW), "id": f"c{number}"} for number in range(200)]
    assert holds(RECORDED, *many) is Presence.PRESENT
    assert looked == 400
