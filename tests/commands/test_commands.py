"""The commands as a user calls them: exit code, tables, JSON, and clear words when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cds_hooks import cli
from fhir_fixtures import patient


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and error output of one command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["nmcds", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Exit code and parsed output of a command with --json."""
    code, out, _ = run(capsys, *arguments, "--json")
    return code, json.loads(out)


def test_a_fixture_gets_its_cards(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "--fixture", "mg_crisis")
    assert code == 0
    assert "mg-crisis-urgent" in out


def test_why_shows_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "--fixture", "mg_crisis", "--why")
    assert code == 0
    assert "fires" in out


def test_a_bundle_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps(patient("als_new").bundle), encoding="utf-8")
    code, found = as_json(capsys, "check", str(bundle), "--hook", "patient-view", "--on", "2026-11-22")
    assert code == 0
    assert "ref-als-mdt" in json.dumps(found)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["check"], 2, "expected exactly one"),
        (["check", "--fixture", "nobody"], 2, "nobody"),
        (["check", "missing.json"], 2, "missing.json"),
        (["explain", "mg-crisis"], 2, "mg-crisis-urgent"),
        (["rules", "show", "nothing-like-it"], 2, "nothing-like-it"),
        (["rules", "list", "--hook", "patient-vew"], 2, "patient-view"),
    ],
)
def test_a_wrong_command_says_what_to_do(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str) -> None:
    found, out, err = run(capsys, *arguments)
    assert found == code
    assert words in " ".join((out + err).split())


def test_a_file_that_is_no_bundle_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    code, out, err = run(capsys, "check", str(broken))
    assert code == 2
    assert "broken.json" in "".join((out + err).split())


def test_rules_are_listed_by_hook(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = as_json(capsys, "rules", "list", "--hook", "appointment-book")
    assert code == 0
    assert found
    assert all("appointment-book" in rule["hooks"] for rule in found)


def test_one_rule_is_tested_by_its_vignettes(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = as_json(capsys, "rules", "test", "em-cord-cauda")
    assert code == 0
    assert found["vignettes"] > 0
    assert found["failed"] == []


def test_a_folder_with_a_broken_rule_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text('id = "broken"\n', encoding="utf-8")
    code, found = as_json(capsys, "rules", "lint", "--rules", str(tmp_path))
    assert code == 1
    assert any("broken.toml" in problem for problem in found["problems"])


def test_fixtures_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "fixtures")
    assert code == 0
    assert "mg_crisis" in out


def test_coverage_counts_every_specified_rule(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = as_json(capsys, "rules", "coverage")
    assert code == 0
    assert {name: numbers["specified"] for name, numbers in found["specifications"].items()} == {
        "immunotherapy": 99,
        "analgesia": 55,
        "referral": 114,
    }
    assert found["problems"] == []
    assert found["outside"] == ["dq-codings-disagree"]  # a question about the record, not about medicine


def test_the_knowledge_is_written_as_fhir_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "fhir", "export", "--out", str(tmp_path / "out"))
    assert code == 0
    assert "321 PlanDefinition" in out
    assert (tmp_path / "out" / "PlanDefinition" / "mg-gen-first-line.json").is_file()
    (tmp_path / "file").write_text("")
    code, _, err = run(capsys, "fhir", "export", "--out", str(tmp_path / "file" / "sub"))
    assert code == 2
    assert "cannot be written" in err


def test_coverage_says_what_missing_codes_do_and_what_cures_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "rules", "coverage")
    assert code == 0
    assert "effect" in out
    assert "nmcds codes questionnaire" in " ".join(out.split())


def test_the_shipped_codes_are_verified(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = as_json(capsys, "codes", "verify")
    assert (code, found["problems"]) == (0, [])


def test_a_site_map_is_linted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "codes", "lint", str(Path(cli.__file__).parents[1] / "docs" / "how-to" / "site-codes-example.csv"))
    assert code == 0
    assert "no problems: 5 codes" in out
    wrong = tmp_path / "site.csv"
    wrong.write_text("system,code,concept\nhttps://hospital.example.org/lab,A1,mipp\n", encoding="utf-8")
    code, out, err = run(capsys, "codes", "lint", str(wrong))
    assert code == 1
    assert "site.csv: line 2: concept: found 'mipp'" in err
    assert as_json(capsys, "codes", "lint", str(wrong))[1]["codes"] == 0


def test_a_wrong_site_map_stops_every_command_that_loads_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "site.csv"
    wrong.write_text("system,code,concept\nhttps://hospital.example.org/lab,A1,mipp\n", encoding="utf-8")
    monkeypatch.setenv("NMCDS_SITE_CODES_FILE", str(wrong))
    code, _, err = run(capsys, "rules", "list")
    assert code == 3
    assert "did you mean mip" in err
    assert "nmcds codes lint" in err


def test_our_own_codes_and_questionnaires_are_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMCDS_ENGINE", "reference")
    code, out, _ = run(capsys, "codes", "questionnaire", "respiratory")
    assert (code, json.loads(out)["resourceType"]) == (0, "Questionnaire")
    code, out, _ = run(capsys, "codes", "codesystem")
    assert (code, json.loads(out)["content"]) == (0, "fragment")
    code, _, err = run(capsys, "codes", "questionnaire", "respiratry")
    assert code == 2
    assert "did you mean respiratory?" in err
