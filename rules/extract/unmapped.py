"""Codes that mean nothing to us where we would expect to understand them: for the site, never for a finding.

Only codes of known systems that have the form of a code leave the record, without their display, text or resource.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from rules.code_form import FORMS, form_problem
from rules.facts import Unmapped
from rules.terminology import ATC, ICD, Terminology

__all__ = ["in_conditions", "in_medications"]

_MOST: Final = 20  # codings of one element that are looked at
_ATC: Final = frozenset({ATC})
BY_NAME: Final = "name"
"""The chapter of a drug that is watched because its name was recognised, when nothing says its ATC group."""


def in_conditions(codings: list[tuple[str, str]], terminology: Terminology) -> Iterable[Unmapped]:
    """Of the codings of a Condition with an ICD-10 code of a watched chapter those without a meaning."""
    chapter = _chapter("condition", ICD, codings, terminology)
    return _without_meaning(codings, chapter, terminology) if chapter else ()


def in_medications(codeables: Iterable[object], terminology: Terminology, *, named: bool) -> Iterable[Unmapped]:
    """The codings without a meaning of a drug with an ATC code of a watched group, or whose name was recognised."""
    codings = [coding for codeable in codeables for coding in terminology.pairs(codeable)]
    chapter = _chapter("medication", _ATC, codings, terminology) or (BY_NAME if named else None)
    return _without_meaning(codings, chapter, terminology) if chapter else ()


def _chapter(kind: str, systems: Container[str], codings: Iterable[tuple[str, str]], terminology: Terminology) -> str | None:
    """The watched chapter of the first coding that has one; most records have none, so nothing else is done before."""
    for system, code in codings:
        if terminology.system(system) in systems:
            chapter = terminology.watch.chapter(kind, terminology.key(system, code)[1])
            if chapter is not None:
                return chapter
    return None


def _without_meaning(codings: list[tuple[str, str]], chapter: str, terminology: Terminology) -> Iterable[Unmapped]:
    found = (terminology.key(system, code) for system, code in codings[:_MOST])
    return [
        Unmapped(system, code, chapter)
        for system, code in found
        if system in FORMS and not terminology.concepts(system, code) and form_problem(system, code) is None
    ]
