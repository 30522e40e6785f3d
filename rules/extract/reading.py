"""Reading untrusted JSON: every function here accepts any value and answers None or empty when it is not what FHIR says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from rules.extract.statuses import INTENTS, STATUSES
from rules.facts import UNREADABLE, Origin, Unmapped
from rules.fhir_date import FhirDate
from rules.quantity import Quantity, is_unit, number
from rules.terminology import Terminology

__all__ = [
    "MALFORMED",
    "MASKED",
    "MODIFIED",
    "MOST_PARTS",
    "NAMELESS",
    "NOTHING",
    "Element",
    "Input",
    "Known",
    "Reading",
    "elements",
    "first",
    "flag",
    "is_codeable",
    "reference_of",
    "says_something",
    "target_of",
]

Element: TypeAlias = dict[str, object]

MOST_PARTS = 500  # facts of one resource; a large panel has 100 components
NAMELESS = "?"
NOTHING: Final[frozenset[str]] = frozenset()
MALFORMED = "a resource of this type could not be read"
MASKED = "an entry does not say what it is"
MODIFIED = "a resource carries a modifier extension this service does not know"

_UCUM = "http://unitsofmeasure.org"
_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_TARGET = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{2,40}/[^/?#\s]{1,256})(?:/_history/[^/?#\s]{1,256})?", re.DOTALL)
_NEVER_IN_NAMES = frozenset("/?#")
_COMPARATORS = frozenset({"", "<", "<=", ">=", ">"})


@dataclass(frozen=True, slots=True)
class Input:
    """One resource of the request, any JSON value. `url` is the fullUrl of its bundle entry, for references by urn:uuid."""

    resource: object
    origin: Origin = Origin.RECORD
    url: str = ""


class Known(NamedTuple):
    """An Input that is a JSON object, with its reference."""

    ref: str
    resource: Element
    origin: Origin
    url: str


def elements(value: object) -> list[Element]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def first(value: object) -> Element:
    """The first object of a list, or an empty one."""
    return next(iter(elements(value)), {})


def flag(value: object) -> bool | None:
    """A JSON boolean."""
    return value if isinstance(value, bool) else None


class Reading:
    """One extraction: the terminology, all resources by reference, and what could not be read."""

    def __init__(self, inputs: Sequence[Known], terminology: Terminology, unread: Mapping[str, str]) -> None:
        self.terminology = terminology
        self.unread: dict[str, str] = dict(unread)
        self.birth: FhirDate | None = None
        self.unmapped: set[Unmapped] = set()
        self.order: tuple[int, str] | None = None  # place and type of what is being read, when the hook asks about it
        self.lost: set[tuple[int, str]] = set()  # those that could not be understood
        self._dates: dict[str, FhirDate | None] = {}
        self._resources: dict[str, Element] = {}
        for item in inputs:
            self._resources.setdefault(item.ref, item.resource)
            if item.ref.endswith(f"/{NAMELESS}") and isinstance(name := item.resource.get("id"), str):
                self._resources.setdefault(f"{item.ref[:-1]}{name}", item.resource)
            if item.url:
                self._resources.setdefault(item.url, item.resource)
        uses = (item.resource for item in inputs if item.resource.get("resourceType") == "DeviceUseStatement")
        used = (self.resolve(use.get("device"), use) for use in uses if use.get("status") != "entered-in-error")
        self._used: Final = frozenset(id(device) for device in used if device is not None)

    # -- values

    def date(self, value: object) -> FhirDate | None:
        """A FHIR date, dateTime or instant."""
        if not isinstance(value, str):
            return None
        if value not in self._dates:
            self._dates[value] = FhirDate.parse(value)
        return self._dates[value]

    def period(self, value: object) -> tuple[FhirDate | None, FhirDate | None]:
        """Start and end of a Period."""
        if not isinstance(value, dict):
            return None, None
        return self.date(value.get("start")), self.date(value.get("end"))

    def when(self, resource: Element, *names: str) -> FhirDate | None:
        """The first readable date among the elements `names`; of a Period the end, or else the start."""
        for name in names:
            value = resource.get(name)
            if isinstance(value, str):
                found = self.date(value)
            elif isinstance(value, dict):
                start, end = self.period(value)
                found = end or start
            else:
                continue
            if found is not None:
                return found
        return None

    def quantity(self, value: object, concepts: frozenset[str] = frozenset()) -> Quantity | None:
        """A Quantity (R4 2.24.0.7) whose unit is known; a bare number has the unit "1"."""
        if not isinstance(value, dict):
            return None
        amount = number(value.get("value"))
        unit = self.unit(value)
        comparator = value.get("comparator", "")
        if amount is None or unit is None or not isinstance(comparator, str) or comparator not in _COMPARATORS:
            return None
        return Quantity(amount, unit, comparator, self.terminology.bridges(concepts) if concepts else ())

    def days(self, value: object) -> Decimal | None:
        """A Duration in days, when it is known and longer than nothing."""
        quantity = self.quantity(value)
        length = quantity.convert("d") if quantity is not None and not quantity.comparator else None
        return length.value if length is not None and length.value > 0 else None

    def unit(self, value: Element) -> str | None:
        """The UCUM code of a Quantity: `code` when the system is UCUM, else `unit` when it is exactly one or a listed alias."""
        code, system, name = value.get("code"), value.get("system"), value.get("unit")
        if isinstance(system, str) and isinstance(code, str):
            if self.terminology.system(system) != _UCUM:
                return None
            return code if is_unit(code) else self.terminology.unit_alias(code) or code
        if code is None and name is None:
            return "1"
        for candidate in (code, name):
            if isinstance(candidate, str):
                alias = self.terminology.unit_alias(candidate)
                if alias is not None:
                    return alias
                if is_unit(candidate):
                    return candidate
        return None

    # -- codes

    def codeable(self, resource: Element, name: str) -> object:
        """The element `name`; notes a malformed resource when it is there and is no CodeableConcept of R4 (2.24.0.6)."""
        value = resource.get(name)
        if not is_codeable(value):
            self.malformed(resource)
        return value

    def codeables(self, resource: Element, name: str) -> object:
        """The element `name`, a list of CodeableConcepts, as `codeable`."""
        value = resource.get(name)
        if value is not None and not (isinstance(value, list) and all(item is not None and is_codeable(item) for item in value)):
            self.malformed(resource)
        return value

    def concepts(self, *codeables: object) -> frozenset[str]:
        """The concepts of CodeableConcepts or of lists of them."""
        found = NOTHING
        for codeable in codeables:
            if codeable is None:
                continue
            for item in codeable if isinstance(codeable, list) else (codeable,):
                concepts = self.terminology.coding_concepts(item)
                if concepts:
                    found = found | concepts if found else concepts
        return found

    def answers(self, codeable: object) -> frozenset[str]:
        """Our words for a coded answer or a list of them, and for a `text` that is exactly one of the words."""
        if codeable is None:
            return NOTHING
        found: set[str] = set()
        for item in codeable if isinstance(codeable, list) else (codeable,):
            known = self.terminology.answers(item)
            found |= known
            if not known and isinstance(item, dict) and isinstance(item.get("text"), str):
                word = self.terminology.answer_word(item["text"])
                found |= {word} if word else set()
        return frozenset(found)

    def status(self, resource: Element, name: str = "status") -> str | None:
        """The status of a resource: its code, None when missing, "unreadable" when it is none of its type's codes."""
        return _code(resource.get(name), STATUSES[str(resource["resourceType"])])

    def intent(self, resource: Element) -> str | None:
        """The intent of an order, as `status`."""
        return _code(resource.get("intent"), INTENTS)

    def coded_status(self, resource: Element, name: str, allowed: frozenset[str]) -> str | None:
        """A status that is a CodeableConcept; contradicting codings are unreadable."""
        value = resource.get(name)
        if value is None:
            return None
        codings = elements(value.get("coding")) if isinstance(value, dict) else []
        codes = {code for coding in codings if isinstance(code := coding.get("code"), str) and code in allowed}
        return codes.pop() if len(codes) == 1 else UNREADABLE

    # -- references

    def resolve(self, reference: object, within: Element) -> Element | None:
        """The resource a Reference points to: contained, or anywhere in the request."""
        target = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(target, str) or len(target) > 500:
            return None
        if target.startswith("#"):
            return next((item for item in elements(within.get("contained")) if item.get("id") == target[1:]), None)
        found = self._resources.get(target)
        if found is None and (match := _TARGET.fullmatch(target)):
            found = self._resources.get(match[1])
        return found

    def has_use_statement(self, device: Element) -> bool:
        """Whether DeviceUseStatements speak about this Device: they say whether it is used, its own status only that it exists."""
        return id(device) in self._used

    def reasons(self, resource: Element, codes: str = "reasonCode", references: str = "reasonReference") -> tuple[frozenset[str], bool]:
        """The concepts of the reasons of an order, and whether any reason is given at all."""
        coded, referred = resource.get(codes), resource.get(references)
        found = self.concepts(coded) | self.referred(referred, resource)
        return found, bool(coded) or bool(referred)

    def referred(self, references: object, within: Element) -> frozenset[str]:
        """The concepts (element `code`) of the resources referred to."""
        found = NOTHING
        for reference in elements(references):
            target = self.resolve(reference, within)
            if target is not None:
                found |= self.concepts(target.get("code"))
        return found

    # -- trouble

    def trouble(self, resource: Element, why: str) -> None:
        """Note that not all of a resource was understood. On record, absence cannot be concluded from its type any more; what the hook
        asks about says nothing about the record, but was not checked."""
        if self.order is not None:
            self.lost.add(self.order)
        else:
            self.unread.setdefault(str(resource.get("resourceType")), why)

    def malformed(self, resource: Element) -> None:
        """Note that a resource of this type says something we could not read."""
        self.trouble(resource, MALFORMED)

    def masked(self, resource: Element) -> None:
        """Note that a resource of this type says neither in code nor in words what it is: it is hidden, or absent with a reason."""
        self.trouble(resource, MASKED)

    def modified(self, resource: Element) -> None:
        """Note that something this service does not know could change the meaning of a resource of this type."""
        self.trouble(resource, MODIFIED)

    def usable(self, resource: Element) -> bool:
        """False, and noted, when a modifier extension, implicit rules (R4 2.1.21.5, 2.26.3.4) or an unreadable doNotPerform
        could change the meaning."""
        if resource.get("modifierExtension") or resource.get("implicitRules"):
            self.modified(resource)
            return False
        if not isinstance(resource.get("doNotPerform", False), bool):
            self.malformed(resource)
            return False
        return True


def is_codeable(value: object) -> bool:
    """Whether it is missing, or a CodeableConcept whose codings can be read. R5 puts them into `concept` of a CodeableReference."""
    if value is None:
        return True
    if not isinstance(value, dict) or "concept" in value or "reference" in value:
        return False
    codings = value.get("coding")
    if codings is None:
        return True
    if not isinstance(codings, list):
        return False
    for coding in codings:
        if not (isinstance(coding, dict) and isinstance(coding.get("code", ""), str) and isinstance(coding.get("system", ""), str)):
            return False
    return True


def says_something(value: object) -> bool:
    """Whether a CodeableConcept has a code or words, or a Reference has words."""
    if not isinstance(value, dict):
        return False
    if value.get("text") or value.get("display"):
        return True
    return any(coding.get("code") or coding.get("display") for coding in elements(value.get("coding")))


def _code(value: object, allowed: frozenset[str]) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) and value in allowed else UNREADABLE


def reference_of(resource: Element) -> tuple[str, bool]:
    """Type/id with the id as it was sent, longer than FHIR allows too, "?" for one that is missing or that no reference can hold; and
    whether it is an id as FHIR defines it (R4 2.24.0.1), which no other resource of its type has."""
    name = resource.get("id")
    if isinstance(name, str):
        if _ID.fullmatch(name):
            return f"{resource.get('resourceType')}/{name}", True
        if name and name.isprintable() and not _NEVER_IN_NAMES.intersection(name):
            return f"{resource.get('resourceType')}/{name}", False
    return f"{resource.get('resourceType')}/{NAMELESS}", False


def target_of(reference: object) -> str | None:
    """Type/id of a Reference as written, whether or not it can be resolved."""
    target = reference.get("reference") if isinstance(reference, dict) else None
    match = _TARGET.fullmatch(target) if isinstance(target, str) and len(target) <= 500 else None
    return match[1] if match else None
