"""The guide for reviewers is followed word for word: its commands, its edits, its promised output."""

from __future__ import annotations

import re
import shlex
import shutil
from functools import cache
from pathlib import Path

import pytest
import tomli

from cds_hooks import cli
from fhir_fixtures import patients
from rules.knowledge import Knowledge

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "add-a-rule.md").read_text(encoding="utf-8")
WORKED = GUIDE[GUIDE.index("## Worked example") : GUIDE.index("## Into the service")]
STEP = re.compile(r"^```(?P<kind>sh|toml|text)\n(?P<body>.*?)^```|Change `(?P<old>[^`]+)` to\s+`(?P<new>[^`]+)`", re.MULTILINE | re.DOTALL)
PART = re.compile(r"^# ---- \d\. .*? ----$", re.MULTILINE)
ENDS = [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]
"""The exit code of each command: the test with a mistake and the comparison find something."""


def run(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str]:
    """Exit code and output of one command of the guide."""
    words = shlex.split(line)
    if words[:2] == ["cp", "-r"]:
        shutil.copytree(words[2], words[3])
        return 0, ""
    assert words.pop(0) == ".venv/bin/nmcds", line
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["nmcds", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out + captured.err


def edit(file: Path, block: str) -> None:
    """Replace the part of the file that the block begins with, or add the block at the end."""
    text = file.read_text(encoding="utf-8")
    heading = PART.match(block)
    if heading is None:
        file.write_text(text + "\n" + block, encoding="utf-8")
        return
    start = text.index(heading.group())
    following = PART.search(text, start + 1)
    file.write_text(text[:start] + block + "\n" + (text[following.start() :] if following else ""), encoding="utf-8")


@pytest.mark.slow
def test_a_clinician_who_follows_the_guide_word_for_word_gets_what_it_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    shutil.copytree(ROOT / "rules" / "pathways", tmp_path / "rules" / "pathways")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NMCDS_ENGINE", "reference")
    monkeypatch.setattr("rules.load.tomli.loads", cache(tomli.loads))  # a dozen commands read the same files
    monkeypatch.setattr("cds_hooks.commands.diff.patients", lambda: tuple(one for one in patients() if "dystrophy" in one.name))
    file = tmp_path / "my-rules" / "referral" / "heart" / "dm-ecg-yearly.toml"
    said = ""
    ended: list[int] = []
    for step in STEP.finditer(WORKED):
        body = step["body"]
        if step["old"]:
            text = file.read_text(encoding="utf-8")
            assert text.count(step["old"]) == 1
            file.write_text(text.replace(step["old"], step["new"]), encoding="utf-8")
        elif step["kind"] == "toml":
            edit(file, body)
        elif step["kind"] == "sh":
            codes, outputs = zip(*(run(capsys, line) for line in body.splitlines()), strict=True)
            said = " ".join("".join(outputs).split())
            ended += codes
        else:
            for line in body.splitlines():
                assert " ".join(line.split()) in said
    assert ended == ENDS
    assert Knowledge.load(tmp_path / "my-rules", engine="reference", drafts=frozenset({"dm-ecg-yearly"})).rule("dm-ecg-yearly")
