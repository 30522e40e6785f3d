"""Names of drugs in text: whole words, longest first, and what is said around them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from rules.code_lists import CodeListError
from rules.terminology import Terminology
from tests.unit.extract.samples import names

CODES = Path(__file__).resolve().parents[2] / "rules" / "codes"


@pytest.fixture(scope="module")
def known() -> Terminology:
    return Terminology.load(CODES)


@pytest.mark.parametrize(
    ("text", "drugs"),
    [
        ("Mestinon Timespan 180 mg", names("pyridostigmine")),
        ("AZATHIOPRIN-ratiopharm", names("azathioprine")),
        ("Néoral 100 mg, capsule molle", names("cyclosporine")),
        ("hydroxy-chloroquine 200mg", names("hydroxychloroquine")),
        ("hydroxy\u2010chloroquine 200mg", names("hydroxychloroquine")),
        ("hydroxy - chloroquine", names("chloroquine")),  # two words: not one name
        ("Solu-Medrol / SoluMedrol", names("methylprednisolone")),
        ("Nuedexta", names("dextromethorphan", "quinidine")),
        ("Percocet 5/325", names("oxycodone", "acetaminophen")),
        ("xprednisone prednisonex", names()),
        ("immune globulin (human) 10%", names("immunoglobulin-g")),
        ("hepatitis B immune globulin (human)", names()),  # a longer name keeps the shorter one inside it from matching
        ("gentamicin level, then gentamicin 80 mg", names("gentamicin")),
        ("never prednisone", names()),
        ("never mind: as needed for pain give prednisone", names("prednisone")),  # too far away to be about it
        ("warfarin education", names()),
        ("Do not crush Mestinon 60 mg", names("pyridostigmine")),  # a number: an order, so only the next word may take it back
        ("methotrexate 10 mg, blood test monthly", names("methotrexate")),
        ("gentamicin level 2.1 mg/L", names()),
        ("a-" * 140 + "prednisone", names("prednisone")),
        ("", names()),
        ("!?", names()),
        ("x" * 299 + " prednisone", names()),
    ],
)
def test_a_text_names_its_drugs(known: Terminology, text: str, drugs: frozenset[str]) -> None:
    assert known.drugs_named([{"text": text}]) == drugs
    assert known.drugs_named([{"coding": [{"display": text}]}]) == drugs
    assert known.drugs_named([{"reference": "Medication/1", "display": text}]) == drugs


def test_every_listed_name_is_found_and_means_its_drugs(known: Terminology) -> None:
    meant: dict[str, set[str]] = {}
    with (CODES / "drug-names.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            assert row["source"], row
            meant.setdefault(row["name"], set()).update({row["concept"]} - {""})
    for name, drugs in meant.items():
        assert known.drugs_named([{"text": f"{name.upper()} 5 mg"}]) >= drugs, name


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,prednisone,nickname,me", "kind must be one of brand, combination, ingredient, other, salt, synonym"),
        ("x,prednisone,brand,", "name and source must be given"),
        (",prednisone,brand,me", "name and source must be given"),
        ("x,prednison,brand,me", 'found concept "prednison", expected one of medications.csv'),
        ("x,prednisone,other,me", 'found concept "prednisone"'),
        ("mestinon,prednisone,brand,me", "stands twice; only a combination has several drugs"),
    ],
)
def test_a_wrong_name_stops_the_start(tmp_path: Path, row: str, message: str) -> None:
    shutil.copytree(CODES, tmp_path / "codes")
    with (tmp_path / "codes" / "drug-names.csv").open("a", encoding="utf-8") as stream:
        stream.write(row + "\n")
    with pytest.raises(CodeListError) as refused:
        Terminology.load(tmp_path / "codes")
    assert message in str(refused.value)
