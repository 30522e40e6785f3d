"""Knowledge mutation plants the faults that it says, tries them as the whole rule base would, and keeps and reads its results."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

from rules.check import problem_of, run_vignettes
from rules.engine.interface import Budget
from rules.findings import NotChecked
from rules.model import Leaf, Rule
from tests.support.spoken import on_reference as knowledge
from tools.members import pinned
from tools.mutate.mutants import KINDS, mutants
from tools.mutate.propose import propose, toml_of
from tools.mutate.ratchet import keep, worse
from tools.mutate.report import figures, survivors
from tools.mutate.results import Equivalent, Result, Tried, equivalents, read, write
from tools.mutate.satisfy import satisfying
from tools.mutate.trial import Trial, relations
from tools.mutate.vary import Pool, in_words, smaller

RULE = "mmn-no-steroids-no-plex"
DICE = random.Random(1)  # noqa: S311 - a search, not a secret


def rule(name: str = RULE) -> Rule:
    found = knowledge().rule(name)
    assert found is not None
    return found


def trial(one: Rule) -> Trial:
    below, above = relations(knowledge())
    return Trial(one, knowledge(), below, above)


def test_faults_of_every_kind_are_planted_each_with_a_name_of_its_own() -> None:
    found = [
        mutant
        for name in (RULE, "mg-crisis-urgent", "analg-tramadol-codeine-young", "pregnant")
        for mutant in mutants(rule(name), knowledge())
    ]
    assert {mutant.kind for mutant in found} == set(KINDS) - {"stage"}
    for name in (RULE, "mg-crisis-urgent"):
        names = [mutant.name for mutant in mutants(rule(name), knowledge())]
        assert len(names) == len(set(names))


def test_a_threshold_and_a_window_move_one_step_each_way() -> None:
    names = {mutant.name for mutant in mutants(rule("mg-crisis-urgent"), knowledge())}
    for change in ("below 20 -> 19", "below 20 -> 21", "within 2 days -> 1 day", "within 2 days -> 3 days"):
        assert any(change in name for name in names)


def test_a_vignette_that_notices_is_named_and_without_vignettes_everything_survives() -> None:
    caught = [outcome for outcome in trial(rule()).run() if outcome.caught]
    assert {outcome.caught for outcome in caught} - {"the loader"} <= {vignette.name for vignette in rule().vignettes}
    assert len(caught) > 20
    bare = trial(replace(rule(), vignettes=()))
    assert {outcome.caught for outcome in bare.run()} <= {"", "the loader"}


def test_a_trial_says_of_a_rule_what_the_whole_rule_base_says() -> None:
    one = rule("mg-crisis-urgent")
    tried = trial(one)
    for vignette in one.vignettes:
        case = tried.case(vignette)
        whole = knowledge().evaluator.evaluate(case.record, Budget())
        assert tried.said(None, case)[0] == next((finding for finding in whole.findings if finding.rule.id == one.id), None)


def test_a_proposed_vignette_holds_and_catches_what_no_vignette_caught() -> None:
    one = replace(rule(), vignettes=rule().vignettes[:2])
    tried = trial(one)
    alive = [outcome.mutant for outcome in tried.run() if not outcome.caught and outcome.mutant.kind == "drop"]
    found = propose(tried, alive, Pool(knowledge().rules), 1.0, one.id)
    assert found
    assert 'expect = "' in toml_of(found[0])
    assert [result.problem for result in run_vignettes(knowledge(), (replace(one, vignettes=tuple(found)),)) if result.problem] == []
    again = trial(replace(one, vignettes=(*one.vignettes, *found)))
    left = [outcome.mutant.name for outcome in again.run() if not outcome.caught and outcome.mutant.kind == "drop"]
    assert len(left) < len(alive)


def test_results_are_kept_until_something_changes(tmp_path: Path) -> None:
    result = Result("r", "digest", 1.0, (Tried("drop: x", "drop", True, "", "v"),))
    write(tmp_path, result)
    assert read(tmp_path, "r", "digest") == result
    assert read(tmp_path, "r", "another") is None
    assert read(tmp_path, "s", "digest") is None
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["rule"] == "r"


def test_equivalent_survivors_do_not_count_and_members_stand_alone() -> None:
    tried = (
        Tried("drop: a [0]", "drop", True, "", ""),
        Tried("drop: b", "drop", False, "v", ""),
        Tried("member: c", "member", False, "", ""),
    )
    results = [Result("r", "d", 1.0, tried)]
    same = [Equivalent("r", "drop: a [0]", "why")]
    assert figures(results, [])["all"].percent == 50
    assert figures(results, same)["all"].as_json() == {"mutants": 1, "caught": 1, "percent": 100.0, "equivalent": 1}
    assert figures(results, same)["members"].total == 1
    assert list(survivors(results, [])) == ["r"]
    assert survivors(results, same) == {}


def test_a_rule_may_have_as_many_survivors_as_are_kept_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "survivors.toml"
    assert worse(path, ["a"], {"a": 3}) == []
    keep(path, {"a": 1, "b": 2})
    assert worse(path, ["a", "b"], {"a": 1, "b": 2, "c": 9}) == []
    assert [line.partition(" survivors")[0] for line in worse(path, ["a", "b", "c"], {"a": 2, "b": 1, "c": 1})] == [
        "a: found 2",
        "c: found 1",
    ]


def test_every_equivalent_survivor_has_a_reason() -> None:
    assert [one for one in equivalents() if not one.reason.strip()] == []


def test_a_vignette_may_state_exactly_the_branches_and_the_blocks() -> None:
    one = next(found for found in knowledge().rules if found.card and any(branch.blocks for branch in found.branches))
    vignette = next(found for found in one.vignettes if found.expect == "fires")
    tried = trial(one)
    finding, made = tried.said(None, tried.case(vignette))
    assert finding is not None
    assert "expected exactly" in problem_of(replace(vignette, branches=("another",)), finding, made)
    assert "expected exactly blocked:water" in problem_of(replace(vignette, blocks=("water",)), finding, made)
    assert "expected exactly fact:rain" in problem_of(replace(vignette, concludes=("rain",)), finding, made)
    assert problem_of(replace(vignette, branches=finding.branches), finding, made) == ""
    assert "expected exactly nothing" in problem_of(replace(vignette, blocks=()), finding, made | {"blocked:water"})


def test_a_vignette_may_state_what_could_not_be_checked() -> None:
    one = rule("man-block-bleeding")
    vignette = one.vignettes[0]
    tried = trial(one)
    finding, made = tried.said(None, tried.case(vignette))
    assert finding is not None
    sure = replace(finding, not_checked=())
    assert problem_of(replace(vignette, not_checked=("cough",)), sure, made) == "found nothing not checked, expected cough"
    unsure = replace(finding, not_checked=(NotChecked("answer:cough", "not in the record", "Observation"),))
    assert problem_of(replace(vignette, not_checked=("cough",)), unsure, made) == ""
    assert "found cough not checked, expected rain" in problem_of(replace(vignette, not_checked=("cough", "rain")), unsure, made)


def test_a_silent_branch_can_be_stated_too() -> None:
    one = rule("man-block-dvt")
    [clot] = [branch for branch in one.branches if branch.id == "clot"]
    patient = {"age": 60, "diagnoses": [{"concept": "dvt", "onset": "-10 days", "recorded": "-10 days"}]}
    vignette = replace(one.vignettes[0], hook="patient-view", patient=patient, expect="silent", branch=None, indicator=None, suggests=())
    tried = trial(one)
    said = tried.said(None, tried.case(vignette))
    assert problem_of(replace(vignette, blocks=clot.blocks, concludes=clot.concludes), *said) == ""


def test_what_a_condition_looks_for_is_built_at_its_border_and_beside_it() -> None:
    leaf = Leaf((("lab", "creatine-kinase"), ("upper_limits_above", 10), ("within", "7 days")), False)
    found = list(satisfying(leaf, knowledge(), DICE))
    assert {section for section, _ in found} == {"labs"}
    assert {entry.get("when") for _, entry in found} == {None, "-6 days", "-7 days", "-8 days"}
    assert {entry["value"] for _, entry in found} == {1800, 2000, 2200}
    assert list(satisfying(Leaf((("age_from", "12 years"),), False), knowledge(), DICE)) == []


def test_a_proposed_patient_has_nothing_that_could_go() -> None:
    one = rule("mmn-no-steroids-no-plex")
    tried = trial(replace(one, vignettes=one.vignettes[:2]))
    alive = [outcome.mutant for outcome in tried.run() if not outcome.caught and outcome.mutant.kind == "flip"]
    found = propose(tried, alive, Pool(knowledge().rules), 1.0, one.id)
    assert found
    for vignette in found:
        assert vignette.name == f"pinned: {in_words(dict(vignette.patient), vignette.hook)}"
    patient: dict[str, object] = {
        "labs": [{"concept": "sodium", "value": 129, "unit": "mmol/L", "when": "-1 day"}],
        "unread": ["Condition"],
    }
    assert list(smaller(patient)) == [
        {"unread": ["Condition"]},
        {"labs": [{"concept": "sodium", "when": "-1 day"}], "unread": ["Condition"]},
        {"labs": [{"concept": "sodium", "value": 129, "unit": "mmol/L"}], "unread": ["Condition"]},
        {"labs": [{"concept": "sodium", "value": 129, "unit": "mmol/L", "when": "-1 day"}]},
    ]


def test_a_hook_that_hears_the_rule_all_the_same_is_no_fault() -> None:
    bare = trial(replace(rule("em-cord-cauda"), vignettes=()))
    assert {outcome.mutant.change for outcome in bare.run() if outcome.mutant.kind == "hook"} == {"without patient-view"}


def test_a_member_that_no_vignette_needs_is_caught_by_the_pinned_lists() -> None:
    name, member = min(pinned())
    tried = (Tried(f"member: {name}: without {member}", "member", False, "", ""), Tried("member: x: without y", "member", False, "", ""))
    numbers = figures([Result("r", "d", 1.0, tried)], [])
    assert numbers["members"].caught == 0
    assert numbers["members, with the pinned lists"].caught == 1
