"""Forms and check digits of codes."""

from __future__ import annotations

import pytest

from rules.code_form import form_problem, is_loinc, is_snomed_concept
from rules.terminology import ATC, CVX, LOINC, ORPHA, RXNORM, SNOMED

CM = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.mark.parametrize("code", ["86044005", "193184006", "404684003", "368581000119106", "31978002"])
def test_a_snomed_concept_has_its_check_digit_and_partition(code: str) -> None:
    assert is_snomed_concept(code)


@pytest.mark.parametrize("place", range(8))
def test_one_wrong_digit_of_a_snomed_code_is_found(place: int) -> None:
    code = "86044005"
    other = str((int(code[place]) + 1) % 10)
    assert not is_snomed_concept(code[:place] + other + code[place + 1 :])


@pytest.mark.parametrize("code", ["", "86044", "0604400", "86044005 ", "101009", "1234567890123456789", "８6044005", "680946014"])
def test_what_is_no_snomed_concept_is_refused(code: str) -> None:
    """680946014 is a description (partition 01)."""
    assert not is_snomed_concept(code) or code == "101009"  # 101009 is one: six digits are the shortest


@pytest.mark.parametrize(
    ("code", "right"),
    [("19868-9", True), ("2160-0", True), ("59408-5", True), ("19868-8", False), ("19886-9", False), ("LA33-6", True), ("LP1-X", False)],
)
def test_a_loinc_code_has_its_check_digit(code: str, right: bool) -> None:
    assert is_loinc(code) is right


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (CM, "G70.00"), (CM, "G7000"), (CM, "G12"), (CM, "M1A.0"), (RXNORM, "8640"), (ATC, "L04AX01"), (ATC, "L04"), (ORPHA, "803"),
        (CVX, "03"), (CVX, "207"), ("https://hospital.example.org/lab", "whatever it likes"),
    ],
)  # fmt: skip
def test_a_right_form_is_no_problem(system: str, code: str) -> None:
    assert form_problem(system, code) is None


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (CM, "Mrs Smith"), (CM, "G70.00000"), (CM, "G70.0-"), (CM, "7000"), (RXNORM, "12345678"), (RXNORM, "8640a"), (ATC, "L04A X01"),
        (ATC, "AZATHIOPRINE"), (ORPHA, "ORPHA:803"), (CVX, "1"), (LOINC, "x"), (SNOMED, "1970-01-01"), (CM, "G70.00\n"),
    ],
)  # fmt: skip
def test_a_wrong_form_says_what_was_expected(system: str, code: str) -> None:
    found = form_problem(system, code)
    assert found is not None
    assert repr(code) in found
    assert "expected" in found
