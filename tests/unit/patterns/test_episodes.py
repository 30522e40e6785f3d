"""Two episodes of a disease: entries that began far enough apart; one that was coded twice is one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.extract import Input, extract
from rules.facts import Presence
from rules.patterns import Context, PatternError, RecordIndex, build
from rules.terminology import Terminology

CODES = Terminology.load(Path(rules.__file__).parent / "codes")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TWICE: Mapping[str, object] = {"diagnosis_ever": "rhabdomyolysis", "episodes_apart": "1 month"}
HL7 = "http://terminology.hl7.org/CodeSystem/"


def entry(onset: str | None, *, recorded: str | None = None, verification: str = "confirmed") -> dict[str, object]:
    made: dict[str, object] = {"resourceType": "Condition", "code": {"coding": list(CODES.codings("rhabdomyolysis"))}}
    made["verificationStatus"] = {"coding": [{"system": f"{HL7}condition-ver-status", "code": verification}]}
    made["clinicalStatus"] = {"coding": [{"system": f"{HL7}condition-clinical", "code": "resolved"}]}
    return made | {name: text for name, text in (("onsetDateTime", onset), ("recordedDate", recorded)) if text}


def holds(*conditions: dict[str, object]) -> Presence:
    inputs = [Input({**one, "id": str(place)}) for place, one in enumerate(conditions)]
    record = extract(inputs, terminology=CODES, as_of=NOW, hook="patient-view", unread={})
    return build(Context(CODES, {}, lifelong=True), TWICE).match(RecordIndex(record)).presence


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ([], Presence.ABSENT),
        (["2026-05-10"], Presence.ABSENT),
        (["2026-05-10", "2026-06-10"], Presence.PRESENT),
        (["2026-06-10", "2026-05-10"], Presence.PRESENT),
        (["2026-05-11", "2026-06-10"], Presence.ABSENT),
        (["2026-05-10T23:00:00Z", "2026-06-10T01:00:00Z"], Presence.PRESENT),
        (["2026-05-10", "2026-05-20", "2026-06-10"], Presence.PRESENT),
        (["2026-05-10", "2026-05-10"], Presence.ABSENT),
        (["2024", "2026-05-10"], Presence.PRESENT),
        (["2026", "2026-05-10"], Presence.UNKNOWN),
        (["2026-05", "2026-06-20"], Presence.UNKNOWN),
        (["2026-05", "2026-05-20"], Presence.ABSENT),
        (["2026-05-10", "2026-12-24"], Presence.ABSENT),
    ],
)
def test_two_entries_are_two_episodes_when_they_began_far_enough_apart(dates: list[str], expected: Presence) -> None:
    assert holds(*map(entry, dates)) is expected


def test_without_an_onset_the_date_of_recording_counts() -> None:
    assert holds(entry(None, recorded="2026-01-10"), entry("2026-05-10", recorded="2026-01-10")) is Presence.PRESENT
    assert holds(entry("2026-05-01", recorded="2026-01-10"), entry("2026-05-10")) is Presence.ABSENT


def test_an_entry_without_any_date_may_be_another_episode() -> None:
    assert holds(entry(None)) is Presence.ABSENT
    assert holds(entry(None), entry(None)) is Presence.UNKNOWN
    assert holds(entry(None), entry("2026-05-10")) is Presence.UNKNOWN


def test_a_refuted_entry_is_no_episode() -> None:
    assert holds(entry("2025-05-10", verification="refuted"), entry("2026-05-10")) is Presence.ABSENT


@pytest.mark.parametrize("more", [{"episodes_apart": "often"}, {"episodes_apart": "1 month", "first": True, "onset_within": "90 days"}])
def test_what_means_nothing_is_refused(more: Mapping[str, object]) -> None:
    with pytest.raises(PatternError):
        build(Context(CODES, {}, lifelong=True), {"diagnosis_ever": "rhabdomyolysis", **more})
