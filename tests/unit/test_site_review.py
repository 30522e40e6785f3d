"""Clinical review at a site: who looked at a rule, and rules that may not speak before somebody did."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from rules.check import record_of
from rules.engine.interface import Budget
from rules.knowledge import Knowledge
from rules.load import KnowledgeError
from rules.site import Site

PATHWAYS = Path(__file__).parents[2] / "rules" / "pathways"
NAMES = ("dmt-als-riluzole", "ref-peg-als")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two rules."""
    for name in NAMES:
        [found] = PATHWAYS.rglob(f"{name}.toml")
        shutil.copy(found, tmp_path)
    return tmp_path


def speaking(folder: Path, **site: object) -> list[str]:
    known = Knowledge.load(folder, engine="reference", site=replace(Site.load(), **site))  # type: ignore[arg-type]
    return sorted(rule.id for rule in known.rules)


def test_as_it_comes_every_rule_speaks_and_none_is_reviewed(folder: Path) -> None:
    known = Knowledge.load(folder, engine="reference")
    assert sorted(rule.id for rule in known.rules) == sorted(NAMES)
    assert {rule.review.checked_by for rule in known.rules} == {""}


def test_a_site_that_demands_a_review_hears_reviewed_rules_only(folder: Path) -> None:
    assert speaking(folder, require_review=True) == []
    assert speaking(folder, require_review=True, reviewers={"ref-peg-als": "Dr Invented, neurology"}) == ["ref-peg-als"]
    assert speaking(folder, reviewers={"ref-peg-als": "Dr Invented, neurology"}) == sorted(NAMES)


def test_what_a_rule_forbids_that_waits_for_its_review_no_reviewed_rule_proposes() -> None:
    site = replace(Site.load(), require_review=True, reviewers={"mg-nonsteroidal-is": "Dr Invented, neurology"})
    known = Knowledge.load(engine="reference", site=site)
    vignette = next(one for one in known.rules[0].vignettes if one.name == "woman of childbearing age")
    poor = {**vignette.patient, "labs": [{"concept": "tpmt", "answer": "poor-metaboliser"}, {"concept": "nudt15", "result": "normal"}]}
    (finding,) = known.evaluator.evaluate(record_of(known, replace(vignette, patient=poor)), Budget()).findings
    assert finding.rule.id == "mg-nonsteroidal-is"
    assert [(one.what, one.rule) for one in finding.withheld] == [("azathioprine", "aza-tpmt-nudt15-low")]
    assert "azathioprine" not in {one.concept for one in finding.suggestions}


def test_a_review_of_a_rule_that_does_not_exist_is_a_problem(folder: Path) -> None:
    """A misspelt id would leave the rule silent, or unreviewed, without a word."""
    with pytest.raises(KnowledgeError, match="site settings: reviewers: 'ref-peg-alz' is not a rule"):
        speaking(folder, reviewers={"ref-peg-alz": "Dr Invented, neurology"})


def test_a_set_of_medicines_that_does_not_exist_is_named_with_what_may_be_meant(tmp_path: Path) -> None:
    settings = tmp_path / "site.toml"
    settings.write_text('[thresholds.questions]\nnothing-neuromuscular = "immunotherapy-without-steroids"\n', encoding="utf-8")
    with pytest.raises(KnowledgeError) as caught:
        Knowledge.load(site=Site.load(settings))
    (problem,) = caught.value.problems
    assert problem.startswith(
        "settings: thresholds.questions.nothing-neuromuscular: 'immunotherapy-without-steroids' is not a set of medicines"
    )
    assert "immunotherapy-without-steroid" in problem.partition("did you mean")[2]
