"""Patient -> Person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rules.extract.reading import Element, Reading, flag
from rules.facts import Person
from rules.fhir_date import FhirDate

__all__ = ["agreed", "person"]

_GENDERS = frozenset({"male", "female", "other", "unknown"})


def person(resource: Element, ref: str, as_of: datetime, reading: Reading) -> Person:
    """The Patient resource (R4 8.1). A birth in the future is a mistake: the age is not known. A deceasedDateTime that is no date, or is in
    the future, does not end decision support: silence must mean more than that."""
    gender = resource.get("gender")
    died = _past(resource.get("deceasedDateTime"), as_of, reading)
    return Person(
        ref,
        birth=_past(resource.get("birthDate"), as_of, reading),
        gender=gender if isinstance(gender, str) and gender in _GENDERS else None,
        deceased=flag(resource.get("deceasedBoolean")) is True or died is not None,
    )


def _past(value: object, as_of: datetime, reading: Reading) -> FhirDate | None:
    found = reading.date(value)
    return None if found is None or found.is_future(as_of) else found


def agreed(people: Sequence[Person]) -> Person | None:
    """The first by reference. What two versions of that Patient say differently is not known; dead is who is dead in both."""
    ref = min((one.ref for one in people), default=None)
    versions = [one for one in people if one.ref == ref]
    if ref is None or len(versions) == 1:
        return versions[0] if versions else None
    births = {one.birth for one in versions}
    genders = {one.gender for one in versions}
    return Person(
        ref,
        birth=births.pop() if len(births) == 1 else None,
        gender=genders.pop() if len(genders) == 1 else None,
        deceased=all(one.deceased for one in versions),
    )
