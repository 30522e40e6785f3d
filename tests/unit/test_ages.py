"""Age bands: months for infants, years for the change to adult care, and birth dates of which only the month or the year is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.spoken import on_reference as knowledge
from tests.support.spoken import said


def says(rule: str, birth: str) -> str:
    """What the rule says of its own first example, born then; the day is that of the example."""
    known = knowledge().rule(rule)
    assert known is not None
    example = next(one for one in known.vignettes if one.expect == "fires" and one.hook == "patient-view")
    who = {key: value for key, value in example.patient.items() if key != "age"}
    finding = said(knowledge(), known, replace(example, patient={**who, "birth": birth}))
    return "silent" if finding is None else "asks" if finding.asks else "fires"


@pytest.mark.parametrize(
    ("birth", "under", "over"),
    [
        ("2024-11-23", "fires", "silent"),  # 24 months old tomorrow
        ("2024-11-22", "silent", "fires"),
        ("2024-12", "fires", "silent"),
        ("2024-10", "silent", "fires"),
        ("2024-11", "silent", "asks"),  # 23 or 24 months: not known
        ("2024", "silent", "asks"),
        ("2025", "fires", "silent"),
        ("2023", "silent", "fires"),
    ],
)
def test_treatment_of_sma_changes_at_24_months_and_never_on_a_guess(birth: str, under: str, over: str) -> None:
    assert (says("dmt-sma-under2", birth), says("dmt-sma-over2", birth)) == (under, over)


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        ("2014-11-23", "silent"),
        ("2014-11-22", "fires"),  # 12 today
        ("2014-11", "silent"),
        ("2014", "silent"),
        ("2013", "fires"),
        ("2006-11-23", "fires"),  # 20 tomorrow
        ("2006-11-22", "silent"),
        ("2006-12", "fires"),
        ("2006", "silent"),
    ],
)
def test_the_change_to_adult_care_is_spoken_of_from_12_to_19_years(birth: str, expected: str) -> None:
    assert says("edu-transition", birth) == expected
