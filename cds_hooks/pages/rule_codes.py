"""The codes that can make a rule speak: every name in its conditions and proposals, with the official codes behind it."""

from __future__ import annotations

from dataclasses import dataclass

from rules.model import Rule
from rules.publish.value_set import names_of
from rules.terminology import Terminology

__all__ = ["Coded", "codes_of"]

MOST = 400  # codes shown of one name; the rest is counted


@dataclass(frozen=True, slots=True)
class Coded:
    """One name of the rule: its label, and (system, code, display) of all it stands for; `more` were left out."""

    name: str
    label: str
    codes: tuple[tuple[str, str, str], ...]
    more: int


def codes_of(rule: Rule, terminology: Terminology) -> tuple[Coded, ...]:
    """In alphabetical order of the names; each code once per name."""
    names = sorted({name for name in names_of(rule) if terminology.knows(name)})
    return tuple(_coded(name, terminology) for name in names)


def _coded(name: str, terminology: Terminology) -> Coded:
    found = sorted(
        {
            (coding["system"], coding["code"], coding["display"])
            for concept in terminology.expand(name)
            for coding in terminology.codings(concept)
        }
    )
    return Coded(name, terminology.label(name), tuple(found[:MOST]), max(len(found) - MOST, 0))
