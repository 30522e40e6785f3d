"""The figures of growth: exponents, their words, and the plot."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from bench.growth import exponent, in_words
from bench.plot import plot


@pytest.mark.parametrize(("power", "said"), [(0.0, "does not grow"), (0.5, "more slowly"), (1.0, "grows in proportion"), (2.0, "faster")])
def test_the_exponent_of_a_power_is_found_and_said(power: float, said: str) -> None:
    row = {str(x): 3.0 * x**power for x in (1, 10, 40, 500)}
    assert exponent(row) == pytest.approx(power)
    assert said in in_words(exponent(row))


def test_a_plot_is_well_formed_and_a_straight_line_in_logarithms_is_straight() -> None:
    tree = ET.fromstring(plot("a < b", "ms", {"one": {"1": 1.0, "10": 10.0, "100": 100.0}}))  # noqa: S314 - our own text
    (line,) = tree.iter("{http://www.w3.org/2000/svg}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    steps = [(later[0] - first[0], later[1] - first[1]) for first, later in itertools.pairwise(points)]
    assert steps[0] == pytest.approx(steps[1])
    assert steps[0][0] > 0 > steps[0][1]
