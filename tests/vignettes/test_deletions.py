"""A suggestion that removes an order names a draft of this very call, and the drug that is meant."""

from __future__ import annotations

import datetime as dt

import pytest

from rules.extract import Input
from rules.facts import Origin
from rules.model import Rule, Vignette
from rules.terminology import Terminology
from rules.vignette import build
from tests.support.spoken import on_both_engines as knowledge
from tests.support.spoken import said


def deletions(rule_id: str, vignette: Vignette) -> dict[str, str]:
    """What the rule offers to remove for a vignette: label by target."""
    finding = said(knowledge(), rule_of(rule_id), vignette)
    return {one.target or "": one.label for one in (finding.suggestions if finding else ()) if one.kind == "delete"}


def rule_of(rule_id: str) -> Rule:
    rule = knowledge().rule(rule_id)
    assert rule is not None
    return rule


def drafts_of(vignette: Vignette) -> dict[str, str]:
    """The drafts of the call: what stands in the rule file by reference."""
    terminology: Terminology = knowledge().terminology
    drafts = build(vignette.patient, on=vignette.on, hook=vignette.hook, terminology=terminology).drafts
    listed = vignette.patient["drafts"]
    assert isinstance(listed, list)
    named = [str(one.get("concept", "") if isinstance(one, dict) else one) for one in listed]
    return {f"{draft['resourceType']}/{draft['id']}": name for draft, name in zip(drafts, named, strict=True)}


def rules_that_remove() -> list[str]:
    return [rule.id for rule in knowledge().rules if rule.card and any(one.action == "delete" for one in rule.card.proposals)]


@pytest.mark.parametrize("rule_id", rules_that_remove())
def test_only_a_draft_of_the_call_that_is_meant_is_offered_for_removal(rule_id: str) -> None:
    rule = rule_of(rule_id)
    assert rule.card is not None
    meant = [one.removes for one in rule.card.proposals if one.action == "delete"]
    offered = 0
    for vignette in rule.vignettes:
        if vignette.hook not in rule.hooks or vignette.expect != "fires":
            continue
        found = deletions(rule_id, vignette)
        offered += len(found)
        for target in found:
            name = drafts_of(vignette)[target]
            assert any(not names or knowledge().terminology.expand(name) & names for names in meant), f"{vignette.name}: {name}"
    assert offered, "no vignette has an order that is offered for removal"


def vignette_of(rule_id: str, name: str) -> Vignette:
    return next(one for one in rule_of(rule_id).vignettes if one.name == name)


def test_a_vaccine_and_a_drug_signed_together_the_vaccine_is_offered_for_removal() -> None:
    vignette = vignette_of("live-vaccine-on-immunosuppression", "vaccine and azathioprine signed together")
    drafts = drafts_of(vignette)
    assert len(drafts) == 2
    assert [drafts[target] for target in deletions("live-vaccine-on-immunosuppression", vignette)] == ["live-vaccine-mmr"]


def test_of_two_drafts_each_label_says_which_one_goes() -> None:
    found = deletions("ddi-mtx-trimethoprim", vignette_of("ddi-mtx-trimethoprim", "both drafted"))
    assert sorted(found.values()) == ["Cancel the drafted drug: methotrexate", "Cancel the drafted drug: trimethoprim"]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("x" * 300, f"MedicationRequest/{'x' * 300}"),
        ("a b", "MedicationRequest/a b"),
        ("é", "MedicationRequest/é"),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_a_draft_is_called_by_the_id_that_was_sent_and_without_one_by_none(name: object, target: str | None) -> None:
    vignette = vignette_of("ddi-mtx-trimethoprim", "both drafted")
    scene = build(vignette.patient, on=vignette.on, hook=vignette.hook, terminology=knowledge().terminology)
    drafts = [{**scene.drafts[0], "id": name}, *scene.drafts[1:]]
    inputs = [*map(Input, scene.resources), *(Input(draft, Origin.DRAFT) for draft in drafts)]
    as_of = dt.datetime.combine(vignette.on, dt.time(12), tzinfo=dt.UTC)
    evaluation = knowledge().evaluate(inputs, as_of=as_of, hook=vignette.hook, unread={})
    [found] = [one for one in evaluation.findings if one.rule.id == "ddi-mtx-trimethoprim"]
    targets = {one.target for one in found.suggestions if one.kind == "delete"}
    assert targets == {target, f"MedicationRequest/{scene.drafts[1]['id']}"}
