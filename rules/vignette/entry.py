"""One entry of a vignette's shorthand, read with the place in every message."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeAlias

from rules.terminology import CONCEPT_SYSTEM

if TYPE_CHECKING:
    from rules.vignette.maker import Maker

__all__ = ["SECTIONS", "Entry", "Json", "known_keys", "near"]

Json: TypeAlias = dict[str, object]

SYSTEMS: Final = {
    "icd-10-cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd-10": "http://hl7.org/fhir/sid/icd-10",
    "snomed": "http://snomed.info/sct",
    "orpha": "http://www.orpha.net",
    "loinc": "http://loinc.org",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "atc": "http://www.whocc.no/atc",
    "cvx": "http://hl7.org/fhir/sid/cvx",
    "concept": CONCEPT_SYSTEM,
}
_CODED: Final = "concept code system"
_ORDER: Final = "when reason"
_DOSE: Final = "mg_per_day steps mg_per_kg_day dosing_days days route reason status_reason single prn do_not_perform prior id"

# Every section with the keys its entries may have.
SECTIONS: Final[Mapping[str, str]] = {
    "diagnoses": f"{_CODED} also clinical verification onset recorded changed abated severity site new",
    "findings": f"{_CODED} when as present status",
    "medications": f"{_CODED} name kind status intent since until {_DOSE}",
    "drafts": f"{_CODED} name type status intent since until when {_DOSE}",
    "planned": f"{_CODED} name type status intent since until when {_DOSE}",
    "labs": f"{_CODED} value unit comparator result answer truth when status high low date site focus",
    "genes": "gene significance copies when status",
    "procedures": f"{_CODED} {_ORDER} status",
    "imaging": f"{_CODED} {_ORDER} status",
    "reports": f"{_CODED} when status conclusion",
    "immunizations": f"{_CODED} {_ORDER} status",
    "allergies": f"{_CODED} when clinical verification severity reaction",
    "family": f"{_CODED} relationship status",
    "encounters": f"{_CODED} {_ORDER} status class",
    "orders": f"{_CODED} {_ORDER} status do_not_perform",
    "appointments": f"{_CODED} {_ORDER} status",
    "plans": f"{_CODED} when until status for",
    "goals": f"{_CODED} when status achievement for",
    "devices": f"{_CODED} when until status kind",
    "flags": f"{_CODED} when until status",
    "answers": f"{_CODED} yes answer when kind status",
    "communications": f"{_CODED} {_ORDER} status",
    "consents": f"{_CODED} when status type",
}


_REFUSED: Final[Mapping[str, tuple[str, ...]]] = {
    "diagnoses": ("medication", "service", "question", "specialty"),
    "findings": ("medication", "service", "specialty"),
    "family": ("medication", "service", "question", "specialty"),
    "medications": ("condition", "observation", "service", "question", "specialty"),
}


def near(name: str, among: tuple[str, ...]) -> str:
    """A did-you-mean in brackets, or nothing."""
    close = get_close_matches(name, among, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def known_keys(where: str, table: Mapping[str, object], keys: tuple[str, ...]) -> None:
    """Refuse a key that is not among `keys`."""
    for key in table:
        if key not in keys:
            raise ValueError(f"{where}.{key}: unknown key, expected one of {', '.join(keys)}{near(key, keys)}")


class Entry:
    """One entry of a section: typed access to its options, with the place in every message."""

    def __init__(self, where: str, section: str, raw: object, maker: Maker) -> None:
        if isinstance(raw, str):
            raw = {"gene": raw} if section == "genes" else {"concept": raw}
        if not isinstance(raw, Mapping):
            raise ValueError(f"{where}: found {raw!r}, expected a concept id or a table")
        known_keys(where, raw, tuple(SECTIONS[section].split()))
        self.where, self.section, self.raw, self.maker = where, section, raw, maker

    def text(self, key: str, default: str = "") -> str:
        """A text option."""
        value = self.raw.get(key, default)
        if not isinstance(value, str):
            raise ValueError(f"{self.where}.{key}: found {value!r}, expected a text")
        return value

    def choice(self, key: str, options: Mapping[str, str] | tuple[str, ...], default: str) -> str:
        """A text option out of a few."""
        value = self.text(key, default)
        if value and value not in options:
            raise ValueError(f"{self.where}.{key}: found {value!r}, expected one of {', '.join(options)}{near(value, tuple(options))}")
        return value

    def number(self, key: str) -> int | float | None:
        """A number option."""
        value = self.raw.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"{self.where}.{key}: found {value!r}, expected a number")
        return value

    def numbers(self, key: str) -> list[int | float]:
        """A list of numbers; empty when left out."""
        values = self.raw.get(key, [])
        if not isinstance(values, list) or any(isinstance(one, bool) or not isinstance(one, int | float) for one in values):
            raise ValueError(f"{self.where}.{key}: found {values!r}, expected a list of numbers")
        return values

    def truth(self, key: str, default: bool) -> bool:
        """A yes/no option."""
        value = self.raw.get(key, default)
        if not isinstance(value, bool):
            raise ValueError(f"{self.where}.{key}: found {value!r}, expected true or false")
        return value

    def when(self, key: str, default: str = "") -> str:
        """A time as FHIR text; empty when left out."""
        return self.maker.time(f"{self.where}.{key}", self.text(key, default))

    def codeable(self, *, needed: bool = True) -> Json:
        """The CodeableConcept of the entry: `code` with `system`, or the concept's own."""
        code, concept = self.text("code"), self.text("concept")
        if code:
            system = self.choice("system", SYSTEMS, "")
            if not system:
                raise ValueError(f"{self.where}.system: missing, expected one of {', '.join(SYSTEMS)}")
            return {"coding": [{"system": SYSTEMS[system], "code": code}]}
        if concept:
            kind = self.maker.terminology.kind(concept)
            if kind in _REFUSED.get(self.section, ()):
                raise ValueError(f"{self.where}.concept: found {concept!r}, which is a {kind}")
            return self.maker.codeable(f"{self.where}.concept", concept)
        if needed:
            raise ValueError(f"{self.where}: needs `concept`, or `code` with `system`")
        return {}

    def codings(self) -> Json:
        """The CodeableConcept of the entry, with the codings of the concepts in `also`."""
        more = self.raw.get("also", [])
        if not isinstance(more, list) or not all(isinstance(name, str) for name in more):
            raise ValueError(f"{self.where}.also: found {more!r}, expected a list of concepts")
        codings: list[object] = []
        for codeable in (self.codeable(), *(self.maker.codeable(f"{self.where}.also", name) for name in more)):
            found = codeable.get("coding")
            codings += found if isinstance(found, list) else []
        return {**self.codeable(), "coding": codings}

    def named(self, key: str) -> Json:
        """An option that is a concept, as CodeableConcept; the word "other" has a text and no code."""
        name = self.text(key)
        if not name:
            return {}
        return {"text": "other"} if name == "other" else self.maker.codeable(f"{self.where}.{key}", name)

    def answer(self, key: str) -> Json:
        """An option that is an answer word or a concept."""
        word = self.text(key)
        coding = self.maker.terminology.answer_coding(word) if word else None
        return {"coding": [coding]} if coding else self.named(key)
