"""`nmcds codes build`, `expand` and `about`, as an operator calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_hooks.vocabularies import index
from cds_hooks.vocabularies.index import Header
from tests.commands.test_commands import as_json, run
from tests.support.releases import write_rf2, write_rrf
from tests.support.terminology_server import VERSION, terminology_server

MG, SUBTYPE = 91637004, 990000000001


@pytest.fixture
def releases(tmp_path: Path) -> list[str]:
    """The options that name two small releases and where the index goes."""
    write_rf2(tmp_path / "rf2", [MG, SUBTYPE], [(SUBTYPE, MG)])
    write_rrf(tmp_path / "rrf", {8640: ("IN", "prednisone")}, [])
    return ["--snomed", str(tmp_path / "rf2"), "--rxnorm", str(tmp_path / "rrf"), "--out", str(tmp_path / "codes.sqlite3")]


def test_a_build_says_what_is_in_the_index_and_what_our_lists_have_more(
    capsys: pytest.CaptureFixture[str], releases: list[str], tmp_path: Path
) -> None:
    code, out, err = run(capsys, "codes", "build", *releases)
    assert code == 0, err
    assert "INT_20260701" in out
    assert "not in this release" in out
    assert "NMCDS_CODES_FILE names it" in out
    assert "sct2_Relationship_Snapshot_INT_20260701.txt" in err  # the progress
    code, found = as_json(capsys, "codes", "about", str(tmp_path / "codes.sqlite3"))
    assert code == 0
    assert found["fits"]
    assert [one["codes"] for one in found["releases"]] == [2, 1]
    assert {"system": "http://snomed.info/sct", "code": "86044005", "why": "not in this release"} in found["gaps"]


def test_an_index_is_not_replaced_unless_asked(capsys: pytest.CaptureFixture[str], releases: list[str]) -> None:
    assert run(capsys, "codes", "build", *releases)[0] == 0
    code, _, err = run(capsys, "codes", "build", *releases)
    assert code == 2
    assert "expected no such file yet" in err
    assert "--force" in err
    assert run(capsys, "codes", "build", *releases, "--force")[0] == 0


def test_a_broken_row_ends_the_build_with_file_and_line(capsys: pytest.CaptureFixture[str], releases: list[str], tmp_path: Path) -> None:
    (tmp_path / "rrf" / "rrf" / "RXNREL.RRF").write_text("too|short\n", encoding="ascii")
    code, _, err = run(capsys, "codes", "build", *releases)
    assert code == 4
    assert "Error: RXNREL.RRF: line 1: found 2 fields, expected 17" in err
    assert "Is the file complete?" in err
    assert not (tmp_path / "codes.sqlite3").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["build", "--out", "x.sqlite3"], 2, "expected --snomed RF2_DIR, --rxnorm RRF_DIR or both"),
        (["build", "--rxnorm", ".", "--out", "nowhere/x.sqlite3"], 2, "expected a file in an existing folder"),
        (["build", "--rxnorm", "nowhere", "--out", "x.sqlite3"], 4, "found no file RXNCONSO.RRF"),
        (["expand", "--out", "x.sqlite3"], 2, "expected --server URL or NMCDS_TERMINOLOGY_SERVER"),
        (["expand", "--server", "http://example.org", "--out", "x.sqlite3"], 2, "expected an https URL"),
        (["about"], 2, "expected FILE or NMCDS_CODES_FILE"),
        (["about", "nowhere.sqlite3"], 4, "found no readable index"),
    ],
)
def test_a_wrong_command_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found, _, err = run(capsys, "codes", *arguments)
    assert found == code
    assert words in " ".join(err.split())


def test_an_index_for_other_lists_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    index.write(tmp_path / "old.sqlite3", Header("another", "an earlier version", "then", ()), [], [])
    code, out, _ = run(capsys, "codes", "about", str(tmp_path / "old.sqlite3"))
    assert code == 1
    assert "built for other code lists" in " ".join(out.split())


def test_a_terminology_server_is_asked_by_hand_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with terminology_server({MG: [MG, SUBTYPE]}) as server:
        out = str(tmp_path / "snomed.sqlite3")
        code, found = as_json(capsys, "codes", "expand", "--server", server.url, "--out", out)
    assert code == 0
    assert [(one["version"], one["source"], one["codes"]) for one in found["releases"]] == [(VERSION, server.url, 2)]
    assert {gap["why"] for gap in found["gaps"]} == {"not in this release"}
