"""A bar chart as SVG attributes, drawn by the server: no script, no file of another host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bar", "Plot", "plot"]

WIDTH = 720.0
HEIGHT = 120.0
GAP = 0.15  # of a bar's place


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands, which part of the whole it is, and what it says to people and screen readers."""

    x: float
    y: float
    width: float
    height: float
    part: int
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars side by side, their `parts` on top of each other; `most` is the value of a bar as high as the chart."""

    title: str
    parts: tuple[str, ...]
    bars: tuple[Bar, ...]
    most: int
    first: str
    last: str


def plot(title: str, parts: Sequence[str], values: Sequence[tuple[str, Sequence[int]]]) -> Plot:
    """A bar for each (name, one value for each part); no bars when all is 0."""
    most = max((sum(numbers) for _, numbers in values), default=0)
    place = WIDTH / max(len(values), 1)
    bars: list[Bar] = []
    for at, (name, numbers) in enumerate(values):
        below = 0.0
        for part, value in enumerate(numbers):
            if value:
                height = value / most * HEIGHT
                below += height
                x, y = at * place, HEIGHT - below
                label = f"{name}: {value} {parts[part]}"
                bars.append(Bar(round(x, 2), round(y, 2), round(place * (1 - GAP), 2), round(height, 2), part, label))
    first, last = (values[0][0], values[-1][0]) if values else ("", "")
    return Plot(title, tuple(parts), tuple(bars), most, first, last)
