"""What an earlier build said, against what this one says; which changes nobody wrote down."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cds_hooks.commands.diff import Change
from cds_hooks.commands.voices import SILENT_RULES, Heard, Voice
from tools import replay
from tools.replay import CannotReplayError, lines, main, record, unexplained, unpack

BEFORE = """# Changelog

## 0.2.0 (unreleased)

### Knowledge

- `ref-pt 1.0.1`: says so after three months.
- Knowledge 2026.11.0: many rules,
  `dd-mg-avoid` among them.

## 0.1.0 (2026-01-01)

- `ref-ot 1.0.0`: new.
"""


def change(rule: str, kind: str = "changed") -> Change:
    return Change(kind, "somebody", "patient-view", rule, "1.0.0", "1.0.1", (("summary", ("a",), ("b",)),))


def heard(*said: tuple[str, str], patient: str = "somebody") -> Heard:
    voices = tuple(Voice(rule, "1.0.0", "card", "info", summary, (), (), (), (), "own card") for rule, summary in said)
    return Heard(patient, "patient-view", (), voices)


def test_an_entry_is_one_line_however_it_is_wrapped() -> None:
    assert lines(BEFORE) == {
        "`ref-pt 1.0.1`: says so after three months.",
        "Knowledge 2026.11.0: many rules, `dd-mg-avoid` among them.",
        "`ref-ot 1.0.0`: new.",
    }
    assert lines(BEFORE.replace("many rules,\n  `dd", "many\n  rules, `dd")) == lines(BEFORE)


def test_a_changed_finding_without_a_new_line_is_told() -> None:
    assert unexplained([change("ref-pt"), change("dd-mg-avoid"), change("ref-pt", "lost")], BEFORE, BEFORE) == ["dd-mg-avoid", "ref-pt"]


@pytest.mark.parametrize(
    ("line", "enough"),
    [
        ("- `ref-pt 1.0.2`: says so after four months.", True),
        ("- Knowledge 2026.12.0: two rules are\n  clearer, ref-pt and ref-ot.", True),
        ("- `ref-pt-late 1.0.0`: new.", False),
        ("- `dx-ref-pt 1.0.0`: new.", False),
        ("- Physiotherapy is proposed earlier.", False),
        ("- `ref-pt 1.0.1`: says so after\n  three months.", False),
        ("`ref-pt 1.0.2`: not an entry of the list", False),
    ],
)
def test_a_new_line_with_the_id_of_the_rule_is_enough_and_nothing_less(line: str, enough: bool) -> None:
    after = BEFORE.replace("### Knowledge\n\n", f"### Knowledge\n\n{line}\n")
    assert unexplained([change("ref-pt")], BEFORE, after) == ([] if enough else ["ref-pt"])


def test_what_silent_rules_could_not_check_needs_no_line() -> None:
    assert unexplained([change(SILENT_RULES)], BEFORE, BEFORE) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with an earlier commit that lacks nothing, and a later one."""
    place = tmp_path / "repository"
    for name in ("cds_hooks", "rules", "fhir_fixtures", "other"):
        (place / name).mkdir(parents=True)
        (place / name / "file").write_text("earlier", encoding="utf-8")
    (place / "CHANGELOG.md").write_text(BEFORE, encoding="utf-8")
    git = ["git", "-C", str(place), "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"], ["tag", "one"]):
        subprocess.run([*git, *command], check=True)
    (place / "rules" / "file").write_text("later", encoding="utf-8")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "two"], check=True)
    return place


def test_an_earlier_build_is_unpacked_beside_the_present_one(repository: Path, tmp_path: Path) -> None:
    found = unpack(repository, "one", tmp_path / "replay")
    assert sorted(path.name for path in found.iterdir()) == ["CHANGELOG.md", "cds_hooks", "fhir_fixtures", "rules"]
    assert (found / "rules/file").read_text(encoding="utf-8") == "earlier"
    assert (repository / "rules/file").read_text(encoding="utf-8") == "later"


@pytest.mark.parametrize("revision", ["nothing", "", "--output=x", "one:rules"])
def test_a_revision_that_is_none_is_told_with_what_to_do(repository: Path, tmp_path: Path, revision: str) -> None:
    with pytest.raises(CannotReplayError, match="make replay FROM="):
        unpack(repository, revision, tmp_path / "replay")


def test_a_build_that_cannot_record_is_told(repository: Path, tmp_path: Path) -> None:
    place = unpack(repository, "one", tmp_path / "replay")
    (place / "cds_hooks" / "__init__.py").touch()
    (place / "cds_hooks" / "__main__.py").write_text("raise SystemExit(3)", encoding="utf-8")
    with pytest.raises(CannotReplayError, match="could not be asked"):
        record(place)


def test_a_build_records_with_its_own_program(repository: Path, tmp_path: Path) -> None:
    place = unpack(repository, "one", tmp_path / "replay")
    (place / "cds_hooks" / "__init__.py").touch()
    (place / "cds_hooks" / "__main__.py").write_text("import sys\nopen(sys.argv[3], 'w').write('[]')", encoding="utf-8")
    assert record(place) == ()


def test_every_change_is_listed_and_the_exit_code_says_whether_one_lacks_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    for folder in (earlier, now):
        folder.mkdir()
        (folder / "CHANGELOG.md").write_text(BEFORE, encoding="utf-8")
    said = {
        earlier: (heard(("ref-pt", "a"), ("ref-ot", "b"))),
        now: (heard(("ref-pt", "A"), ("ref-ot", "b"))),
    }
    new_patient = heard(("dd-mg-avoid", "c"), patient="new")
    monkeypatch.setattr(replay, "ROOT", now)
    monkeypatch.setattr(replay, "unpack", lambda *_: earlier)
    monkeypatch.setattr(replay, "record", lambda place, *_: (said[place], new_patient) if place == now else (said[place],))
    assert main(["one"]) == 1
    shown = capsys.readouterr().out
    assert "changed ref-pt (1.0.0 -> 1.0.0) for somebody at patient-view: summary" in shown
    assert "1 changed in the 1 calls that both builds know, 1 known to one left out" in shown
    assert "ref-pt: found no new line" in shown
    assert "dd-mg-avoid" not in shown
    (now / "CHANGELOG.md").write_text(BEFORE + "- `ref-pt 1.0.2`: other words.\n", encoding="utf-8")
    assert main(["one"]) == 0
    said[now] = said[earlier]
    assert main(["one"]) == 0
    assert "no difference" in capsys.readouterr().out


def test_a_revision_that_is_none_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-revision"]) == 2
    assert "expected a revision" in capsys.readouterr().err
