"""A bar chart as SVG attributes, drawn by the server: no script, no file of another host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bar", "bars"]

WIDTH = 720.0
HEIGHT = 120.0
GAP = 0.15  # of a bar's place


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands and what it says; `label` is for people and screen readers."""

    x: float
    y: float
    width: float
    height: float
    label: str


def bars(values: Sequence[tuple[str, int]]) -> tuple[Bar, ...]:
    """Bars of (name, value) side by side, the tallest as high as the chart; none for no values."""
    most = max((value for _, value in values), default=0)
    if not most:
        return ()
    place = WIDTH / len(values)
    heights = [value / most * HEIGHT for _, value in values]
    return tuple(
        Bar(round(at * place, 2), round(HEIGHT - heights[at], 2), round(place * (1 - GAP), 2), round(heights[at], 2), f"{name}: {value}")
        for at, (name, value) in enumerate(values)
    )
