"""The lock of the knowledge: what is meaning and what is not, and what each kind of change is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds_hooks.commands.lock import HOME, entries, lock
from cds_hooks.commands.output import StopError
from rules.lock import Entry, parse, problems, render, rule_digest

RULE = "pathways/immunotherapy/myasthenia/x-rule.toml"
TEXT = """# a comment
id = "x-rule"
version = "1.0.0"
status = "active"
[when]
all = [{ diagnosis = "als" }]
[card]
summary = "A summary"
[review]
next = 2027-01-01
[[vignette]]
name = "one"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A small knowledge, locked."""
    (tmp_path / RULE).parent.mkdir(parents=True)
    (tmp_path / RULE).write_text(TEXT)
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes/drugs.csv").write_text("system,code\nx,1\n")
    (tmp_path / "leaflets").mkdir()
    (tmp_path / "leaflets/page.md").write_text("A page.\n")
    (tmp_path / "settings.toml").write_text("[thresholds]\na = 1\n")
    assert lock(check=False, home=tmp_path) == 0
    return tmp_path


def change(home: Path, old: str, new: str, name: str = RULE) -> None:
    text = (home / name).read_text()
    assert old in text
    (home / name).write_text(text.replace(old, new))


def told(capsys: pytest.CaptureFixture[str], home: Path, *, check: bool = True) -> tuple[int, str]:
    capsys.readouterr()
    code = lock(check=check, home=home)
    captured = capsys.readouterr()
    return code, " ".join((captured.err + captured.out).split())


def test_the_packaged_knowledge_has_a_lock() -> None:
    """That it fits is a step of `make check`."""
    assert len(parse((HOME / "knowledge.lock").read_text(encoding="utf-8"))) > 300


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another one"),
        ('all = [{ diagnosis = "als" }]', 'all   = [\n  { diagnosis = "als" },\n]'),
        ("next = 2027-01-01", "next = 2028-01-01"),
        ('name = "one"', 'name = "two"'),
    ],
)
def test_layout_comments_reviews_and_vignettes_are_no_meaning(home: Path, capsys: pytest.CaptureFixture[str], old: str, new: str) -> None:
    change(home, old, new)
    assert told(capsys, home)[0] == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [('"als"', '"cidp"'), ('"A summary"', '"A summary."'), ('"active"', '"retired"'), ("[card]", '[then]\nblocks=["x"]\n[card]')],
)
def test_changed_meaning_without_a_new_version_is_refused_and_cannot_be_locked(
    home: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    change(home, old, new)
    before = (home / "knowledge.lock").read_text()
    for check in (True, False):
        code, text = told(capsys, home, check=check)
        assert code == 1
        assert "x-rule: changed since it was locked as 1.0.0; raise its version" in text
        assert "`nmcds rules lock`" in text
    assert (home / "knowledge.lock").read_text() == before


def test_a_new_version_is_locked_after_it_was_said_that_it_is_not(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(home, '"als"', '"cidp"')
    change(home, '"1.0.0"', '"1.1.0"')
    code, text = told(capsys, home)
    assert (code, "x-rule: 1.1.0 is newer than its lock; run `nmcds rules lock`" in text) == (1, True)
    assert told(capsys, home, check=False)[0] == 0
    assert told(capsys, home)[0] == 0


def test_a_version_never_goes_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(home, '"1.0.0"', '"1.10.0"')
    lock(check=False, home=home)
    change(home, '"1.10.0"', '"1.9.0"')
    code, text = told(capsys, home)
    assert code == 1
    assert "x-rule: found version 1.9.0, expected 1.10.0 or higher" in text


def test_a_new_rule_is_named_until_it_is_locked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "pathways/new-rule.toml").write_text(TEXT.replace("x-rule", "new-rule"))
    code, text = told(capsys, home)
    assert (code, "new-rule: 1.0.0 is not locked yet" in text) == (1, True)
    assert told(capsys, home, check=False)[0] == 0


def test_a_rule_may_be_retired_but_not_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / RULE).unlink()
    for check in (True, False):
        code, text = told(capsys, home, check=check)
        assert code == 1
        assert 'x-rule: locked as 1.0.0 and gone; keep the file and set status = "retired"' in text


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("codes/drugs.csv", "x,1", "x,2"), ("settings.toml", "a = 1", "a = 2"), ("leaflets/page.md", "A page", "Another page")],
)
def test_a_changed_list_needs_a_new_version_of_the_knowledge(
    home: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str
) -> None:
    change(home, old, new, name)
    code, text = told(capsys, home)
    assert code == 1
    assert f"{name}: changed since it was locked as" in text
    assert "raise VERSION in rules/knowledge.py" in text
    newer = entries(home, "2099.1.0")
    assert problems(parse((home / "knowledge.lock").read_text()), newer) == []


def test_a_file_that_cannot_be_read_stops_with_its_name(home: Path) -> None:
    (home / RULE).write_text("no toml")
    with pytest.raises(StopError, match=r"x-rule\.toml"):
        lock(check=True, home=home)
    shutil.copy(HOME / "settings.toml", home / RULE)
    (home / "knowledge.lock").write_text("x-rule 1.0.0\n")
    with pytest.raises(StopError, match="line 1"):
        lock(check=True, home=home)


def test_a_lock_reads_as_it_was_written() -> None:
    written = {"b": Entry("1.0.0", rule_digest({"id": "b"})), "a": Entry("2", "0" * 64)}
    assert parse(render(written)) == written
    assert rule_digest({"id": "b", "version": "2"}) == written["b"].digest


def test_the_lock_keeps_the_changelog_lines_of_rules_and_tells_when_they_are_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "rules"
    (home / RULE).parent.mkdir(parents=True)
    (home / RULE).write_text(TEXT)
    (home / "settings.toml").write_text("[thresholds]\na = 1\n")
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("## 0.1.0\n\n- x-rule 1.0.0: a first line.\n")
    assert told(capsys, home, check=False)[0] == 0
    assert "x-rule,1.0.0,0.1.0,a first line." in (home / "history.csv").read_text()
    assert told(capsys, home)[0] == 0
    changelog.write_text("## 0.1.0\n\n- x-rule 1.0.0: another line.\n")
    code, text = told(capsys, home)
    assert (code, "history.csv: does not say what CHANGELOG.md says" in text) == (1, True)
    changelog.write_text("## 0.1.0\n\n- y-rule 1.0.0: nobody.\n")
    assert "'y-rule', which no rule is" in told(capsys, home, check=False)[1]
