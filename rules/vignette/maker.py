"""The workshop of a vignette: times, codes and resource ids."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from rules.extract.statuses import STATUSES
from rules.fhir_date import Duration, FhirDate
from rules.terminology import Terminology
from rules.vignette.entry import Json

__all__ = ["PATIENT", "SUBJECT", "Maker"]

PATIENT: Final = "patient-1"
SUBJECT: Final = {"reference": f"Patient/{PATIENT}"}


class Maker:
    """Builds resources one after the other and keeps them: on file, drafted, planned, or newly entered problems."""

    def __init__(self, terminology: Terminology, on: date, hook: str) -> None:
        self.terminology, self.on, self.hook = terminology, on, hook
        self.noon = datetime.combine(on, time(12), tzinfo=UTC)
        self.birth: date | None = None
        self.resources: list[Json] = []
        self.drafts: list[Json] = []
        self.planned: list[Json] = []
        self.problems: list[Json] = []
        self._numbers: dict[str, int] = {}

    def patient(self, raw: Mapping[str, object]) -> None:
        """The Patient: an `age` in years is a hundred days past the birthday, an age in months ten days past the month."""
        resource: Json = {"resourceType": "Patient", "id": PATIENT}
        gender = raw.get("gender")
        if gender is not None:
            if gender not in ("female", "male", "other", "unknown"):
                raise ValueError(f"patient.gender: found {gender!r}, expected female, male, other or unknown")
            resource["gender"] = gender
        birth = raw.get("birth")
        if birth is None and raw.get("age") is not None:
            birth = self._born(raw["age"])
        if birth is not None:
            parsed = FhirDate.parse(birth)
            if parsed is None or parsed.has_time:
                raise ValueError(f"patient.birth: found {birth!r}, expected a date such as 1980-05-02, 1980-05 or 1980")
            resource["birthDate"] = birth
            self.birth = parsed.end.date()
        deceased = raw.get("deceased")
        if deceased is not None:
            if not isinstance(deceased, bool):
                raise ValueError(f"patient.deceased: found {deceased!r}, expected true or false")
            resource["deceasedBoolean"] = deceased
        self.resources.append(resource)

    def _born(self, age: object) -> str:
        if isinstance(age, int) and not isinstance(age, bool) and 0 <= age < 150:
            length, past = Duration(age, "year"), timedelta(days=100)
        elif isinstance(age, str):
            length = Duration.parse(age)
            past = timedelta(days=100 if length.unit == "year" else 10 if length.unit == "month" else 0)
        else:
            raise ValueError(f'patient.age: found {age!r}, expected whole years or a text such as "20 months"')
        return (length.before(self.noon) - past).date().isoformat()

    def time(self, where: str, text: str) -> str:
        """A relative or ISO time as FHIR text."""
        if not text:
            return ""
        if text == "today":
            return self.on.isoformat()
        if text[0] in "+-":
            try:
                length = Duration.parse(text[1:])
            except ValueError as problem:
                raise ValueError(f"{where}: {problem}") from None
            moment = length.after(self.noon) if text[0] == "+" else length.before(self.noon)
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if length.is_exact else moment.date().isoformat()
        if FhirDate.parse(text) is None:
            raise ValueError(f'{where}: found {text!r}, expected an ISO time, "today" or a relative one such as "-30 days"')
        return text

    def codeable(self, where: str, name: str) -> Json:
        """The best official coding of a name, or our own; a name that stands for several coded concepts is refused."""
        known = self.terminology
        if not known.knows(name):
            near = known.suggest(name)
            hint = f" (did you mean {' or '.join(near)}?)" if near else ""
            raise ValueError(f"{where}: found {name!r}, which is no concept{hint}")
        coding = known.coding(name)
        if coding is None and known.is_collection(name):
            members = sorted(member for member in known.expand(name) - {name} if known.coding(member))
            if len(members) > 1:
                raise ValueError(f"{where}: {name!r} stands for several concepts, expected one of {', '.join(members[:8])}")
            coding = known.coding(members[0]) if members else None
        return {"coding": [coding or known.own_coding(name)], "text": known.label(name)}

    def resource(self, kind: str, into: list[Json] | None = None, /, **content: object) -> Json:
        """A resource with the next free id; empty elements are left out."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        wanted = content.pop("id", "") or f"{kind.lower()}-{self._numbers[kind]}"
        for name in ("status", "lifecycleStatus"):
            status = content.get(name)
            if status and kind in STATUSES and status not in STATUSES[kind]:
                raise ValueError(f"patient: {kind}.{name}: found {status!r}, expected one of {', '.join(sorted(STATUSES[kind]))}")
        made: Json = {"resourceType": kind, "id": wanted}
        made.update({name: value for name, value in content.items() if value not in ("", None, [], {})})
        (self.resources if into is None else into).append(made)
        return made
