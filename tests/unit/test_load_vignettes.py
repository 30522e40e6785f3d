"""Vignettes that are read when they are asked for are those that are read at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli

from rules.examples import Examples
from rules.knowledge import HERE, Knowledge
from rules.load_vignettes import parted
from rules.rule_file import KnowledgeError

FILES = sorted((HERE / "pathways").rglob("*.toml"))
RULE = "mg-gen-first-line"


def test_a_file_is_parted_without_loss() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        head, tail = parted(text)
        assert head + tail == text
        whole = tomli.loads(text)
        assert tomli.loads(tail).get("vignette", []) == whole.pop("vignette", []), path.name
        assert tomli.loads(head) == whole, path.name


@pytest.mark.parametrize(
    "text",
    [
        'id = "r"\n',
        '[[vignette]]\nname = "v"\n[card]\nsummary = "s"\n',
        '[[vignette]]\nname = "v"\n  [[evidence]]\nsource = "s"\n',
    ],
)
def test_a_file_without_vignettes_at_its_end_is_not_parted(text: str) -> None:
    assert parted(text) == (text, "")


def test_the_same_vignettes_come_later_as_at_once() -> None:
    later = Knowledge.load(engine="reference", vignettes_later=True)
    for rule in Knowledge.load(engine="reference").every:
        same = later.rule(rule.id)
        assert same is not None
        assert tuple(same.vignettes) == rule.vignettes
        assert len(same.vignettes) == len(rule.vignettes)
        assert same.vignettes[:1] == rule.vignettes[:1]


UNREADABLE = [('[[vignette]]\nnama = "x"\n', "nama: unknown key"), ("[[vignette]]\nname = \n", "not readable")]


@pytest.mark.parametrize(("bad", "told"), UNREADABLE)
def test_a_vignette_that_cannot_be_read_is_an_error_when_asked_for_and_its_rule_is_silent(tmp_path: Path, bad: str, told: str) -> None:
    for path in FILES:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    file = tmp_path / f"{RULE}.toml"
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{bad}", encoding="utf-8")
    knowledge = Knowledge.load(tmp_path, engine="reference", vignettes_later=True)
    rule = knowledge.rule(RULE)
    assert rule is not None
    with pytest.raises(KnowledgeError, match=told):
        tuple(rule.vignettes)
    assert {name for name, vignette in Examples(knowledge).speaking if vignette is None} == {RULE}
    with pytest.raises(KnowledgeError, match=told):
        Knowledge.load(tmp_path, engine="reference")
