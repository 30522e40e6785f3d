"""The page of every card of every invented patient: what a reviewer reads line by line, and what a change of the rules shows up in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cds_hooks.commands.case import Asker
from cds_hooks.commands.voices import LISTED, SILENT_RULES, Heard, Shown, Voice, calls, listen
from fhir_fixtures import PatientFixture, patients
from rules.knowledge import Knowledge

__all__ = ["fixture_cards"]

MOST = 6  # gaps named in a line; the rest is counted


def fixture_cards(knowledge: Knowledge) -> Iterator[str]:
    """Yield the page: one section per patient, its answers in the order of the about file."""
    everybody = patients()
    heard = list(listen(Asker(knowledge, "http://127.0.0.1:8000"), calls(everybody)))
    silent = sum(not one.cards for one in heard)
    yield "# Cards of the invented patients\n"
    yield (
        f"Every answer to {len(everybody)} invented patients of `fhir_fixtures`: {len(heard)} calls, "
        f"{sum(len(one.cards) for one in heard)} cards, {silent} answers without a card. Each patient is asked "
        "about at patient-view and at every hook that its about file names. "
        "`nmcds check --fixture NAME --why` shows one whole, with the chain; `nmcds rules diff` shows what a change of the rules does to "
        "this page.\n"
    )
    yield (
        "A line begins with the level of the card. *Asks* means that a datum is missing and decides; *proposes* are the drafts a clinician "
        "could accept; *withheld* are drafts that a safety rule removed, with that rule; *not checked* names at most "
        f"{MOST} missing data. The last card of a long answer only lists what did not fit.\n"
    )
    answers: dict[str, list[Heard]] = {}
    for one in heard:
        answers.setdefault(one.patient, []).append(one)
    for patient in everybody:
        yield from _patient(patient, answers[patient.name])


def _patient(patient: PatientFixture, answers: Sequence[Heard]) -> Iterator[str]:
    yield f"## {patient.name}\n"
    yield f"{' '.join(patient.who.split())} Asked on {patient.on}.\n"
    same: dict[tuple[tuple[Shown, ...], tuple[Voice, ...]], list[str]] = {}
    for one in answers:
        same.setdefault((one.cards, one.voices), []).append(one.hook)
    for (cards, voices), hooks in same.items():
        title = ", ".join(f"`{hook}`" for hook in hooks)
        yield f"{title}: {_count(len(cards))}\n"
        for card in cards:
            yield from _card(card, [voice for voice in voices if voice.rule in card.rules])
        for voice in voices:
            if voice.rule == SILENT_RULES:
                yield f"- *not checked by rules that stayed silent*: {_some(voice.not_checked)}"
        if cards:
            yield ""


def _card(card: Shown, voices: Sequence[Voice]) -> Iterator[str]:
    yield f"- **{card.indicator}** {card.summary}"
    for voice in voices:
        said = "" if len(voices) == 1 and voice.summary == card.summary else f": {voice.summary}"
        verb = " asks" if voice.says == "asks" else ""
        yield f"  - [{voice.rule}](rules.md#{voice.rule}){verb}{said}"
        if voice.place == LISTED:
            continue
        for name, items in (("proposes", voice.proposals), ("withheld", voice.withheld)):
            if items:
                yield f"    - *{name}*: {'; '.join(dict.fromkeys(items))}"
        if voice.not_checked:
            yield f"    - *not checked*: {_some(voice.not_checked)}"


def _count(cards: int) -> str:
    return {0: "no card", 1: "1 card"}.get(cards, f"{cards} cards")


def _some(gaps: Iterable[str]) -> str:
    found = [gap.removesuffix(" (not in the record)") for gap in gaps]
    more = len(found) - MOST
    return "; ".join(found[:MOST]) + (f"; and {more} more" if more > 0 else "")
