"""Codes that mean nothing to us where we would expect to understand them: for the site, never for a finding.

Only codes of known systems that have the form of a code leave the record, without their display, text or resource.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rules.code_form import FORMS, form_problem
from rules.facts import Unmapped
from rules.terminology import ATC, ICD, Terminology, codings_of

__all__ = ["in_conditions", "in_medications"]

_MOST: Final = 20  # codings of one element that are looked at
BY_NAME: Final = "name"
"""The chapter of a drug that is watched because its name was recognised, when nothing says its ATC group."""


def in_conditions(codeable: object, terminology: Terminology) -> Iterable[Unmapped]:
    """The codings without a meaning of a Condition with an ICD-10 code of a watched chapter."""
    pairs = _known(codeable, terminology)
    chapter = _chapter("condition", (code for system, code in pairs if system in ICD), terminology)
    return _without_meaning(pairs, chapter, terminology)


def in_medications(codeables: Iterable[object], terminology: Terminology, *, named: bool) -> Iterable[Unmapped]:
    """The codings without a meaning of a drug with an ATC code of a watched group, or whose name was recognised."""
    pairs = [pair for codeable in codeables for pair in _known(codeable, terminology)][:_MOST]
    chapter = _chapter("medication", (code for system, code in pairs if system == ATC), terminology) or (BY_NAME if named else None)
    return _without_meaning(pairs, chapter, terminology)


def _known(codeable: object, terminology: Terminology) -> list[tuple[str, str]]:
    found = (terminology.key(system, code) for system, code in codings_of(codeable)[:_MOST])
    return [(system, code) for system, code in found if system in FORMS]


def _chapter(kind: str, codes: Iterable[str], terminology: Terminology) -> str | None:
    return next((chapter for code in codes if (chapter := terminology.watch.chapter(kind, code)) is not None), None)


def _without_meaning(pairs: Iterable[tuple[str, str]], chapter: str | None, terminology: Terminology) -> Iterable[Unmapped]:
    if chapter is None:
        return ()
    return [
        Unmapped(system, code, chapter)
        for system, code in pairs
        if not terminology.concepts(system, code) and form_problem(system, code) is None
    ]
