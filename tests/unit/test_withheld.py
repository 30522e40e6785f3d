"""A drug that waits for data: every rule that holds it back is named, and one Task asks for what no other proposal of the rule obtains."""

from __future__ import annotations

from rules.findings import Finding
from tests.support.spoken import about, said
from tests.support.spoken import on_reference as knowledge

SCORE = {"concept": "pain-score", "value": 6, "unit": "{score}", "when": "-5 days"}
GENERAL = {"age": 42, "gender": "female", "diagnoses": ["neuropathic-pain"], "labs": [SCORE]}
KIDNEY = {"concept": "egfr", "value": 90, "unit": "mL/min/{1.73_m2}", "when": "-20 days"}


def of(name: str, **patient: object) -> Finding:
    found = about(knowledge(), "patient-view", patient)[name]
    assert not found.asks
    return found


def tasks(finding: Finding) -> list[frozenset[str]]:
    return [one.obtains for one in finding.suggestions if one.obtains]


def test_every_rule_that_may_hold_a_drug_back_is_named() -> None:
    finding = of("analg-neuro-first-line", **{**GENERAL, "labs": [SCORE, KIDNEY]})
    assert {one.rule for one in finding.withheld if one.what == "nortriptyline"} == {"analg-preg-other", "analg-tca-cardiac"}


def test_one_task_asks_for_what_the_drugs_wait_for() -> None:
    finding = of("analg-neuro-first-line", **{**GENERAL, "gender": "male"})
    assert {one.what for one in finding.withheld} >= {"duloxetine", "nortriptyline"}
    [wanted] = tasks(finding)
    assert "Estimated glomerular filtration rate" in wanted
    assert any("Electrocardiogram" in one for one in wanted)
    told = [knowledge().in_words(gap.what) for gap in finding.not_checked]
    assert all(any(one.endswith(thing) for one in told) for thing in wanted)


def test_nothing_is_asked_for_when_no_drug_waits() -> None:
    rule = knowledge().rule("analg-combination")
    assert rule is not None
    finding = of("analg-combination", **rule.vignettes[0].patient)
    assert finding.withheld == ()
    assert tasks(finding) == []


def test_what_a_proposal_of_the_rule_obtains_is_not_asked_for_twice() -> None:
    heard = 0
    for one in knowledge().rules:
        drugs = one.card is not None and any(proposal.is_drug for proposal in one.card.proposals)
        for vignette in one.vignettes if drugs else ():
            if vignette.expect != "fires":
                continue
            finding = said(knowledge(), one, vignette)
            labels = {suggestion.label for suggestion in finding.suggestions} if finding is not None else set()
            if "Record an ECG" in labels or "Record creatinine and weight (clearance)" in labels:
                heard += 1
                assert finding is not None
                wanted = frozenset().union(*tasks(finding))
                assert not ("Record an ECG" in labels and any("Electrocardiogram" in thing for thing in wanted)), vignette.name
                assert not (any("creatinine" in label for label in labels) and any("clearance" in thing for thing in wanted)), vignette.name
    assert heard > 3
