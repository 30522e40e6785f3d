"""Hiding small numbers of people in what is printed, so that nobody can be recognised by them.

A number from 1 to 10 is hidden (0 is shown). That is not enough where a total of the same people is known: the hidden rest could be worked
out. So in a group whose parts add up to a known total, further parts are hidden, the smallest first, until at least two are hidden and they
add up to 11 or more.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HIDDEN", "SMALLEST", "hidden", "shown"]

SMALLEST = 11
HIDDEN = f"under {SMALLEST}"
"""A number that is itself small."""
WITHHELD = "withheld"
"""A number that would give a small one away."""


def hidden(parts: Mapping[str, int]) -> frozenset[str]:
    """The names of the parts that must not be shown beside their total (or beside a number that is nearly it)."""
    found = {name for name, count in parts.items() if 0 < count < SMALLEST}
    rest = sorted((count, name) for name, count in parts.items() if count >= SMALLEST)
    while found and rest and (len(found) < 2 or sum(parts[name] for name in found) < SMALLEST):
        found.add(rest.pop(0)[1])
    return frozenset(found)


def shown(count: int, *, also_hidden: bool = False) -> str:
    """A number as it is printed."""
    if 0 < count < SMALLEST:
        return HIDDEN
    return WITHHELD if also_hidden else f"{count:,}"
