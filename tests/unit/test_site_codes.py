"""A site's own codes: what is refused, and what a map does to facts, absence and answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import rules
from rules.facts import Presence, Record
from rules.knowledge import Knowledge
from rules.patterns import Context, PatternError, RecordIndex, build
from rules.site_codes import SiteCodesError, lint_site_codes, read_site_codes
from rules.terminology import Terminology
from tests.unit.patterns.test_answers import verdict

CODES = Path(rules.__file__).parent / "codes"
OURS = Terminology.load(CODES)
LAB = "https://hospital.example.org/lab"


def file(folder: Path, *lines: str, header: str = "system,code,concept,note") -> Path:
    path = folder / "site.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def mapped(folder: Path, *lines: str) -> Terminology:
    return Terminology.load(CODES, read_site_codes(file(folder, *lines), OURS))


def quiet(symptom: str, codes: Terminology) -> Presence:
    """What a condition on a symptom says of an empty record."""
    return silence({"symptom": symptom}, codes)


def silence(table: Mapping[str, object], codes: Terminology) -> Presence:
    """What a condition says of an empty record."""
    pattern = build(Context(codes, {}, lifelong=True), table)
    return pattern.quiet(RecordIndex(Record(datetime(2026, 11, 22, tzinfo=UTC), "patient-view"))).presence


def result(code: str, value: Mapping[str, object], system: str = LAB) -> dict[str, object]:
    coded = {"coding": [{"system": system, "code": code}]}
    return {"resourceType": "Observation", "id": "o", "status": "final", "code": coded, "effectiveDateTime": "2026-11-20", **value}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{LAB},A1,mipp,", "line 2: concept: found 'mipp', expected a name that rules use"),
        (f"{LAB},A1,mipp,", "did you mean mip?"),
        (f"{LAB},A1,mip,\n{LAB},A1,mip,", "line 3: code: found 'A1' again, expected each code once (first in line 2)"),
        (f"{LAB},A1,mip,\n{LAB}/,A1,mep,", "line 3: code: found 'A1' for 'mep', but for 'mip' in line 2"),
        ("http://hl7.org/fhir/sid/icd-10-cm,g70.00,als,", "line 2: code: found 'g70.00' for 'als', but it means 'myasthenia-gravis'"),
        ("http://hl7.org/fhir/sid/icd-10-cm,G71.01,duchenne,", "found 'G71.01' for 'duchenne', but it means 'duchenne-or-becker'"),
        ("http://www.whocc.no/atc,L04AX01,azathioprine,", "means 'azathioprine' already"),
        ("http://snomed.info/sct,86044006,als,", "found '86044006', expected a concept identifier"),
        ("http://loinc.org,19868-8,mip,", "found '19868-8', expected digits"),
        ("loinc,A1,mip,", "system: found 'loinc', expected a URI"),
        (f"{LAB}|2,A1,mip,", "expected a URI"),
        ("https://neuromuscular-cds.github.io/fhir/CodeSystem/concept,x1,mip,", "found our own code system"),
        ("http://www.loinc.org,A1,mip,", "found 'http://www.loinc.org', expected 'http://loinc.org'"),
        ("http://snomed.info/sct/731000124108,A1,mip,", "expected a concept identifier"),
        ("http://snomed.info/sct,10828004,negative,", "found '10828004' for 'negative', but it means 'positive'"),
        ("http://loinc.org,LA33-6,mip,", "found 'LA33-6' for 'mip', but it means 'yes'"),
        (f'{LAB},A1,mip,"two\nlines"\n{LAB},A2,mipp,', "line 4: concept: found 'mipp'"),
        (f"{LAB},,mip,", "code: found 0 characters"),
        (f"{LAB},{'x' * 201},mip,", "code: found 201 characters"),
        (f"{LAB},A1,mip", "line 2: found 3 fields, expected 4"),
    ],
)
def test_each_wrong_row_says_what_was_found_and_expected(tmp_path: Path, line: str, words: str) -> None:
    _, problems = lint_site_codes(file(tmp_path, line), OURS)
    assert any(words in problem for problem in problems), problems


def test_knowledge_is_not_loaded_with_a_wrong_file(tmp_path: Path) -> None:
    with pytest.raises(SiteCodesError, match="did you mean mip"):
        Knowledge.load(engine="reference", site_codes=file(tmp_path, f"{LAB},A1,mipp,"))


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    _, problems = lint_site_codes(file(tmp_path, "loinc,A1,mipp,", f"{LAB},,mip,"), OURS)
    assert [problem.partition(": ")[2].partition(":")[0] for problem in problems] == ["line 2", "line 2", "line 3"]


@pytest.mark.parametrize("text", ["", "code,concept\nA1,mip\n", "system,code,concept,more\n"])
def test_a_file_with_other_columns_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.csv"
    path.write_text(text, encoding="utf-8")
    assert "expected system,code,concept" in lint_site_codes(path, OURS)[1][0]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'system,code,concept\nhttps://a.example/x,"A1,mip\n'])
def test_a_file_that_is_no_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "site.csv"
    path.write_bytes(content)
    assert "expected a CSV file in UTF-8" in lint_site_codes(path, OURS)[1][0]
    assert "expected a CSV file" in lint_site_codes(tmp_path / "missing.csv", OURS)[1][0]


@pytest.mark.parametrize("system", ["http://hl7.org/fhir/sid/icd-9-cm", "http://fhir.de/CodeSystem/ifa/pzn", "2.999.1.7"])
def test_another_system_that_we_do_not_know_is_the_sites_own(tmp_path: Path, system: str) -> None:
    assert lint_site_codes(file(tmp_path, f"{system},A1,mip,"), OURS)[1] == ()


def test_the_note_may_be_left_out_and_a_byte_order_mark_and_empty_lines_do_no_harm(tmp_path: Path) -> None:
    path = file(tmp_path, f"{LAB},A1,mip", "", ",,", header="\ufeffsystem,code,concept")
    assert [(word.system, word.code, word.means) for word in read_site_codes(path, OURS)] == [(LAB, "A1", "mip")]


def test_a_mapped_result_is_read_in_every_spelling_of_its_system(tmp_path: Path) -> None:
    site = mapped(tmp_path, f"{LAB},A1,mip,")
    value = {"valueQuantity": {"value": 24, "unit": "cm[H2O]", "system": "http://unitsofmeasure.org", "code": "cm[H2O]"}}
    table: dict[str, object] = {"lab": "mip", "below": 30, "unit": "cm[H2O]"}
    for system in (LAB, LAB + "/", "http://hospital.example.org/lab"):
        assert verdict(table, result("A1", value, system), codes=site) is Presence.PRESENT
    assert verdict(table, result("A1", value)) is Presence.UNKNOWN
    assert verdict(table, result("A2", value), codes=site) is Presence.UNKNOWN


def test_a_local_answer_can_be_mapped(tmp_path: Path) -> None:
    site = mapped(tmp_path, f"{LAB},MUSK,VS-AB-MUSK,", f"{LAB},P,positive,")
    table: dict[str, object] = {"lab": "VS-AB-MUSK", "result": "positive"}
    value = {"valueCodeableConcept": {"coding": [{"system": LAB, "code": "P"}]}}
    assert verdict(table, result("MUSK", value), codes=site) is Presence.PRESENT


def test_an_item_of_a_local_questionnaire_can_be_mapped(tmp_path: Path) -> None:
    form = "https://hospital.example.org/fhir/Questionnaire/intake"
    site = mapped(tmp_path, f"{form},q12,progressive,")
    filled: dict[str, object] = {
        "resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "authored": "2026-11-20", "questionnaire": form + "|3",
        "item": [{"linkId": "q12", "answer": [{"valueBoolean": True}]}],
    }  # fmt: skip
    for way in ({}, {"questionnaire": form}, {"item": [{"linkId": "group", "item": filled["item"]}]}):
        assert verdict({"answer": "progressive"}, {**filled, **way}, codes=site) is Presence.PRESENT
    assert verdict({"answer": "progressive"}, {**filled, "questionnaire": form + "2"}, codes=site) is Presence.UNKNOWN


def test_a_finding_that_the_site_maps_is_absent_when_nothing_says_it(tmp_path: Path) -> None:
    site = mapped(tmp_path, f"{LAB},CALF,calf-hypertrophy,")
    assert quiet("calf-hypertrophy", OURS) is Presence.UNKNOWN
    assert quiet("calf-hypertrophy", site) is Presence.ABSENT
    assert quiet("gowers-sign", site) is Presence.UNKNOWN


def test_the_example_of_the_documentation_has_no_problem() -> None:
    example = Path(rules.__file__).parents[1] / "docs" / "how-to" / "site-codes-example.csv"
    words, problems = lint_site_codes(example, OURS)
    assert problems == ()
    assert {"mip", "mep", "mg-adl"} <= {word.means for word in words}


def test_a_drug_without_a_code_is_unknown_where_a_rule_cares_and_absent_once_it_is_mapped(tmp_path: Path) -> None:
    asked = {"med": "folic-acid", "missing": "unknown"}
    assert silence(asked, OURS) is Presence.UNKNOWN
    assert silence({"med": "folic-acid"}, OURS) is Presence.ABSENT
    assert silence({"draft": "folic-acid", "missing": "unknown"}, OURS) is Presence.ABSENT
    assert silence({"med": "azathioprine", "missing": "unknown"}, OURS) is Presence.ABSENT
    assert silence(asked, mapped(tmp_path, f"{LAB},FOL,folic-acid,")) is Presence.ABSENT


def test_nothing_on_file_of_a_drug_is_unknown_or_not_said() -> None:
    with pytest.raises(PatternError, match="missing: found 'absent', expected unknown"):
        silence({"med": "folic-acid", "missing": "absent"}, OURS)
