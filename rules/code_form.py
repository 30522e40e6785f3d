"""What a code of a known system looks like: its alphabet, its length and, where the system has one, its check digit.

A form says nothing about whether a code exists; it finds typing errors and keeps anything that is no code out of the watch for
unmapped codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from rules.terminology import ATC, CVX, ICD, LOINC, ORPHA, RXNORM, SNOMED

__all__ = ["FORMS", "form_problem", "is_loinc", "is_snomed_concept"]

_ICD: Final = re.compile(r"[A-Z][0-9][0-9A-Z](\.?[0-9A-Z]{1,4})?")
_ATC: Final = re.compile(r"[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?")
_LOINC: Final = re.compile(r"([0-9]{1,7})-([0-9])")
_LOINC_ANSWER: Final = re.compile(r"LA[0-9]{1,7}-[0-9]")  # counted in another way that the Users' Guide does not tell: form only
_SNOMED: Final = re.compile(r"[1-9][0-9]{5,17}")
_UP_TO_SEVEN: Final = re.compile(r"[0-9]{1,7}")
_CVX: Final = re.compile(r"[0-9]{2,3}")

_DIHEDRAL: Final = tuple(
    tuple((a + b) % 5 + (5 if b > 4 else 0) if a < 5 else (a - b) % 5 + (0 if b > 4 else 5) for b in range(10)) for a in range(10)
)
_PERMUTED: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def is_snomed_concept(code: str) -> bool:
    """A SNOMED CT concept identifier (release file specification 6): 6 to 18 digits, partition 00 or 10, Verhoeff check digit."""
    if not _SNOMED.fullmatch(code) or code[-3:-1] not in ("00", "10"):
        return False
    check = 0
    for place, character in enumerate(reversed(code)):
        digit = int(character)
        for _ in range(place % 8):
            digit = _PERMUTED[digit]
        check = _DIHEDRAL[check][digit]
    return check == 0


def is_loinc(code: str) -> bool:
    """A LOINC code with its mod 10 check digit (LOINC Users' Guide, appendix on check digits), or an answer (LA) by its form."""
    match = _LOINC.fullmatch(code)
    if match is None:
        return _LOINC_ANSWER.fullmatch(code) is not None
    total = 0
    for place, character in enumerate(reversed(match[1])):
        digit = int(character)
        total += digit if place % 2 else digit * 2 - 9 * (digit > 4)
    return (total + int(match[2])) % 10 == 0


def _like(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda code: pattern.fullmatch(code) is not None


FORMS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    **dict.fromkeys(ICD, (_like(_ICD), "a letter, two or more characters, a dot, such as G70.01")),
    SNOMED: (is_snomed_concept, "a concept identifier of 6 to 18 digits with a right check digit"),
    LOINC: (is_loinc, "digits, a hyphen and a right check digit, such as 19868-9"),
    RXNORM: (_like(_UP_TO_SEVEN), "a number of up to seven digits"),
    ATC: (_like(_ATC), "a level of the ATC tree, such as L04AX01"),
    ORPHA: (_like(_UP_TO_SEVEN), "a number of up to seven digits, without ORPHA:"),
    CVX: (_like(_CVX), "two or three digits"),
}


def form_problem(system: str, code: str) -> str | None:
    """What is wrong with the form of a code, as "found ..., expected ..."; None when it is right, or its system has no known form."""
    known = FORMS.get(system)
    if known is None or known[0](code):
        return None
    return f"found {code!r}, expected {known[1]}"
