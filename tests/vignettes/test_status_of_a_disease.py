"""What an unconfirmed or a quiet disease changes, for every firing vignette of the immunotherapy rules.

Only vignettes whose diagnoses are plain (confirmed and active) are asked again, with every diagnosis changed at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from rules.findings import Finding
from rules.model import Rule, Vignette
from tests.support.spoken import on_both_engines as knowledge
from tests.support.spoken import said

LEVELS: Final = ("info", "warning", "critical")

IN_REMISSION_TOO: Final = {
    "mg-pregnancy": "plans a pregnancy; the specification takes myasthenia in remission too",
    "statin-myopathy-nonimmune": "weakness on a statin or a raised CK is enough, without the diagnosis",
}
NOT_IN_REMISSION: Final = {
    "dd-denervation-succinylcholine": "critical illness and disabling CIDP count while they are active; the other diseases at any time"
}


def rules_of(start: str = "", stage: str = "") -> list[str]:
    """Ids of the immunotherapy rules with a card."""
    return [
        rule.id
        for rule in knowledge().rules
        if rule.card and rule.pathway == "immunosuppressive" and rule.id.startswith(start) and stage in ("", rule.stage)
    ]


def rule_of(rule_id: str) -> Rule:
    rule = knowledge().rule(rule_id)
    assert rule is not None
    return rule


def with_diagnoses(rule: Rule, **status: str) -> Iterator[tuple[Vignette, Finding | None]]:
    """The rule's firing vignettes, each with what it says once every diagnosis has another status."""
    for vignette in rule.vignettes:
        diagnoses = vignette.patient.get("diagnoses")
        if vignette.expect != "fires" or not isinstance(diagnoses, list) or not diagnoses:
            continue
        entries = [one if isinstance(one, dict) else {"concept": one} for one in diagnoses]
        if any({"verification", "clinical", "code"} & set(one) for one in entries):
            continue
        patient = {**vignette.patient, "diagnoses": [{**one, **status} for one in entries]}
        yield vignette, said(knowledge(), rule, replace(vignette, patient=patient))


@pytest.mark.parametrize("rule_id", rules_of(stage="pathway"))
def test_an_unconfirmed_disease_proposes_no_drug(rule_id: str) -> None:
    for vignette, finding in with_diagnoses(rule_of(rule_id), verification="provisional"):
        proposed = [one.resource or {} for one in finding.suggestions] if finding else []
        assert "MedicationRequest" not in {one.get("resourceType") for one in proposed}, vignette.name


@pytest.mark.parametrize("rule_id", rules_of(stage="pathway"))
def test_a_disease_in_remission_starts_no_pathway(rule_id: str) -> None:
    fired = [one.name for one, finding in with_diagnoses(rule_of(rule_id), clinical="remission") if finding and not finding.asks]
    assert bool(fired) == (rule_id in IN_REMISSION_TOO), fired


@pytest.mark.parametrize("rule_id", rules_of(start="dd-"))
def test_a_caution_stays_in_remission(rule_id: str) -> None:
    lost = [one.name for one, finding in with_diagnoses(rule_of(rule_id), clinical="remission") if not finding or finding.asks]
    assert bool(lost) == (rule_id in NOT_IN_REMISSION), lost


@pytest.mark.parametrize("rule_id", rules_of(start="dd-"))
def test_an_unconfirmed_disease_lowers_a_caution_unless_the_specification_keeps_it(rule_id: str) -> None:
    rule = rule_of(rule_id)
    assert rule.card is not None
    same = []
    for vignette, finding in with_diagnoses(rule, verification="provisional"):
        confirmed = said(knowledge(), rule, vignette)
        assert confirmed is not None
        if finding is not None and LEVELS.index(finding.indicator) >= max(1, LEVELS.index(confirmed.indicator)):
            same.append(vignette.name)
    assert bool(same) == rule.card.keep_level, same


@pytest.mark.parametrize(("verification", "noted"), [("confirmed", False), ("", True)])
def test_a_disease_that_does_not_say_whether_it_is_confirmed_counts_and_is_noted(verification: str, noted: bool) -> None:
    for rule_id in ("mg-gen-first-line", "nis-cmt", "vasculitic-neuropathy-induction"):
        found = [finding for _, finding in with_diagnoses(rule_of(rule_id), verification=verification) if finding]
        assert found
        assert all(finding.unstated is noted for finding in found), rule_id
