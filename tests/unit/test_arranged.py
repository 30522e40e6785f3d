"""A referral that is ordered or booked is not proposed again: every rule that proposes one, on its own example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from rules.arranged import VISITS
from rules.findings import Finding
from rules.interval import interval_of
from rules.model import Rule, Vignette
from tests.support.spoken import on_reference as knowledge
from tests.support.spoken import said

ENTRIES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "an active order": ("orders", {"status": "active", "when": "-10 days"}),
    "an order on hold": ("orders", {"status": "on-hold", "when": "-10 days"}),
    "a booked appointment": ("appointments", {"status": "booked", "when": "+10 days"}),
}
NOT_YET: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "a revoked order": ("orders", {"status": "revoked", "when": "-10 days"}),
    "an order entered in error": ("orders", {"status": "entered-in-error", "when": "-10 days"}),
    "an order not to do it": ("orders", {"status": "active", "when": "-10 days", "do_not_perform": True}),
    "a cancelled appointment": ("appointments", {"status": "cancelled", "when": "+10 days"}),
    "an appointment that passed": ("appointments", {"status": "booked", "when": "-400 days"}),
}


def referrals(finding: Finding | None) -> set[str]:
    suggested = finding.suggestions if finding is not None else ()
    return {one.concept for one in suggested if one.concept and one.concept.startswith("referral-")}


def examples() -> Iterator[tuple[Rule, Vignette, str]]:
    """Rules that propose a referral and are not urgent, each with its first example and the concept."""
    for rule in knowledge().rules:
        for vignette in rule.vignettes:
            if rule.card is not None and vignette.expect == "fires" and vignette.hook == "patient-view":
                finding = said(knowledge(), rule, vignette)
                if finding is not None and finding.indicator != "critical" and not finding.emergency:
                    yield from ((rule, vignette, concept) for concept in sorted(referrals(finding)))
                break


def visit(concept: str) -> str:
    return VISITS.get(concept, concept.removeprefix("referral-"))


def with_entry(vignette: Vignette, section: str, concept: str, entry: Mapping[str, object]) -> Vignette:
    name = visit(concept) if section == "appointments" else concept
    entries = [*vignette.patient.get(section, []), {"concept": name, **entry}]  # type: ignore[misc]
    return replace(vignette, patient={**vignette.patient, section: entries})


def test_no_rule_proposes_a_referral_that_is_ordered_or_booked() -> None:
    again = []
    tried = 0
    for rule, vignette, concept in examples():
        for how, (section, entry) in ENTRIES.items():
            if section == "appointments" and not knowledge().terminology.knows(visit(concept)):
                continue
            tried += 1
            if concept in referrals(said(knowledge(), rule, with_entry(vignette, section, concept, entry))):
                again.append(f"{rule.id}: {concept} in spite of {how}")
    assert not again
    assert tried > 150


def test_the_names_of_visits_that_differ_from_those_of_their_referrals_are_names() -> None:
    for referral, name in VISITS.items():
        assert knowledge().terminology.knows(referral)
        assert knowledge().terminology.knows(name)


@pytest.mark.parametrize("how", sorted(NOT_YET))
def test_what_is_neither_ordered_nor_booked_is_proposed(how: str) -> None:
    rule, vignette, concept = next(one for one in examples() if one[2] == "referral-cardiology")
    section, entry = NOT_YET[how]
    assert concept in referrals(said(knowledge(), rule, with_entry(vignette, section, concept, entry)))


def test_what_is_left_out_stands_on_the_card_with_the_reason() -> None:
    rule, vignette, concept = next(one for one in examples() if one[0].id == "dx-exertional-cramps")
    finding = said(knowledge(), rule, with_entry(vignette, "orders", concept, {"status": "active", "when": "-10 days"}))
    assert finding is not None
    assert [one.reason for one in finding.withheld] == ["is ordered already"]


@pytest.mark.parametrize("section", ["orders", "procedures"])
@pytest.mark.parametrize(("days", "again"), [(20, False), (364, False), (367, True)])
def test_a_referral_completed_inside_the_interval_of_the_rule_is_not_proposed_again(section: str, days: int, again: bool) -> None:
    rule, vignette, concept = next(one for one in examples() if one[0].id == "dx-exertional-cramps")  # a neurology visit counts 365 days
    entry = {"status": "completed", "when": f"-{days} days"}
    finding = said(knowledge(), rule, with_entry(vignette, section, concept, entry))
    assert finding is not None
    assert (concept in referrals(finding)) is again
    assert [one.reason for one in finding.withheld] == ([] if again else ["was completed inside the interval of this rule"])


def test_no_rule_with_an_interval_proposes_a_referral_that_was_completed_inside_it() -> None:
    again, tried = [], 0
    for rule, vignette, concept in examples():
        interval = interval_of(rule)
        if interval is not None:
            tried += 1
            ordered = with_entry(vignette, "orders", concept, {"status": "completed", "when": "-20 days"})
            again += [f"{rule.id}: {concept}"] if concept in referrals(said(knowledge(), rule, ordered)) else []
    assert not again
    assert tried > 40


def test_an_emergency_is_proposed_in_spite_of_an_order() -> None:
    rule = knowledge().rule("em-cord-cauda")
    assert rule is not None
    vignette = next(one for one in rule.vignettes if one.expect == "fires" and one.hook == "patient-view")
    ordered = with_entry(vignette, "orders", "referral-neurosurgery", {"status": "active", "when": "-10 days"})
    assert "referral-neurosurgery" in referrals(said(knowledge(), rule, ordered))


def test_an_order_on_hold_silences_no_card_and_the_card_says_that_it_is_on_hold() -> None:
    rule, vignette, concept = next(one for one in examples() if one[0].id == "ref-nmd-specialist")
    finding = said(knowledge(), rule, with_entry(vignette, "orders", concept, {"status": "on-hold", "when": "-10 days"}))
    assert finding is not None
    assert [one.reason for one in finding.withheld] == ["is ordered, and the order is on hold"]
