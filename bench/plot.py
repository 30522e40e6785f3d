"""A plot with logarithmic axes as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

__all__ = ["plot"]

WIDTH, HEIGHT, EDGE = 640, 400, 50
COLOURS = ("#1b6ca8", "#b5462f", "#3c7d3c", "#6b4c9a", "#8a6d1f", "#555555")


def plot(title: str, unit: str, series: Mapping[str, Mapping[str, float]]) -> str:
    """One line for each series of x (a number as text) to y > 0; both axes are logarithmic, with a tick at each power of ten."""
    xs = [math.log10(float(x)) for row in series.values() for x in row]
    ys = [math.log10(y) for row in series.values() for y in row.values()]
    left, right = math.floor(min(xs)), math.ceil(max(xs))
    low, high = math.floor(min(ys)), math.ceil(max(ys))

    def place(x: float, y: float) -> str:
        across = EDGE + (x - left) / max(1, right - left) * (WIDTH - 2 * EDGE)
        return f"{across:.1f},{HEIGHT - EDGE - (y - low) / max(1, high - low) * (HEIGHT - 2 * EDGE):.1f}"

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{EDGE}" y="20" font-size="14">{escape(title)} ({escape(unit)})</text>',
    ]
    for power in range(left, right + 1):
        x, y = place(power, low).split(",")
        lines.append(f'<path d="M{place(power, low)} L{place(power, high)}" stroke="#dddddd"/>')
        lines.append(f'<text x="{x}" y="{float(y) + 16:.1f}" text-anchor="middle">{10**power:,}</text>')
    for power in range(low, high + 1):
        x, y = place(left, power).split(",")
        lines.append(f'<path d="M{place(left, power)} L{place(right, power)}" stroke="#dddddd"/>')
        lines.append(f'<text x="{float(x) - 6:.1f}" y="{float(y) + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for number, (name, row) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(place(math.log10(float(x)), math.log10(y)) for x, y in row.items())
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<text x="{EDGE + 10}" y="{EDGE + 16 * number}" fill="{colour}">{escape(name)}</text>')
    return "\n".join((*lines, "</svg>")) + "\n"
