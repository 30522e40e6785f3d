"""What someone who writes rules uses: a new file, names, failures that explain themselves, and what a change does to others."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import tomli

from cds_hooks.commands import diff as diff_module
from cds_hooks.commands.diff import changes
from cds_hooks.commands.edit_rule import WHAT, parts
from cds_hooks.commands.hints import hints_of
from cds_hooks.commands.loading import PACKAGED
from cds_hooks.commands.voices import Heard, Shown, Voice, from_json, to_json
from fhir_fixtures import patients
from rules.knowledge import Knowledge
from tests.commands.test_commands import as_json, run

PARSED = cache(tomli.loads)
TOLD = ("--pathway", "referral", "--diagnosis", "myasthenia-gravis", "--source", "S-MG2020", "--title", "A title", "--author", "A. Author")
NEW = ("rules", "new", "mg-made-up", "--area", "immunotherapy/mg", *TOLD)


@pytest.fixture(autouse=True)
def quick_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """These commands load knowledge often: the reference engine starts at once, and a file that is read again is not parsed again."""
    monkeypatch.setenv("NMCDS_ENGINE", "reference")
    monkeypatch.setattr("rules.load.tomli.loads", PARSED)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A folder with a rule of its own and nothing else, so that it loads at once."""
    folder = tmp_path / "few"
    (folder / "referral").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("stage", ["safety", "pathway", "monitoring"])
@pytest.mark.parametrize("diagnosis", ["myasthenia-gravis", "VS-MG", "vs-nmd", "musk-myasthenia"])
def test_a_new_rule_is_a_valid_draft_whose_vignettes_pass(
    capsys: pytest.CaptureFixture[str], few: Path, stage: str, diagnosis: str
) -> None:
    told = [diagnosis if word == "myasthenia-gravis" else word for word in NEW]
    code, out, _ = run(capsys, *told, "--stage", stage, "--hook", "order-sign", "--hook", "patient-view", "--rules", str(few))
    assert code == 0
    assert "mg-made-up.toml" in out.replace("\n", "")
    knowledge = Knowledge.load(few, engine="reference")
    rule = knowledge.rule("mg-made-up")
    assert rule is not None
    assert (rule.status, rule.stage, sorted(rule.hooks)) == ("draft", stage, ["order-sign", "patient-view"])
    assert knowledge.rules == ()
    code, found = as_json(capsys, "rules", "test", "mg-made-up", "--rules", str(few))
    assert (code, found["vignettes"], found["failed"]) == (0, 5, [])


def test_words_with_quotes_and_signs_stay_a_valid_file(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    title = 'The "new" µ-rule \\ ’21'
    told = [title if word == "A title" else word for word in NEW]
    assert run(capsys, *told, "--rules", str(few))[0] == 0
    rule = Knowledge.load(few, engine="reference").rule("mg-made-up")
    assert rule is not None
    assert rule.title == title


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("mg-made-up", "mg-gen-first-line", "expected an id that no rule has"),
        ("mg-made-up", "MG_made_up", "expected small letters"),
        ("mg-made-up", "mg-" + "a" * 64, "at most 64 characters"),
        ("immunotherapy/mg", "immunotherapy/mgg", "did you mean immunotherapy/mg"),
        ("immunotherapy/mg", "../outside", "the name of an area"),
        ("referral", "referal", "did you mean referral"),
        ("S-MG2020", "S-MG202O", "did you mean S-MG2020"),
        ("myasthenia-gravis", "myastenia-gravis", "did you mean myasthenia-gravis"),
        ("myasthenia-gravis", "prednisone", "expected a diagnosis"),
        ("A title", "A title " * 20, "expected fewer than 140"),
        ("A. Author", "", "found no --author"),
    ],
)
def test_a_new_rule_that_would_be_wrong_is_refused_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], few: Path, old: str, new: str, words: str
) -> None:
    code, _, err = run(capsys, *(new if word == old else word for word in NEW), "--rules", str(few))
    assert code == 2
    assert words in " ".join(err.split())
    assert list(few.rglob("*.toml")) == []


def test_an_unknown_hook_is_refused(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    code, _, err = run(capsys, *NEW, "--hook", "patient-vew", "--rules", str(few))
    assert (code, "did you mean patient-view" in err) == (2, True)


def test_what_is_not_given_is_asked_for_on_a_terminal(
    capsys: pytest.CaptureFixture[str], few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["referral", "A title", "myasthenia-gravis", "S-MG2020", "A. Author"])
    asked: list[str] = []

    def prompt(question: str) -> str:
        asked.append(question)
        return {"Title": "A title", "Pathway": "referral", "Diagnosis": "myasthenia-gravis", "Source": "S-MG2020", "Author": "A. Author"}[
            question.replace(",", " ").split()[0]
        ]

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", prompt)
    assert run(capsys, *NEW[:5], "--rules", str(few))[0] == 0
    assert len(asked) == len(list(answers))


def test_names_are_found_by_words_labels_and_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = as_json(capsys, "rules", "names", "myasth")
    assert code == 0
    by_name = {one["name"]: one for one in found}
    assert by_name["myasthenia-gravis"]["write"] == '{ diagnosis = "myasthenia-gravis" }'
    assert ["http://hl7.org/fhir/sid/icd-10-cm", "G70.00"] in [one[:2] for one in by_name["myasthenia-gravis"]["codes"]]
    assert by_name["S-MG2020"]["kind"] == "source"
    _, found = as_json(capsys, "rules", "names", "G70.80")
    assert "lambert-eaton" in {one["name"] for one in found}
    _, found = as_json(capsys, "rules", "names", "mg", "generalized")
    assert {"name": "mg-generalized", "kind": "fact"}.items() <= found[-1].items()


def test_one_name_is_told_with_its_codes_and_an_unknown_one_with_its_neighbours(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "rules", "names", "fvc-volume")
    assert code == 0
    assert "http://loinc.org 19868-9" in " ".join(out.split())
    code, _, err = run(capsys, "rules", "names", "prednisonne")
    assert (code, "did you mean prednisone" in err) == (2, True)


FAILURES = (
    ('{ age = 45, diagnoses = [{ concept = "myasthenia-gravis", verification = "refuted" }] }', "no: diagnosis: Myasthenia gravis (any)"),
    ('{ diagnoses = ["myasthenia-gravis"] }', "unknown: age 18 years or older [missing: age"),
    ('{ age = 45, diagnoses = ["myasthenia-gravis"], medications = ["prednisone"] }', "stopped by: takes prednisone"),
)


def test_a_failing_vignette_says_which_condition_decided_and_what_was_missing(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    assert run(capsys, *NEW, "--rules", str(few))[0] == 0
    (file,) = few.rglob("*.toml")
    text = file.read_text(encoding="utf-8")
    text = text.replace(
        '    { diagnosis = "myasthenia-gravis" },\n', '    { diagnosis = "myasthenia-gravis" },\n    { age_from = "18 years" },\n'
    )
    text = text.replace("unless = []", 'unless = [{ med = "prednisone" }]')
    for number, (patient, _) in enumerate(FAILURES):
        text += f'\n[[vignette]]\nname = "wrong {number}"\non = 2026-11-22\nhook = "patient-view"\npatient = {patient}\nexpect = "fires"\n'
    text += '\n[[vignette]]\nname = "other hook"\non = 2026-11-22\nhook = "order-sign"\npatient = { age = 45 }\nexpect = "fires"\n'
    text += '\n[[vignette]]\nname = "too much"\non = 2026-11-22\nhook = "patient-view"\n'
    text += 'patient = { age = 45, diagnoses = ["myasthenia-gravis"] }\nexpect = "silent"\n'
    file.write_text(text, encoding="utf-8")
    code, found = as_json(capsys, "rules", "test", "mg-made-up", "--rules", str(few))
    why = {one["vignette"]: " | ".join(one["why"]) for one in found["failed"]}
    assert code == 1
    for number, (_, words) in enumerate(FAILURES):
        assert words.lower() in why[f"wrong {number}"].lower()
    assert "the rule does not speak at order-sign; its hooks: patient-view" in why["other hook"]
    assert "holds, because of diagnosis: Myasthenia gravis (any) (Condition/condition-1)" in why["too much"]
    _, out, err = run(capsys, "rules", "test", "mg-made-up", "--rules", str(few))
    assert "mg-made-up: wrong 0" in out
    assert "Hint: Unknown is not no" in err


def test_a_proposal_that_was_expected_says_why_it_is_not_there(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    shutil.copytree(PACKAGED / "derive", few / "derive")
    shutil.copytree(PACKAGED / "safety", few / "safety")
    (few / "mg").mkdir()
    text = (PACKAGED / "immunotherapy" / "mg" / "mg-gen-first-line.toml").read_text(encoding="utf-8")
    wanted = 'suggests = ["pyridostigmine", "MG goals with MG-ADL at each visit"]'
    assert wanted in text
    text = text.replace(wanted, 'suggests = ["VS-GC-SYS"]', 1)
    text = text.replace(', { fires = "mg-crisis-urgent" }', "").replace('{ fires = "mg-crisis-urgent" }, { fires = "em-mg-crisis" }, ', "")
    (few / "mg" / "mg-gen-first-line.toml").write_text(text, encoding="utf-8")
    code, found = as_json(capsys, "rules", "test", "mg-gen-first-line", "--rules", str(few))
    assert code == 1
    why = next(one["why"] for one in found["failed"] if one["vignette"] == "generalised myasthenia without treatment")
    assert "not proposed: Corticosteroid (no dose): belongs to branch b" in why


def test_an_active_rule_without_a_patient_it_speaks_for_is_a_problem(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    assert run(capsys, *NEW, "--rules", str(few))[0] == 0
    (file,) = few.rglob("*.toml")
    text = file.read_text(encoding="utf-8")
    text = text.replace('status = "draft" ', 'status = "active" ').replace("draft_reason", "# draft_reason").replace('"fires"', '"silent"')
    file.write_text(text, encoding="utf-8")
    code, found = as_json(capsys, "rules", "lint", "--rules", str(few))
    assert code == 1
    assert any("vignette: found none with expect = fires" in problem for problem in found["problems"])


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('family = "care-gaps"\nalone = ["mian"]', "card.alone: found 'mian', expected one of main"),
        ('alone = ["main"]', "card.alone: expected only beside family"),
    ],
)
def test_a_card_of_its_own_is_for_branches_of_a_rule_that_has_a_family(
    capsys: pytest.CaptureFixture[str], few: Path, written: str, words: str
) -> None:
    assert run(capsys, *NEW, "--rules", str(few))[0] == 0
    (file,) = few.rglob("*.toml")
    file.write_text(file.read_text(encoding="utf-8").replace("[card]\n", f"[card]\n{written}\n"), encoding="utf-8")
    code, found = as_json(capsys, "rules", "lint", "--rules", str(few))
    assert code == 1
    assert any(words in problem for problem in found["problems"])


def test_the_lint_tells_what_to_do(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    (few / "referral" / "broken.toml").write_text('id = "broken"\n[when]\nall = [{ diagnosis = "myastenia" }]\n', encoding="utf-8")
    code, _, err = run(capsys, "rules", "lint", "--rules", str(few))
    assert code == 1
    assert "Hint: `nmcds rules names WORD` finds the names." in err
    assert list(hints_of("a: not readable as TOML: Unclosed array")) != []


VOICE = Voice("a-rule", "1.0.0", "fires", "info", "Do it", ("Because.",), ("A", "B"), (), (), "own card")


def heard(*voices: Voice) -> Heard:
    return Heard("somebody", "patient-view", (Shown("info", "Do it", ("a-rule",)),), voices)


def test_what_was_said_can_be_kept_and_read_again() -> None:
    kept = (heard(VOICE),)
    assert from_json(to_json(kept)) == kept
    for wrong in ("{", "[1]", '[{"patient": "x"}]', '[{"patient": "x", "hook": "h", "cards": [], "voices": [{}]}]'):
        with pytest.raises(ValueError, match=r"^(found|Expecting)"):
            from_json(wrong)


def test_findings_gained_lost_and_changed_are_told_apart() -> None:
    other = Voice("b-rule", "2.0.0", "asks", "info", "Is it so?", (), (), (), ("age (missing)",), "own card")
    changed = Voice("a-rule", "1.1.0", "fires", "warning", "Do it", ("Because.",), ("B", "C"), ("A: blocked (x)",), (), "own card")
    assert changes([heard(VOICE)], [heard(VOICE)]) == []
    (gained,) = changes([heard(VOICE)], [heard(VOICE, other)])
    assert (gained.kind, gained.rule, gained.before, gained.after) == ("gained", "b-rule", "", "2.0.0")
    (lost,) = changes([heard(VOICE, other)], [heard(VOICE)])
    assert lost.kind == "lost"
    (one,) = changes([heard(VOICE)], [heard(changed)])
    assert (one.kind, [part[0] for part in one.parts]) == ("changed", ["indicator", "proposals", "withheld"])
    assert one.parts[1] == ("proposals", ("A", "B"), ("B", "C"))


def test_a_new_version_that_says_the_same_is_no_difference() -> None:
    newer = Voice("a-rule", "9.0.0", *(getattr(VOICE, name) for name in VOICE.__slots__[2:]))
    assert changes([heard(VOICE)], [heard(newer)]) == []


@pytest.fixture
def one_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one invented patient: the whole population is compared by `tools.docs`."""
    monkeypatch.setattr("cds_hooks.commands.diff.patients", lambda: tuple(one for one in patients() if one.name == "mg_generalised_new"))


@pytest.mark.usefixtures("one_patient")
def test_two_folders_a_recorded_file_and_the_packaged_rules_are_compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder, kept = tmp_path / "changed", tmp_path / "kept.json"
    shutil.copytree(PACKAGED, folder)
    file = folder / "immunotherapy" / "mg" / "mg-gen-first-line.toml"
    text = file.read_text(encoding="utf-8").replace('indicator = "info"\nsummary', 'indicator = "warning"\nsummary', 1)
    file.write_text(text.replace('version = "1.1.0"', 'version = "1.2.0"', 1), encoding="utf-8")
    assert run(capsys, "rules", "record", str(kept))[0] == 0
    code, found = as_json(capsys, "rules", "diff", str(kept), "packaged")
    assert (code, found["changes"]) == (0, [])
    code, found = as_json(capsys, "rules", "diff", str(kept), str(folder))
    assert code == 1
    (change,) = [one for one in found["changes"] if one["rule"] == "mg-gen-first-line"]
    assert (change["kind"], change["before"], change["after"]) == ("changed", "1.1.0", "1.2.0")
    assert ["indicator", ["info"], ["warning"]] in change["parts"]
    code, out, _ = run(capsys, "rules", "diff", "packaged", str(folder))
    assert code == 1
    assert "mg-gen-first-line  1.1.0 -> 1.2.0" in out


@pytest.mark.usefixtures("one_patient")
def test_a_git_revision_is_its_rule_files(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "repository" / "rules" / "pathways"
    shutil.copytree(PACKAGED / "derive", home / "derive")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "One"]):
        subprocess.run(["git", "-C", str(home), *words], check=True)
    shutil.rmtree(home / "derive")
    monkeypatch.setattr(diff_module, "PACKAGED", home)
    code, found = as_json(capsys, "rules", "diff", "HEAD", "HEAD")
    assert (code, found["calls"], found["changes"]) == (0, 1, [])
    for wrong in ("no-such-revision", "--output=x"):
        code, _, err = run(capsys, "rules", "diff", "--", wrong, "packaged")
        assert (code, "git revision" in err) == (2, True)


def test_a_file_of_another_kind_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"a": 1}), encoding="utf-8")
    code, _, err = run(capsys, "rules", "diff", str(other), "packaged")
    assert (code, "nmcds rules record" in err) == (2, True)


@pytest.mark.usefixtures("one_patient")
def test_a_draft_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    assert run(capsys, *NEW, "--rules", str(few))[0] == 0
    for wrong in ("mg-made-upp", "mg-gen-first-line"):
        code, _, err = run(capsys, "rules", "diff", "packaged", str(few), "--draft", wrong)
        assert (code, "expected the name of a draft" in err) == (2, True)


def test_edit_says_where_the_file_is_what_stands_where_and_what_to_run(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    run(capsys, *NEW, "--rules", str(few))
    code, out, _ = run(capsys, "rules", "edit", "mg-made-up", "--rules", str(few))
    assert code == 0
    file = few / "immunotherapy" / "mg" / "mg-made-up.toml"
    assert str(file) in out
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if text == "[when]")
    assert f"{line} when every line of all must hold" in " ".join(out.split())
    assert f"nmcds rules test mg-made-up --rules {few}" in out
    assert "Work in a copy" not in out


def test_edit_helps_with_a_file_that_cannot_be_loaded(capsys: pytest.CaptureFixture[str], few: Path) -> None:
    run(capsys, *NEW, "--rules", str(few))
    file = few / "immunotherapy" / "mg" / "mg-made-up.toml"
    file.write_text(file.read_text().replace("[when]", "[when"))
    code, out, err = run(capsys, "rules", "edit", "mg-made-up", "--rules", str(few))
    assert code == 1
    assert "mg-made-up.toml" in err
    assert "Hint: Look for a missing quotation mark" in " ".join(err.split())
    assert "evidence" in out
    (file.parent / "mg-other.toml").write_text(file.read_text())
    file.write_text(file.read_text().replace("[when", "[when]"))
    code, _, err = run(capsys, "rules", "edit", "mg-made-up", "--rules", str(few))
    assert code == 1
    assert "problems in other files" in err
    code, _, err = run(capsys, "rules", "edit", "mg-made-upp", "--rules", str(few))
    assert code == 2
    assert "did you mean mg-made-up?" in " ".join(err.split())


def test_edit_knows_every_part_that_a_rule_file_has(capsys: pytest.CaptureFixture[str]) -> None:
    found = {part for file in PACKAGED.rglob("*.toml") for _, part, _ in parts(file.read_text(encoding="utf-8"))}
    assert found == set(WHAT)
    code, out, _ = run(capsys, "rules", "edit", "mg-gen-first-line")
    assert code == 0
    assert "Work in a copy" in out
