"""RF2 snapshot folders to what each code means: nearest of our codes, retired codes, packages that overrule each other, broken files."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_hooks.vocabularies import index
from cds_hooks.vocabularies.build import Built, build, quiet
from cds_hooks.vocabularies.rows import VocabularyError
from cds_hooks.vocabularies.seeds import Seed
from rules.terminology import SNOMED
from tests.support.releases import (
    EXTENSION,
    OTHER_TYPE,
    POSSIBLY,
    REPLACED_BY,
    SAME_AS,
    seed,
    seeds,
    write_rf2,
)

Meaning = tuple[set[str], set[str]]


def built(folder: Path, *packages: Path, ours: list[Seed]) -> Built:
    return build(folder / "codes.sqlite3", seeds(ours), snomed=packages, rxnorm_folder=None, icd=None, step=quiet)


def meanings(folder: Path, *packages: Path, ours: list[Seed]) -> dict[int, Meaning]:
    built(folder, *packages, ours=ours)
    rows = list(index.read(folder / "codes.sqlite3"))
    assert all(row.system == SNOMED and not row.form for row in rows)
    return {row.code: (set(row.near), set(row.far)) for row in rows}


def failure(folder: Path, *packages: Path, ours: list[Seed] | None = None) -> str:
    with pytest.raises(VocabularyError) as found:
        built(folder, *packages, ours=ours or [seed(10, "a")])
    assert not (folder / "codes.sqlite3").exists()
    return str(found.value)


def test_everything_below_a_code_means_what_the_code_means(tmp_path: Path) -> None:
    write_rf2(tmp_path, [1, 10, 11, 12, 99], [(10, 1), (11, 10), (12, 11), (99, 1)])
    assert meanings(tmp_path, tmp_path, ours=[seed(10, "a")]) == {10: ({"a"}, set()), 11: ({"a"}, set()), 12: ({"a"}, set())}


def test_a_code_that_stands_for_itself_only_gives_nothing_to_its_subtypes(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 11], [(11, 10)])
    assert meanings(tmp_path, tmp_path, ours=[seed(10, "a", below=False)]) == {}


def test_below_a_code_that_stands_for_itself_only_what_is_above_it_is_not_the_nearest(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 20, 30], [(20, 10), (30, 20)])
    found = meanings(tmp_path, tmp_path, ours=[seed(10, "dystrophy, any"), seed(20, "dystrophy with a name", below=False)])
    assert found == {10: ({"dystrophy, any"}, set()), 20: (set(), {"dystrophy, any"}), 30: (set(), {"dystrophy, any"})}


def test_the_nearest_code_is_kept_apart_from_those_further_up(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 20, 21], [(20, 10), (21, 20)])
    found = meanings(tmp_path, tmp_path, ours=[seed(10, "any"), seed(20, "special")])
    assert found == {10: ({"any"}, set()), 20: ({"special"}, {"any"}), 21: ({"special"}, {"any"})}


def test_a_code_below_two_codes_is_both(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 20, 30], [(30, 10), (30, 20)])
    assert meanings(tmp_path, tmp_path, ours=[seed(10, "a"), seed(20, "b")])[30] == ({"a", "b"}, set())


def test_a_second_way_up_does_not_make_a_code_further_up_the_nearest(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 20, 30], [(20, 10), (30, 20), (30, 10)])
    assert meanings(tmp_path, tmp_path, ours=[seed(10, "any"), seed(20, "special")])[30] == ({"special"}, {"any"})


def test_below_a_fixed_code_nothing_further_up_counts(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 20, 30, 15], [(20, 10), (30, 20), (15, 10), (30, 15)])
    found = meanings(tmp_path, tmp_path, ours=[seed(10, "cancer"), seed(20, "skin", fixed=True)])
    assert found[20] == ({"skin"}, set())
    assert found[30] == ({"skin"}, set())
    assert found[15] == ({"cancer"}, set())


def test_inactive_relations_other_relations_and_inactive_concepts_do_not_count(tmp_path: Path) -> None:
    write_rf2(tmp_path, {10: True, 11: True, 12: False, 13: True}, [(11, 10, False), (12, 10), (13, 10)])
    path = next(tmp_path.rglob("sct2_Relationship_*"))
    text = path.read_text(encoding="utf-8")
    path.write_bytes(text.replace("\t13\t10\t0\t116680003", f"\t13\t10\t0\t{OTHER_TYPE}").encode())
    assert set(meanings(tmp_path, tmp_path, ours=[seed(10, "a")])) == {10}


def test_an_extension_overrules_older_rows_of_the_edition_and_adds_its_own(tmp_path: Path) -> None:
    core = write_rf2(tmp_path / "core", [10, 11, 12], [(11, 10), (12, 10)])
    more = write_rf2(
        tmp_path / "more", [12, 50], [(11, 10, False), (12, 10), (50, 12)], package="NL1000146", date="20260930", module=EXTENSION
    )
    assert set(meanings(tmp_path, core, more, ours=[seed(10, "a")])) == {10, 12, 50}
    older = write_rf2(tmp_path / "older", {12: False}, [(11, 10, False)], package="NL1000146", date="20250101", module=EXTENSION)
    (tmp_path / "codes.sqlite3").unlink()
    assert set(meanings(tmp_path, core, older, ours=[seed(10, "a")])) == {10, 11, 12}


def test_a_retired_code_means_what_its_one_successor_means(tmp_path: Path) -> None:
    states = {10: True, 11: True, 90: False, 91: False, 92: False, 93: False, 94: False}
    history = [
        (90, 91, REPLACED_BY), (91, 11, SAME_AS),  # over two steps
        (92, 11, POSSIBLY),  # not certain
        (93, 11, REPLACED_BY), (93, 10, REPLACED_BY),  # two successors
        (94, 94, SAME_AS),
    ]  # fmt: skip
    write_rf2(tmp_path, states, [(11, 10)], history)
    found = meanings(tmp_path, tmp_path, ours=[seed(10, "a")])
    assert found == dict.fromkeys([10, 11, 90, 91], ({"a"}, set()))


def test_the_successor_of_a_retired_code_of_ours_takes_its_place_and_both_are_reported(tmp_path: Path) -> None:
    states = {10: False, 20: True, 21: True, 30: False, 40: True, 41: True, 50: True}
    write_rf2(tmp_path, states, [(21, 20), (41, 40)], [(10, 20, REPLACED_BY), (30, 40, SAME_AS)])
    ours = [seed(10, "a"), seed(30, "b", below=False), seed(60, "c"), seed(50, "d")]
    done = built(tmp_path, tmp_path, ours=ours)
    found = {row.code: set(row.near) for row in index.read(tmp_path / "codes.sqlite3")}
    assert found == {20: {"a"}, 21: {"a"}, 40: {"b"}, 50: {"d"}}
    assert {(gap.code, gap.why) for gap in done.gaps} == {
        ("10", "retired, replaced by 20"), ("30", "retired, replaced by 40"), ("60", "not in this release"),
    }  # fmt: skip
    assert set(index.gaps(tmp_path / "codes.sqlite3")) == set(done.gaps)


def test_a_retired_code_replaced_by_one_of_ours_means_the_same(tmp_path: Path) -> None:
    write_rf2(tmp_path, {10: True, 90: False}, [], [(90, 10, REPLACED_BY)])
    assert meanings(tmp_path, tmp_path, ours=[seed(10, "a", below=False)]) == {90: ({"a"}, set())}


def test_two_of_our_codes_that_became_one_keep_both_concepts(tmp_path: Path) -> None:
    write_rf2(tmp_path, {10: False, 20: True, 21: True}, [(21, 20)], [(10, 20, REPLACED_BY)])
    assert meanings(tmp_path, tmp_path, ours=[seed(10, "a"), seed(20, "b")])[21] == ({"a", "b"}, set())


def test_the_release_is_named_by_package_and_date(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10], [])
    (release,) = built(tmp_path, tmp_path, ours=[seed(10, "a")]).header.releases
    assert (release.version, release.source, release.codes) == ("INT_20260701", "RF2", 1)


def test_a_circle_is_an_error_that_names_a_relation_in_it(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 11, 12], [(11, 10), (12, 11), (11, 12)])
    message = failure(tmp_path, tmp_path)
    assert message.startswith("sct2_Relationship_Snapshot_INT_20260701.txt: line 4: 11 stands above and below 12")


def test_a_circle_out_of_reach_is_no_error(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 11, 12], [(11, 12), (12, 11)])
    assert set(meanings(tmp_path, tmp_path, ours=[seed(10, "a")])) == {10}


def test_a_relation_of_a_concept_that_the_release_does_not_have_is_an_error(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10], [(11, 10)])
    assert failure(tmp_path, tmp_path) == (
        "sct2_Relationship_Snapshot_INT_20260701.txt: line 2: concept 11 is in no concept file of the release"
    )


@pytest.mark.parametrize(
    ("pattern", "old", "new", "words"),
    [
        ("sct2_Concept_*", b"moduleId\tdefinitionStatusId", b"moduleId", "line 1: found the columns"),
        ("sct2_Concept_*", b"11\t20260701\t1\t", b"11\t20260701\t", "line 3: found 4 fields, expected 5"),
        ("sct2_Concept_*", b"11\t20260701\t1\t", b"11\t20260701\tyes\t", "line 3: active: found 'yes', expected 0 or 1"),
        ("sct2_Concept_*", b"11\t2026", b"1x\t2026", "line 3: id: found '1x', expected a number"),
        ("sct2_Concept_*", b"11\t2026", b"1\xff\t2026", "line 3: found a byte that is not UTF-8 at place 2"),
        ("sct2_Relationship_*", b"\t10\t0\t", b"\tten\t0\t", "line 2: destinationId: found 'ten'"),
        ("der2_*", b"targetComponentId", b"target", "line 1: found the columns"),
    ],
)
def test_a_broken_row_is_named_by_file_and_line(tmp_path: Path, pattern: str, old: bytes, new: bytes, words: str) -> None:
    write_rf2(tmp_path, [10, 11], [(11, 10)], [])
    path = next(tmp_path.rglob(pattern))
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    message = failure(tmp_path, tmp_path)
    assert message.startswith(f"{path.name}: ")
    assert words in message


def test_a_missing_folder_or_file_or_a_release_beside_another_is_named(tmp_path: Path) -> None:
    assert "found no folder" in failure(tmp_path, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "found no file Snapshot/Terminology/sct2_Concept_*Snapshot_*.txt" in failure(tmp_path, tmp_path / "empty")
    write_rf2(tmp_path / "both", [10], [])
    write_rf2(tmp_path / "both", [10], [], date="20260101")
    assert "found two releases of INT" in failure(tmp_path, tmp_path / "both")
    empty = write_rf2(tmp_path / "cut", [10], [])
    next(empty.rglob("sct2_Concept_*")).write_bytes(b"")
    assert "line 1: found nothing, expected the columns" in failure(tmp_path, empty)


def test_a_file_name_without_package_and_date_is_an_error(tmp_path: Path) -> None:
    path = next(write_rf2(tmp_path, [10], []).rglob("sct2_Concept_*"))
    path.rename(path.with_name("sct2_Concept_Snapshot_mine.txt"))
    assert "found a name without package and date" in failure(tmp_path, tmp_path)


def test_national_names_of_the_files_are_known(tmp_path: Path) -> None:
    write_rf2(tmp_path, [10, 90], [], [(90, 10, SAME_AS)], package="GB1000000")
    for path in list(tmp_path.rglob("*.txt")):
        path.rename(path.with_name(path.name.replace("Snapshot_", "UKCLSnapshot_")))
    assert built(tmp_path, tmp_path, ours=[seed(10, "a")]).header.releases[0].version == "GB1000000_20260701"


def test_the_folder_snapshot_itself_will_do(tmp_path: Path) -> None:
    write_rf2(tmp_path / "package", [10], [])
    assert set(meanings(tmp_path, tmp_path / "package" / "Snapshot", ours=[seed(10, "a")])) == {10}
