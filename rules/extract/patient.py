"""Patient -> Person."""

from __future__ import annotations

from rules.extract.reading import Element, Reading, flag
from rules.facts import Person

__all__ = ["person"]

_GENDERS = frozenset({"male", "female", "other", "unknown"})


def person(resource: Element, ref: str, reading: Reading) -> Person:
    """The Patient resource (R4 8.1). A deceasedDateTime that is no date does not end decision support: silence must mean more than that."""
    gender = resource.get("gender")
    return Person(
        ref,
        birth=reading.date(resource.get("birthDate")),
        gender=gender if isinstance(gender, str) and gender in _GENDERS else None,
        deceased=flag(resource.get("deceasedBoolean")) is True or reading.date(resource.get("deceasedDateTime")) is not None,
    )
