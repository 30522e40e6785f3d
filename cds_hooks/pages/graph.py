"""The why of a card as a picture: facts on the left, the rules that they made speak beside them, the card on the right.

A fact or rule that counts twice stands there once, with a line to each that it led to. Plain boxes and lines, no library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from cds_hooks.pages.why import WhyNode

__all__ = ["Box", "Graph", "Line", "graph"]

WIDTH = 216  # of a box, in picture units
HEIGHT = 58
GAP_X = 44
GAP_Y = 12
CHARACTERS = 29  # that fit on one line of a box
SMALL_CHARACTERS = 34  # that fit on its last line
MOST = 40  # boxes; a larger chain is told as a list only
ROUNDS = 4  # of putting every column in the order of its neighbours

Key = tuple[str, str, str]


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
    root = WhyNode("card", card, "the card", after=tuple(trees))
    nodes: dict[Key, WhyNode] = {}
    edges: dict[tuple[Key, Key], None] = {}
    columns: dict[Key, int] = {}
    _collect(root, nodes, edges, columns)
    if not trees or len(nodes) > MOST:
        return None
    placed = _ordered(nodes, edges, columns)
    tallest = max(map(len, placed))
    height = tallest * (HEIGHT + GAP_Y) - GAP_Y
    boxes: dict[Key, Box] = {}
    for column, keys in enumerate(placed):
        top = (height - (len(keys) * (HEIGHT + GAP_Y) - GAP_Y)) // 2
        for row, key in enumerate(keys):
            node, y = nodes[key], top + row * (HEIGHT + GAP_Y) + 1
            boxes[key] = Box(node.kind, _lines(node.text), _short(node.note, SMALL_CHARACTERS), column * (WIDTH + GAP_X) + 1, y)
    lines = [_line(boxes[start], boxes[end]) for start, end in edges]
    return Graph(tuple(boxes.values()), tuple(lines), len(placed) * (WIDTH + GAP_X) - GAP_X + 2, height + 2)


def _collect(node: WhyNode, nodes: dict[Key, WhyNode], edges: dict[tuple[Key, Key], None], columns: dict[Key, int]) -> Key:
    """Note a node once with its column: facts first, everything else right of all that led to it."""
    key = (node.kind, node.text, node.note)
    nodes.setdefault(key, node)
    before = [_collect(earlier, nodes, edges, columns) for earlier in node.after]
    edges.update(dict.fromkeys((one, key) for one in before))
    first = 0 if node.kind == "fact" else 1
    columns[key] = max([columns.get(key, first), *(columns[one] + 1 for one in before)])
    return key


def _ordered(nodes: Iterable[Key], edges: Iterable[tuple[Key, Key]], columns: Mapping[Key, int]) -> list[list[Key]]:
    """Columns from the left, none empty, each in the order of what its nodes are joined to, so that few lines cross."""
    joined: dict[Key, list[Key]] = {key: [] for key in nodes}
    for start, end in edges:
        joined[start].append(end)
        joined[end].append(start)
    used = sorted(set(columns.values()))
    placed = [[key for key in joined if columns[key] == column] for column in used]
    for _ in range(ROUNDS):
        for keys in placed:
            at = {key: (row + 0.5) / len(column) for column in placed for row, key in enumerate(column)}
            keys.sort(key=lambda key: sum(at[one] for one in joined[key]) / max(len(joined[key]), 1))
    return placed


def _line(start: Box, end: Box) -> Line:
    return Line(start.x + WIDTH, start.y + HEIGHT // 2, end.x, end.y + HEIGHT // 2)


def _lines(text: str) -> tuple[str, ...]:
    found = wrap(text, CHARACTERS) or [""]
    return tuple(found) if len(found) <= 2 else (found[0], _short(" ".join(found[1:]), CHARACTERS))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
