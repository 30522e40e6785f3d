"""RRF folders to the ingredients of every product."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_hooks.vocabularies import index
from cds_hooks.vocabularies.build import Built, build, quiet
from cds_hooks.vocabularies.rows import VocabularyError
from cds_hooks.vocabularies.seeds import Seed
from rules.terminology import RXNORM
from tests.support.releases import seed, seeds, write_rrf

# sulfamethoxazole / trimethoprim in small: two ingredients, their combination, a salt, clinical and branded drugs, a pack
A, B, AB, SALT = 1, 2, 3, 4
PART_A, PART_B, DRUG, BRAND, BRANDED, GROUP, FORM, PACK, BRANDED_PACK = 11, 12, 13, 14, 15, 16, 17, 18, 19
TABLET, PRODUCT = 90, 91
NAMES = {
    A: ("IN", "a"),
    B: ("IN", "b"),
    AB: ("MIN", "a / b"),
    SALT: ("PIN", "a sodium"),
    PART_A: ("SCDC", "a sodium 1 MG"),
    PART_B: ("SCDC", "b 2 MG"),
    DRUG: ("SCD", "a 1 MG / b 2 MG Oral Tablet"),
    BRAND: ("BN", "Brand"),
    BRANDED: ("SBD", "a 1 MG / b 2 MG Oral Tablet [Brand]"),
    GROUP: ("SCDG", "a / b Oral Product"),
    FORM: ("SCDF", "a / b Oral Tablet"),
    PACK: ("GPCK", "pack"),
    BRANDED_PACK: ("BPCK", "pack [Brand]"),
    TABLET: ("DF", "Oral Tablet"),
    PRODUCT: ("DFG", "Oral Product"),
}
RELATIONS = [
    (SALT, "form_of", A),
    (AB, "has_part", A),
    (AB, "has_part", B),
    (PART_A, "has_precise_ingredient", SALT),
    (PART_B, "has_ingredient", B),
    (DRUG, "consists_of", PART_A),
    (DRUG, "consists_of", PART_B),
    (DRUG, "has_ingredients", AB),
    (DRUG, "has_dose_form", TABLET),
    (DRUG, "isa", FORM),
    (FORM, "isa", GROUP),
    (GROUP, "has_ingredient", A),
    (GROUP, "has_ingredient", B),
    (GROUP, "has_doseformgroup", PRODUCT),
    (BRANDED, "tradename_of", DRUG),
    (BRANDED, "has_ingredient", BRAND),
    (BRANDED, "has_dose_form", TABLET),
    (BRAND, "tradename_of", A),
    (BRAND, "tradename_of", B),
    (PACK, "contains", DRUG),
    (BRANDED_PACK, "tradename_of", PACK),
]
BOTH = {"a", "b"}


def built(folder: Path, ours: list[Seed]) -> Built:
    return build(folder / "codes.sqlite3", seeds(rxnorm=ours), snomed=[], rxnorm_folder=folder, icd=None, step=quiet)


def products(folder: Path, *ours: Seed) -> dict[int, set[str]]:
    built(folder, list(ours or (seed(A, "a"), seed(B, "b"))))
    rows = list(index.read(folder / "codes.sqlite3"))
    assert all(row.system == RXNORM and not row.far for row in rows)
    return {row.code: set(row.near) for row in rows}


def test_every_kind_of_product_means_all_its_ingredients(tmp_path: Path) -> None:
    write_rrf(tmp_path, NAMES, RELATIONS)
    assert products(tmp_path) == {
        A: {"a"}, B: {"b"}, SALT: {"a"}, PART_A: {"a"}, PART_B: {"b"},
        **dict.fromkeys((AB, DRUG, BRAND, BRANDED, GROUP, FORM, PACK, BRANDED_PACK), BOTH),
    }  # fmt: skip


def test_the_relations_may_stand_the_other_way_round(tmp_path: Path) -> None:
    inverse = {
        "form_of": "has_form", "has_part": "part_of", "has_precise_ingredient": "precise_ingredient_of", "has_ingredient": "ingredient_of",
        "consists_of": "constitutes", "has_ingredients": "ingredients_of", "has_dose_form": "dose_form_of", "isa": "inverse_isa",
        "has_doseformgroup": "doseformgroup_of", "tradename_of": "has_tradename", "contains": "contained_in",
    }  # fmt: skip
    write_rrf(tmp_path / "there", NAMES, RELATIONS)
    write_rrf(tmp_path / "back", NAMES, [(other, inverse[relation], one) for one, relation, other in RELATIONS])
    assert products(tmp_path / "there") == products(tmp_path / "back")


def test_a_combination_or_a_salt_on_our_lists_is_found_beside_its_ingredients(tmp_path: Path) -> None:
    write_rrf(tmp_path, NAMES, RELATIONS)
    found = products(tmp_path, seed(A, "a"), seed(AB, "combination"), seed(SALT, "salt"))
    assert found[BRANDED] == {"a", "combination", "salt"}
    assert found[GROUP] == {"a"}
    assert B not in found


def test_a_brand_does_not_lend_its_ingredients_to_its_products(tmp_path: Path) -> None:
    other = {21: ("SBD", "b 5 MG Oral Tablet [Brand]"), 22: ("SCD", "b 5 MG Oral Tablet")}
    more = [(21, "has_ingredient", BRAND), (21, "tradename_of", 22), (22, "consists_of", PART_B)]
    write_rrf(tmp_path, {**NAMES, **other}, [*RELATIONS, *more])
    assert products(tmp_path)[21] == {"b"}


def test_a_reformulation_is_no_ingredient(tmp_path: Path) -> None:
    write_rrf(tmp_path, {**NAMES, 31: ("BN", "Brand Two")}, [*RELATIONS, (31, "reformulation_of", BRAND), (31, "has_boss", A)])
    assert 31 not in products(tmp_path)


def test_the_dose_form_is_kept_when_there_is_exactly_one(tmp_path: Path) -> None:
    names = {**NAMES, 92: ("DF", "Oral Capsule"), 41: ("SCD", "two forms")}
    write_rrf(tmp_path, names, [*RELATIONS, (41, "consists_of", PART_A), (41, "has_dose_form", TABLET), (41, "has_dose_form", 92)])
    products(tmp_path)
    forms = {row.code: row.form for row in index.read(tmp_path / "codes.sqlite3")}
    assert forms == {**dict.fromkeys(forms, ""), DRUG: "Oral Tablet", BRANDED: "Oral Tablet", GROUP: "Oral Product"}


def test_rows_of_other_vocabularies_between_names_and_of_other_term_types_do_not_count(tmp_path: Path) -> None:
    more = [
        f"{A}||CUI|RO|51||CUI|has_ingredient|900||MTHSPL||||||",  # another vocabulary says so
        "|77|AUI|RO||78|AUI|has_ingredient|901||RXNORM||||||",  # names, not concepts
    ]
    write_rrf(tmp_path, {**NAMES, 51: ("SCD", "x"), 52: ("ET", "y")}, [*RELATIONS, (52, "has_ingredient", A)], more=more)
    assert not {51, 52} & products(tmp_path).keys()


def test_a_retired_code_means_what_it_was_merged_into(tmp_path: Path) -> None:
    merged = [(70, DRUG), (71, DRUG), (71, PART_A), (DRUG, PART_A), (72, 999), (73, 73)]
    write_rrf(tmp_path, NAMES, RELATIONS, merged)
    found = products(tmp_path)
    assert found[70] == BOTH
    assert found[DRUG] == BOTH
    assert not {71, 72, 73} & found.keys()


def test_a_code_of_ours_that_was_merged_or_is_missing_is_reported_and_its_successor_used(tmp_path: Path) -> None:
    write_rrf(tmp_path, NAMES, RELATIONS, [(80, B)])
    done = built(tmp_path, [seed(A, "a"), seed(80, "b"), seed(81, "c")])
    assert {(gap.code, gap.why) for gap in done.gaps} == {("80", f"merged into {B}"), ("81", "not in this release")}
    assert {row.code: set(row.near) for row in index.read(tmp_path / "codes.sqlite3")}[BRANDED] == BOTH


def test_the_release_is_named_as_it_names_itself(tmp_path: Path) -> None:
    package = write_rrf(tmp_path / "RxNorm_full_11022026", NAMES, RELATIONS)
    assert built(package, [seed(A, "a")]).header.releases[0].version == "11022026"
    row = ["C1", "C2", "RXNORM_20AA_261102F", "RXNORM", "RxNorm", "RXNORM", "20AA_261102F", *[""] * 14, "Y", *[""] * 4]
    (package / "rrf" / "RXNSAB.RRF").write_text("|".join(row) + "\n", encoding="utf-8")
    assert built(package, [seed(A, "a")]).header.releases[0].version == "20AA_261102F"


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("RXNCONSO.RRF", b"|4096|", b"|", "line 1: found 18 fields, expected 19"),
        ("RXNREL.RRF", b"||CUI|RO", b"|CUI|RO", "line 1: found 16 fields, expected 17"),
        ("RXNREL.RRF", b"1||CUI", b"one||CUI", "line 1: RXCUI1: found 'one', expected a number"),
        ("RXNCONSO.RRF", b"|a|", b"|\xe9|", "line 1: found a byte that is not UTF-8"),
    ],
)
def test_a_broken_row_is_named_by_file_and_line(tmp_path: Path, name: str, old: bytes, new: bytes, words: str) -> None:
    write_rrf(tmp_path, NAMES, RELATIONS)
    path = tmp_path / "rrf" / name
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(VocabularyError, match=words) as found:
        built(tmp_path, [seed(A, "a")])
    assert str(found.value).startswith(f"{name}: ")


def test_a_circle_or_a_missing_file_is_an_error(tmp_path: Path) -> None:
    write_rrf(tmp_path, NAMES, [*RELATIONS, (A, "form_of", DRUG)])
    with pytest.raises(VocabularyError, match=r"RXNREL\.RRF: line \d+: .* expected relations without circles"):
        built(tmp_path, [seed(A, "a")])
    (tmp_path / "rrf" / "RXNREL.RRF").unlink()
    with pytest.raises(VocabularyError, match=r"found no file RXNREL\.RRF"):
        built(tmp_path, [seed(A, "a")])
