"""What every rule says about every invented patient: the common ground of `nmcds rules diff` and of the page of cards in the docs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import cast

from cds_hooks.commands.case import Answered, Asker, from_fixture
from cds_hooks.joint import as_shown
from fhir_fixtures import PatientFixture
from rules.findings import Finding, NotChecked
from rules.knowledge import Knowledge

__all__ = ["LISTED", "SILENT_RULES", "Heard", "Shown", "Voice", "calls", "from_json", "listen", "to_json"]

VIEW = "patient-view"
LISTED = "named in the list card"
SILENT_RULES = "silent rules"
"""Stands where a rule id would: what rules that said nothing could not check, told on the last card."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One rule in one answer. `place` says on which card a clinician finds it; `version` is told, not compared."""

    rule: str
    version: str
    says: str
    indicator: str
    summary: str
    detail: tuple[str, ...]
    proposals: tuple[str, ...]
    withheld: tuple[str, ...]
    not_checked: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One card of an answer: its level, its first line, and the rules that it stands for."""

    indicator: str
    summary: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer: a patient at a hook."""

    patient: str
    hook: str
    cards: tuple[Shown, ...]
    voices: tuple[Voice, ...]


def calls(everybody: Iterable[PatientFixture]) -> list[tuple[PatientFixture, str]]:
    """Every hook that a patient's about file promises something for, and patient-view."""
    return [(one, hook) for one in everybody for hook in dict.fromkeys((VIEW, *one.hooks))]


def listen(asker: Asker, chosen: Iterable[tuple[PatientFixture, str]]) -> Iterator[Heard]:
    """Ask about each patient at each hook on the patient's own day."""
    for one, hook in chosen:
        yield _heard(asker.knowledge, one.name, asker.ask(from_fixture(one), hook, one.as_of))


def _heard(knowledge: Knowledge, name: str, answered: Answered) -> Heard:
    findings = as_shown(answered.evaluation.findings)
    summaries = {finding.summary for finding in findings}
    shown = tuple(
        Shown(card.indicator, str(card.body["summary"]), tuple(dict.fromkeys(rule.id for rule in card.rules))) for card in answered.cards
    )
    places: dict[str, str] = {}
    for number, card in enumerate(shown):
        folded = number == len(shown) - 1 and card.summary not in summaries and card.summary.endswith("for this patient")
        for rule in card.rules:
            places[rule] = LISTED if folded else "own card" if rule == card.rules[0] else f"card of {card.rules[0]}"
    voices = [_voice(knowledge, finding, places.get(finding.rule.id, "no card")) for finding in findings]
    rest = _gaps(knowledge, answered.evaluation.not_checked) if shown else ()
    if rest:
        voices.append(Voice(SILENT_RULES, "", "could not check", "info", "", (), (), (), rest, "last card"))
    return Heard(name, answered.hook, shown, tuple(voices))


def _voice(knowledge: Knowledge, finding: Finding, place: str) -> Voice:
    return Voice(
        finding.rule.id,
        finding.rule.version,
        "asks" if finding.asks else "fires",
        finding.indicator,
        finding.summary,
        finding.detail,
        tuple(one.label if one.kind == "create" else f"{one.label} ({one.kind} {one.target})" for one in finding.suggestions),
        tuple(f"{one.what}: {one.reason} ({one.rule})" for one in finding.withheld),
        _gaps(knowledge, finding.not_checked),
        place,
    )


def _gaps(knowledge: Knowledge, gaps: Iterable[NotChecked]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{knowledge.in_words(gap.what)} ({gap.why})" for gap in gaps))


def to_json(heard: Iterable[Heard]) -> str:
    """Text of a file that keeps what was said, for a later comparison."""
    return json.dumps([asdict(one) for one in heard], indent=1) + "\n"


def from_json(text: str) -> tuple[Heard, ...]:
    """Read what `to_json` wrote; raises ValueError for anything else."""
    try:
        return tuple(
            Heard(
                one["patient"],
                one["hook"],
                tuple(Shown(card["indicator"], card["summary"], tuple(card["rules"])) for card in one["cards"]),
                tuple(_read(voice) for voice in one["voices"]),
            )
            for one in json.loads(text)
        )
    except (KeyError, TypeError) as problem:
        raise ValueError(f"found {problem}") from None


def _read(voice: Mapping[str, object]) -> Voice:
    values = {field.name: voice[field.name] for field in fields(Voice)}
    return Voice(**{name: tuple(value) if isinstance(value, list) else cast("str", value) for name, value in values.items()})  # type: ignore[arg-type]
