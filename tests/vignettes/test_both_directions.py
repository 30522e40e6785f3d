"""An interaction speaks in both directions: the new drug on the old one, and the old one on the new one.

Every vignette in which a drafted drug and a recorded drug together make a rule fire is asked again with the two exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import pytest

from rules.model import Rule, Vignette
from rules.vignette import build
from tests.support.spoken import on_both_engines as knowledge
from tests.support.spoken import said

ONE_WAY: Final = {
    "analg-gabapentinoid-resp-weakness": "a new gabapentinoid on other sedatives; a new sedative is asked about by other rules",
    "analg-nsaid-bleed": "a new NSAID; the anticoagulant on an NSAID is asked about when the chart is opened",
    "analg-nsaid-kidney": "a new NSAID; the three together are asked about when the chart is opened",
    "analg-snri-bp-bleed-sodium": "a new SNRI; the other drug is one of the risks that it meets",
    "analg-tca-cardiac": "a new tricyclic; the other drug is one of the risks that it meets",
    "dd-table-generic": "a row of the caution table is about the drafted drug; the other drug narrows the row",
    "fcrn-igg-infection-check": "the antibiotic is the sign of an infection",
    "is-active-infection-block": "the antibiotic into a vein is the sign of a serious infection",
    "ivig-risk-check": "new immunoglobulin; the other drug is one of the risks that it meets",
    "live-vaccine-on-immunosuppression": "a vaccine is given, not taken: a new drug meets the vaccine given in the last 28 days",
}
"""Rules that the specification words for one drafted drug only, with the reason."""

ORDERS: Final = ("order-select", "order-sign")
KEPT: Final = ("concept", "route", "reason", "mg_per_day", "days")  # what a drug takes with it from the chart to the draft and back


def speaks(rule: Rule, vignette: Vignette, hook: str, drafts: list[object], medications: list[object]) -> bool:
    """Whether the rule makes a card of this patient with other drafts and medications."""
    asked = replace(vignette, hook=hook, patient={**vignette.patient, "drafts": drafts, "medications": medications})
    return said(knowledge(), rule, asked) is not None


def pairs(rule: Rule) -> Iterator[tuple[Vignette, object, object, list[object]]]:
    """Vignette, drafted drug, recorded drug and the other recorded ones, where the rule fires because of both."""
    for vignette in rule.vignettes:
        drafts, medications = vignette.patient.get("drafts"), vignette.patient.get("medications")
        if vignette.expect != "fires" or vignette.hook not in ORDERS or "planned" in vignette.patient:
            continue
        if not isinstance(drafts, list) or not isinstance(medications, list) or len(drafts) != 1 or not starts_a_drug(vignette):
            continue
        for place, medication in enumerate(medications):
            others = medications[:place] + medications[place + 1 :]
            if not current(medication) or name(medication) == name(drafts[0]):
                continue
            if not speaks(rule, vignette, vignette.hook, drafts, others) and not speaks(rule, vignette, vignette.hook, [], medications):
                yield vignette, drafts[0], medication, others


def starts_a_drug(vignette: Vignette) -> bool:
    """Whether the draft is a drug to take: no service, no vaccine, no order to stop."""
    [draft] = build(vignette.patient, on=vignette.on, hook=vignette.hook, terminology=knowledge().terminology).drafts
    return draft["resourceType"] == "MedicationRequest" and draft["status"] == "draft" and not draft.get("doNotPerform")


def current(entry: object) -> bool:
    """Whether a recorded drug is taken now: one that was given or stopped has no place in the other direction."""
    return not isinstance(entry, Mapping) or ("kind" not in entry and entry.get("status", "active") in ("active", "on-hold"))


def name(entry: object) -> object:
    return entry.get("concept") if isinstance(entry, Mapping) else entry


def exchanged(entry: object) -> object:
    return {key: entry[key] for key in KEPT if key in entry} if isinstance(entry, Mapping) else entry


def silent_exchanged(rule: Rule) -> tuple[int, tuple[str, ...]]:
    """How many pairs a rule has, and those at which it says nothing once they are exchanged."""
    found = list(pairs(rule))
    return len(found), tuple(
        f"{vignette.name}: {name(new)} and {name(old)} at {hook}"
        for vignette, new, old, others in found
        for hook in ORDERS
        if hook in rule.hooks and not speaks(rule, vignette, hook, [exchanged(old)], [*others, exchanged(new)])
    )


def rules_that_read_drafts() -> list[str]:
    return [rule.id for rule in knowledge().rules if rule.card is not None and set(ORDERS) & set(rule.hooks)]


@pytest.mark.parametrize("rule_id", rules_that_read_drafts())
def test_a_pair_of_drugs_is_seen_whichever_of_them_is_new(rule_id: str) -> None:
    rule = knowledge().rule(rule_id)
    assert rule is not None
    count, silent = silent_exchanged(rule)
    if rule_id.startswith("ddi-"):
        assert count, "an interaction needs a vignette with one drug drafted and the other taken"
        assert rule_id not in ONE_WAY
    if rule_id in ONE_WAY:
        assert silent, "speaks both ways now: take it off the list"
    else:
        assert silent == ()


@pytest.mark.parametrize("rule_id", [name for name in rules_that_read_drafts() if name.startswith("ddi-")])
def test_a_drug_that_was_stopped_long_ago_is_no_partner(rule_id: str) -> None:
    rule = knowledge().rule(rule_id)
    assert rule is not None
    for vignette, new, old, others in pairs(rule):
        past = {"concept": name(old), "status": "stopped", "since": "-4 years", "until": "-3 years"}
        asked = replace(vignette, patient={**vignette.patient, "drafts": [new], "medications": [*others, past]})
        finding = said(knowledge(), rule, asked)
        assert finding is None or finding.indicator == "info", f"{vignette.name}: {name(old)} stopped"
