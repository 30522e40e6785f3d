"""The re-check of the shipped codes: clean as they are, and every kind of fault is found."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

import rules
from cds_hooks.commands import codes_verify
from cds_hooks.commands.output import Exit
from rules.code_check import check_codes

CODES = Path(rules.__file__).parent / "codes"
TODAY = date(2026, 11, 26)
icd = codes_verify.classification()
CM = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CODES, tmp_path / "codes"))


def add(folder: Path, file: str, line: str) -> None:
    with (folder / file).open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def test_the_shipped_codes_have_no_problem() -> None:
    checked = check_codes(CODES, today=TODAY, icd=icd)
    assert checked.problems == []
    assert checked.rows[CM] > 600


FAULTS = [
    ("conditions.csv", f"als,ALS,{CM},G12.29,Other motor neuron diseases,exact,x,verified", "G12.29: found 'Other motor neuron diseases'"),
    ("conditions.csv", f"als,ALS,{CM},G12.99,Nothing,exact,x,verified", "found 'G12.99', expected a code of the installed"),
    ("conditions.csv", f"als,ALS,{CM},G12,Spinal muscular atrophy and related syndromes,exact,x,verified", "found 'exact', expected"),
    ("conditions.csv", "als,ALS,http://snomed.info/sct,86044006,ALS,exact,x,verified", "found '86044006', expected a concept identifier"),
    ("conditions.csv", "als,ALS,http://snomed.info/sct,86044005,Amyotrophic lateral sclerosis,exact,x,verified", "a second time for 'als'"),
    ("conditions.csv", "ptosis,Ptosis,http://snomed.info/sct,86044005,Other words,exact,x,verified", "86044005: found 'Other words'"),
    ("conditions.csv", "gout,O,http://www.orpha.net,803,Amyotrophic lateral sclerosis,exact,x,verified", "found for 'als' and 'gout'"),
    ("conditions.csv", "als,ALS,http://example.org/none,1,x,exact,x,verified", "expected a system of systems.csv"),
    ("observations.csv", "mip,MIP,http://loinc.org,19868-8,x,exact,x,verified", "found '19868-8', expected digits"),
    ("medications.csv", "prednisone,p,corticosteroid,http://www.whocc.no/atc,H2AB07,p,exact,x,verified", "a level of the ATC tree"),
    ("value-sets.csv", "VS-MG,condition,myasthenia-gravs,", "found 'myasthenia-gravs', expected a concept, value set or word"),
    ("taxonomy-map.csv", "als,alss,", "found 'alss'"),
    ("shared-codes.csv", "als,alss,x", "found 'alss', expected a concept of the code lists"),
    ("checked.csv", f"conditions.csv,{CM},2026-04-01,2026-11-26,x,2027-06-01", "at most 13 months after 2026-04-01"),
    ("checked.csv", "services.csv,http://snomed.info/sct,,2026-11-26,,2027-06-01", "source: found nothing"),
    ("checked.csv", "services.csv,http://snomed.info/sct,soon,2026-11-26,x,2027-06-01", "found 'soon'"),
    ("checked.csv", "services.csv,http://snomed.info/sct,,2027-11-26,x,2028-06-01", "not in the future"),
]  # fmt: skip


def test_each_fault_is_found_and_named_with_its_line(folder: Path) -> None:
    for file, line, _ in FAULTS:
        add(folder, file, line)
    add(folder, "services.csv", "referral-neurology,Referral,http://loinc.org,2160-0,x,exact,x,verified")
    problems = check_codes(folder, today=TODAY, icd=icd).problems
    for file, line, words in FAULTS:
        number = (folder / file).read_text(encoding="utf-8").splitlines().index(line) + 1
        named = [problem for problem in problems if words in problem]
        assert named, words
        assert any(f"{file}: line {number}" in problem or "found for" in problem for problem in named), named
    assert "checked.csv: services.csv: found no row for http://loinc.org, expected when and how its codes were checked" in problems


def test_icd_codes_are_overdue_thirteen_months_after_their_release() -> None:
    assert check_codes(CODES, today=date(2027, 5, 1), icd=icd).problems == []
    problems = check_codes(CODES, today=date(2027, 5, 2), icd=icd).problems
    assert {problem.partition(": ")[0] for problem in problems} == {"checked.csv"}
    assert all("next: found 2027-05-01, expected today or later" in problem for problem in problems)


def test_a_newer_release_is_a_warning_until_then() -> None:
    assert any("that of 2026-10-01 is out" in text for text in check_codes(CODES, today=TODAY, icd=icd).warnings)
    assert not any("is out" in text for text in check_codes(CODES, today=date(2026, 9, 30), icd=icd).warnings)


def test_without_the_package_the_check_fails_and_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(codes_verify, "classification", lambda: None)
    assert codes_verify.verify(json=False, today=TODAY) is Exit.FOUND
    assert "simple-icd-10-cm is not installed" in capsys.readouterr().err
