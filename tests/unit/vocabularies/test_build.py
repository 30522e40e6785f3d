"""One index from several releases: whole or not at all, going on where a build stopped, refused when it does not fit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cds_hooks.errors import SettingsError
from cds_hooks.settings import Settings
from cds_hooks.vocabularies import index
from cds_hooks.vocabularies.build import Built, Step, build, quiet, stamp
from cds_hooks.vocabularies.rows import Tick, VocabularyError
from cds_hooks.vocabularies.seeds import Seeds, packaged_lists
from cds_hooks.vocabularies.start import load_vocabularies
from rules.expansion import Coded
from rules.terminology import RXNORM, SNOMED
from tests.support.releases import seed, seeds, write_rf2, write_rrf

OURS = seeds([seed(10, "a")], [seed(1, "b")], ["G70.00", "G70.99"])
ORDER = "02601 G70     0 Myasthenia gravis and other myoneural disorders              Myasthenia gravis and other myoneural disorders\n"
ORDER += "02602 G7000   1 Myasthenia gravis without (acute) exacerbation               Myasthenia gravis without (acute) exacerbation\n"


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    write_rf2(tmp_path / "rf2", [10, 11], [(11, 10)], [])
    write_rrf(tmp_path / "rrf", {1: ("IN", "b"), 2: ("SCD", "b Oral Tablet")}, [(2, "has_ingredient", 1)])
    (tmp_path / "icd10cm_order_2026.txt").write_text(ORDER, encoding="ascii")
    return tmp_path


def built(folder: Path, step: Step = quiet, ours: Seeds = OURS) -> Built:
    return build(
        folder / "codes.sqlite3",
        ours,
        snomed=[folder / "rf2"],
        rxnorm_folder=folder / "rrf",
        icd=folder / "icd10cm_order_2026.txt",
        step=step,
    )


class Breaking:
    """Stops the build in the middle of one step, as Ctrl+C does; keeps the titles of the steps."""

    def __init__(self, title: str = "") -> None:
        self.title = title
        self.seen: list[str] = []

    @contextmanager
    def __call__(self, title: str, _size: int) -> Iterator[Tick]:
        self.seen.append(title)

        def tick(_done: int) -> None:
            if title == self.title:
                raise KeyboardInterrupt

        yield tick
        if title == self.title:
            raise KeyboardInterrupt


def test_releases_end_up_in_one_index_that_says_what_it_is(releases: Path) -> None:
    done = built(releases)
    assert index.header(releases / "codes.sqlite3") == done.header
    assert [(one.system, one.version, one.codes) for one in done.header.releases if one.codes] == [
        (SNOMED, "INT_20260701", 2), (RXNORM, "unknown", 2),
    ]  # fmt: skip
    assert done.header.digest == "digest"
    assert done.header.tool.startswith("neuromuscular-cds ")
    assert [(gap.code, gap.why) for gap in done.gaps] == [("G70.99", "not in this release")]
    assert {path.name for path in releases.iterdir()} == {"rf2", "rrf", "icd10cm_order_2026.txt", "codes.sqlite3"}


@pytest.mark.parametrize("title", ["sct2_Relationship_Snapshot_INT_20260701.txt", "RXNREL.RRF", "SNOMED CT: subtypes"])
def test_a_build_that_was_broken_off_leaves_no_index_and_goes_on_with_what_it_had_read(releases: Path, title: str) -> None:
    stopped = Breaking(title)
    with pytest.raises(KeyboardInterrupt):
        built(releases, stopped)
    assert not (releases / "codes.sqlite3").exists()
    again = Breaking()
    done = built(releases, again)
    whole = [one for one in stopped.seen[:-1] if one.endswith((".txt", ".RRF")) and not one.startswith("icd")]
    assert [path.name for path in done.kept] == whole
    assert not set(whole) & set(again.seen)
    assert {row.code for row in index.read(releases / "codes.sqlite3")} == {1, 2, 10, 11}


def test_an_index_that_is_broken_off_while_it_is_written_leaves_nothing(tmp_path: Path) -> None:
    def rows() -> Iterator[Coded]:
        yield Coded(SNOMED, 10, frozenset("a"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.write(tmp_path / "codes.sqlite3", stamp("digest", []), rows(), [])
    assert not list(tmp_path.iterdir())


def test_a_build_with_other_inputs_begins_again(releases: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        built(releases, Breaking("RXNREL.RRF"))
    write_rf2(releases / "rf2", [10, 11, 12], [(11, 10), (12, 10)], [])
    done = built(releases)
    assert not done.kept
    assert {row.code for row in index.read(releases / "codes.sqlite3") if row.system == SNOMED} == {10, 11, 12}


def test_a_work_file_that_is_no_database_is_replaced(releases: Path) -> None:
    (releases / "codes.sqlite3.partial").write_bytes(b"not a database, certainly not one" * 100)
    assert not built(releases).kept


def test_a_failed_build_leaves_the_earlier_index_as_it_was(releases: Path) -> None:
    built(releases)
    before = (releases / "codes.sqlite3").read_bytes()
    path = releases / "rrf" / "rrf" / "RXNREL.RRF"
    path.write_text("one field\n", encoding="ascii")
    with pytest.raises(VocabularyError, match=r"RXNREL\.RRF: line 1"):
        built(releases)
    assert (releases / "codes.sqlite3").read_bytes() == before


def test_an_order_file_with_other_columns_is_an_error(releases: Path) -> None:
    (releases / "icd10cm_order_2026.txt").write_text(ORDER + "G7001 Myasthenia gravis\n", encoding="ascii")
    with pytest.raises(VocabularyError, match=r"icd10cm_order_2026\.txt: line 3: found 'G7001 Myasthenia gravis'"):
        built(releases)
    (releases / "icd10cm_order_2026.txt").unlink()
    with pytest.raises(VocabularyError, match="found no such file"):
        built(releases)


def test_an_index_that_cannot_be_written_is_an_error(releases: Path) -> None:
    (releases / "codes.sqlite3").mkdir()
    with pytest.raises(VocabularyError, match=r"codes\.sqlite3: cannot be written"):
        built(releases)


def settings(path: Path) -> Settings:
    return Settings.load({"NMCDS_CODES_FILE": str(path)})


def refusal(path: Path) -> str:
    with pytest.raises(SettingsError) as found:
        load_vocabularies(settings(path))
    return str(found.value)


def test_the_service_takes_an_index_for_its_own_lists(releases: Path) -> None:
    built(releases, ours=Seeds.of(packaged_lists()))
    found = load_vocabularies(settings(releases / "codes.sqlite3"))
    assert [one.version for one in found.releases] == ["2026", "INT_20260701", "unknown"]
    assert not found.problems
    assert not list(found.rows())  # none of these codes is on our lists


def test_without_a_setting_there_is_nothing_to_load() -> None:
    assert not list(load_vocabularies(Settings()).rows())


def test_the_service_refuses_an_index_for_other_lists_and_says_what_to_do(releases: Path) -> None:
    built(releases)
    message = refusal(releases / "codes.sqlite3")
    assert "NMCDS_CODES_FILE: codes.sqlite3: found an index for other code lists" in message
    assert "build it again with `nmcds codes build`" in message


def test_the_service_refuses_what_is_no_index_or_one_of_another_format(releases: Path) -> None:
    wrong = releases / "wrong.sqlite3"
    wrong.write_bytes(b"x" * 5000)
    assert "found no readable index" in refusal(wrong)
    built(releases)
    with sqlite3.connect(releases / "codes.sqlite3") as file:
        file.execute("UPDATE about SET value = '0' WHERE name = 'format'")
    file.close()
    assert "found index format '0', expected '1'" in refusal(releases / "codes.sqlite3")


def test_the_digest_changes_with_the_codes_and_not_with_their_display() -> None:
    lists = packaged_lists()
    assert Seeds.of(lists).digest == Seeds.of(packaged_lists()).digest
    shown = tuple(replace(row, display="another name") for row in lists.rows)
    assert Seeds.of(replace(lists, rows=shown)).digest == Seeds.of(lists).digest
    fewer = tuple(row for row in lists.rows if row.code != "91637004")
    assert Seeds.of(replace(lists, rows=fewer)).digest != Seeds.of(lists).digest
    loinc = tuple(row for row in lists.rows if row.system != "http://loinc.org")
    assert Seeds.of(replace(lists, rows=loinc)).digest == Seeds.of(lists).digest
