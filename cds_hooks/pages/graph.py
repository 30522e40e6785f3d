"""A why-tree as a picture: facts on the left, rules in the middle, the card on the right. Plain boxes and lines, no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from cds_hooks.pages.why import WhyNode

__all__ = ["Box", "Graph", "Line", "graph"]

WIDTH = 184  # of a box, in picture units
HEIGHT = 58
GAP_X = 30
GAP_Y = 12
CHARACTERS = 28  # that fit on one line of a box
MOST = 60  # boxes; a larger chain is told as a list only


@dataclass(frozen=True, slots=True)
class Box:
    """One node of the picture with its top left corner."""

    kind: str
    lines: tuple[str, ...]
    note: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """A connection between the middle of two box sides."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes and lines with the size of the whole."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int
    box_width: int = WIDTH
    box_height: int = HEIGHT


def graph(trees: Sequence[WhyNode], card: str) -> Graph | None:
    """The picture of one card; None when there is nothing to show or too much."""
    root = WhyNode("card", card, "card", after=tuple(trees))
    if not trees or _count(root) > MOST:
        return None
    depth = _depth(root)
    boxes: list[Box] = []
    lines: list[Line] = []
    rows = _place(root, depth - 1, 0, boxes, lines)
    return Graph(tuple(boxes), tuple(lines), depth * (WIDTH + GAP_X) - GAP_X + 2, max(rows, 1) * (HEIGHT + GAP_Y) - GAP_Y + 2)


def _place(node: WhyNode, column: int, row: int, boxes: list[Box], lines: list[Line]) -> int:
    """Put a node in the middle of what led to it; returns the next free row."""
    x = column * (WIDTH + GAP_X) + 1
    following = row
    ends: list[Box] = []
    for earlier in node.after:
        following = _place(earlier, column - 1, following, boxes, lines)
        ends.append(boxes[-1])
    following = max(following, row + 1)
    y = (ends[0].y + ends[-1].y) // 2 if ends else row * (HEIGHT + GAP_Y) + 1
    lines += [Line(end.x + WIDTH, end.y + HEIGHT // 2, x, y + HEIGHT // 2) for end in ends]
    boxes.append(Box(node.kind, _lines(node.text), _short(node.note), x, y))
    return following


def _lines(text: str) -> tuple[str, ...]:
    found = wrap(text, CHARACTERS) or [""]
    return tuple(found) if len(found) <= 2 else (found[0], _short(" ".join(found[1:])))


def _short(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"


def _count(node: WhyNode) -> int:
    return 1 + sum(map(_count, node.after))


def _depth(node: WhyNode) -> int:
    return 1 + max(map(_depth, node.after), default=0)
