"""Quantities: UCUM conversion that answers nothing rather than guess."""

from __future__ import annotations

import ast
from decimal import Decimal
from fractions import Fraction

import pytest
from ucumvert import PintUcumRegistry

from rules.quantity import Bridge, Quantity, is_unit, number
from rules.unit_table import ATOMS
from tools import build_unit_table


def q(value: str, unit: str, comparator: str = "") -> Quantity:
    return Quantity(Decimal(value), unit, comparator)


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        ("1.1", "mg/dL", "g/L", "0.011"),
        ("1.1", "mg/dl", "mg/dL", "1.1"),
        ("100", "10*3/uL", "10*9/L", "100"),
        ("100", "10^3/uL", "/uL", "1E+5"),
        ("100.4", "[degF]", "Cel", "38"),
        ("37", "Cel", "K", "310.15"),
        ("72", "/min", "Hz", "1.2"),
        ("18", "{breaths}/min", "/min", "18"),
        ("60", "mL/min/{1.73_m2}", "mL/min", "60"),
        ("5", "{score}", "1", "5"),
        ("25", "kg/m2", "g/cm2", "2.5"),
        ("6", "kPa", "mm[Hg]", "45.0036945507394"),
        ("2", "ug/kg/min", "mg/kg/h", "0.12"),
        ("70", "[in_i]", "cm", "177.8"),
        ("1", "a", "d", "365.25"),
        ("3", "m2.kg", "kg.m2", "3"),
    ],
)
def test_commensurable_units_convert_exactly(value: str, unit: str, to: str, expected: str) -> None:
    found = q(value, unit).convert(to)
    assert found is not None
    assert (found.value, found.unit) == (Decimal(expected), to)


@pytest.mark.parametrize(
    ("unit", "to"),
    [
        ("mg/dL", "umol/L"),  # needs the molar mass of something
        ("mmol/mol", "%"),  # HbA1c is not a plain ratio
        ("mg/kg", "%"),
        ("mg/kg", "mg"),
        ("[IU]/L", "U/L"),
        ("[IU]/L", "/L"),
        ("meq/L", "mmol/L"),
        ("kg", "L"),
        ("mg", "unheard-of"),
        ("unheard-of", "mg"),
        ("1", "mg/dL"),
        ("1", "%"),  # a percentage is often written without its unit
        ("{score}", "%"),
        ("%", "1"),
    ],
)
def test_incommensurable_or_unknown_units_do_not_convert(unit: str, to: str) -> None:
    assert q("1", unit).convert(to) is None


@pytest.mark.parametrize(
    "code", ["", ".", "/", "mg/", "mg//dL", ".mg", "mmHg", "years", "{", "}", "{a", "2", "10*", "mg dL", "mg" * 40, "m0", "foo3", "mg./dL"]
)
def test_what_is_no_unit_is_unknown(code: str) -> None:
    assert not is_unit(code)


def test_the_same_unit_needs_no_knowledge_of_it() -> None:
    assert q("3", "foo").convert("foo") == q("3", "foo")


def test_every_atom_of_the_table_agrees_with_ucumvert() -> None:
    registry = PintUcumRegistry()
    references = {kind: reference for kind, _, reference in build_unit_table.ATOMS}
    for (kind, power, reference), codes in build_unit_table.ATOMS.items():
        for code in codes:
            assert ATOMS[code][:2] == (kind, power)
            expected = registry.from_ucum(code).to(registry.from_ucum(reference).units).magnitude
            assert float(Fraction(*ATOMS[code][2:])) == pytest.approx(expected, rel=1e-8), code
    assert set(references) == {kind for kind, *_ in ATOMS.values()}


def test_the_table_is_the_one_the_tool_writes() -> None:
    written = build_unit_table.build()
    assert ast.literal_eval(written[written.index("= {") + 2 :]) == ATOMS


@pytest.mark.parametrize(
    ("unit", "to"),
    [("mg/dL", "g/L"), ("[degF]", "Cel"), ("10*3/uL", "10*9/L"), ("mL/min/{1.73_m2}", "L/h"), ("ug/kg/min", "mg/kg/h"), ("kg/m2", "g/cm2")],
)
def test_composed_units_agree_with_ucumvert(unit: str, to: str) -> None:
    registry = PintUcumRegistry()
    expected = registry.Quantity(50, registry.from_ucum(unit).units).to(registry.from_ucum(to).units).magnitude
    found = q("50", unit).convert(to)
    assert found is not None
    assert float(found.value) == pytest.approx(expected, rel=1e-6)


def test_a_bridge_leads_from_mass_to_substance_and_back() -> None:
    creatinine = (Bridge("mol/L", "g/L", Fraction("113.12")),)
    mass = Quantity(Decimal("1.0"), "mg/dL", bridges=creatinine).convert("umol/L")
    assert mass is not None
    assert round(mass.value, 1) == Decimal("88.4")
    back = Quantity(Decimal("88.4017"), "umol/L", bridges=creatinine).convert("mg/dL")
    assert back is not None
    assert round(back.value, 4) == Decimal("1.0000")
    assert mass.convert("mmol/L") is not None
    assert mass.convert("mg/L") is not None


def test_a_bridge_may_have_an_offset() -> None:
    hba1c = (Bridge("mmol/mol", "%", Fraction("0.09148"), Fraction("2.152")),)
    percent = Quantity(Decimal(48), "mmol/mol", bridges=hba1c).convert("%")
    assert percent is not None
    assert round(percent.value, 1) == Decimal("6.5")
    back = Quantity(Decimal("6.543"), "%", bridges=hba1c).convert("mmol/mol")
    assert back is not None
    assert round(back.value) == 48


def test_a_bridge_does_not_reach_other_kinds() -> None:
    assert Quantity(Decimal(1), "kg", bridges=(Bridge("mol/L", "g/L", Fraction(1)),)).convert("mol") is None
    assert Quantity(Decimal(1), "mg/dL", bridges=(Bridge("mol/L", "g/L", Fraction(1)),)).convert("kg") is None


def test_a_result_beyond_all_measure_is_unknown() -> None:
    assert q("900000000000000", "kg").convert("pg") is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "5",
        [],
        float("nan"),
        float("inf"),
        -float("inf"),
        1e16,
        1e-20,
        10**16,
        pytest.param(10**5000, id="huge"),
        Decimal("NaN"),
    ],
)
def test_what_is_no_plain_number_is_refused(value: object) -> None:
    assert number(value) is None


def test_numbers_keep_the_digits_they_were_written_with() -> None:
    assert [number(value) for value in (0, -3, 0.1, Decimal("2.50"), 0.0)] == [0, -3, Decimal("0.1"), Decimal("2.50"), 0]


@pytest.mark.parametrize(
    ("comparator", "value", "above", "at_least", "at_most", "below"),
    [
        ("", "5", False, True, True, False),
        ("", "6", True, True, False, False),
        ("", "4", False, False, True, True),
        ("<", "5", False, False, True, True),
        ("<", "6", None, None, None, None),
        ("<=", "5", False, None, True, None),
        ("<=", "4", False, False, True, True),
        (">", "5", True, True, False, False),
        (">", "4", None, None, None, None),
        (">=", "5", None, True, None, False),
        (">=", "6", True, True, False, False),
    ],
)
def test_a_comparator_leaves_open_what_it_leaves_open(
    comparator: str, value: str, above: bool | None, at_least: bool | None, at_most: bool | None, below: bool | None
) -> None:
    found, five = q(value, "kg", comparator), Decimal(5)
    assert (found.above(five, "kg"), found.at_least(five, "kg")) == (above, at_least)
    assert (found.at_most(five, "kg"), found.below(five, "kg")) == (at_most, below)


def test_a_comparison_in_another_kind_of_unit_is_unknown() -> None:
    five = Decimal(5)
    assert {q("9", "kg").above(five, "L"), q("9", "kg").below(five, "L"), q("9", "kg").at_least(five, "L")} == {None}
