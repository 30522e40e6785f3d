"""Codes to concepts, names to concepts, concepts to codes. Built once from `rules.code_lists`; never changes afterwards.

A *concept* is a concept id of the code lists. A *name* is what a rule may write: a concept id, a concept of the disease
taxonomy (it stands for its descendants too), a value set, a drug class or a word of the vocabulary. Every name is also a
code of our own code system (`CONCEPT_SYSTEM`), the target of a site's map; so the expansion of a name contains the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from rules.code_lists import CodeLists, CodeRow, Word
from rules.drug_names import DrugNames, words
from rules.expansion import Coded, Expansion
from rules.names import Names
from rules.quantity import Bridge, Quantity
from rules.taxonomy import Taxonomy
from rules.watch import Watch

__all__ = ["ATC", "CONCEPT_SYSTEM", "LOINC", "RXNORM", "SNOMED", "Terminology"]

CONCEPT_SYSTEM: Final = "https://neuromuscular-cds.github.io/fhir/CodeSystem/concept"
SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC: Final = "http://www.whocc.no/atc"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
ORPHA: Final = "http://www.orpha.net"
ICD: Final = {
    "http://hl7.org/fhir/sid/icd-10": re.compile(r"[A-Z]\d\d\d{0,2}"),
    "http://hl7.org/fhir/sid/icd-10-cm": re.compile(r"[A-Z]\d[0-9A-Z]{1,5}"),
}
"""What a tidy code looks like. Anything longer is no code: in Germany "G70.0 A" means that myasthenia was excluded."""

_WORDS: Final = re.compile(r"[a-z0-9]+")
_MARKS: Final = frozenset({"hcc", "cms", "disorder"})
"""Epic writes "Duchenne muscular dystrophy (HCC)", SNOMED CT "... (disorder)"."""
_DOT: Final = re.compile(r"\s*\.\s*")
_EDITION: Final = re.compile(r"http://snomed\.info/sct/\d{6,18}(/version/\d{8})?")
_NONE: Final[frozenset[str]] = frozenset()
_BEST: Final[Mapping[str, tuple[str, ...]]] = {
    "medication": (RXNORM, CVX, ATC),
    "observation": (LOINC, SNOMED),
    "condition": (SNOMED, ORPHA, "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"),
}


class Terminology:
    """Look-ups over the loaded code lists. All methods are pure; none raises on a strange code."""

    def __init__(self, lists: CodeLists, site_map: Iterable[Word] = (), expansion: Iterable[Coded] = ()) -> None:
        self._systems = {**lists.systems, _plain(CONCEPT_SYSTEM): CONCEPT_SYSTEM}
        self._taxonomy = Taxonomy(lists.nodes)
        self._names = Names.of(lists, self._taxonomy)
        self._codes: dict[str, list[CodeRow]] = {row.concept: [] for row in lists.rows}
        trusted = [row for row in lists.rows if row.trusted]
        self.memory_rows: int = len(lists.rows) - len(trusted)
        exact: dict[tuple[str, str], set[str]] = {}
        prefix: dict[tuple[str, str], set[str]] = {}
        for row in trusted:
            self._codes[row.concept].append(row)
            table = prefix if row.match == "prefix" and row.system in ICD else exact
            table.setdefault((row.system, _tidy(row.system, row.code)), set()).add(row.concept)
        site = tuple(site_map)
        for word in site:  # a site's own systems are recognised in every spelling, as the others are
            self._systems.setdefault(_plain(word.system), word.system)
            if word.means in self._names.expansion:
                exact.setdefault(self.key(word.system, word.code), set()).add(word.means)
        self._mapped = frozenset(word.means for word in site)
        for word in lists.wide:
            for table in (exact, prefix):
                if (key := (word.system, _tidy(word.system, word.code))) in table:
                    table[key] = {word.means}
        self._deciding = {(self.key(word.system, word.code), _name(word.display)): word.means for word in lists.deciding}
        self._exact = {key: self._taxonomy.narrowed(found) for key, found in exact.items()}
        self._prefix = {key: self._taxonomy.narrowed(found) for key, found in prefix.items()}
        self._expand_with(expansion)
        self._undecided = _NONE.union(*(self.concepts(*key) for key, _ in self._deciding))
        self._answers = _by_code(lists.answers)
        self._answer_words = frozenset(self._answers.values())
        self._answers |= {self.key(word.system, word.code): word.means for word in site if word.means in self._answer_words}
        self._routes = _by_code(lists.routes)
        self._answer_codings = _first_codings(lists.answers)
        self._route_codings = _first_codings(lists.routes)
        self._product_codes = [(word.system, word.code, word.means) for word in lists.product_routes if word.system]
        self._product_words = [(f" {word.code} ", word.means) for word in lists.product_routes if not word.system]
        self._product_systems = frozenset(word.system for word in lists.product_routes)
        self._units = dict(lists.units)
        self._bridges = dict(lists.bridges)
        self._scales = dict(lists.scales)
        self._drug_names = DrugNames.of(lists, _official_names(trusted))
        self.watch = Watch(lists.watched)

    @classmethod
    def load(cls, folder: Path, site_map: Iterable[Word] = (), expansion: Iterable[Coded] = ()) -> Terminology:
        """Read the CSV files of `folder`; raises CodeListError naming every problem.

        `site_map` adds a site's own codes, `expansion` the subtypes and products of its releases.
        """
        return cls(CodeLists.read(folder), site_map, expansion)

    def _expand_with(self, rows: Iterable[Coded]) -> None:
        """Take in a site's releases. What our lists say about a code stands; only a product of RxNorm gets its other ingredients too."""
        self._expansion = Expansion(rows, self._taxonomy.narrowed, self._taxonomy.places)
        for key, own in self._exact.items():
            if key[0] == RXNORM and (more := self._expansion.concepts(*key) - own):
                self._exact[key] = own | more

    # -- codes to concepts

    def system(self, text: str) -> str:
        """The canonical URI of a code system, whatever its spelling.

        urn:oid, https, trailing slash, upper case, spaces, a version after "|", the edition and version of SNOMED CT.
        """
        known = self._systems.get(text)
        if known is not None:
            return known
        return self._systems.get(_plain(text), text)

    def key(self, system: str, code: str) -> tuple[str, str]:
        """System and code as they are looked up: the canonical URI, the code without what spelling adds to it."""
        system = self.system(system)
        return system, _tidy(system, code)

    def concepts(self, system: str, code: str) -> frozenset[str]:
        """The concepts that a code means; empty when it is on no list."""
        found = self._exact.get((system, code))
        if found is not None and system not in ICD:
            return found
        system = self.system(system)
        code = _tidy(system, code)
        if system in ICD and not ICD[system].fullmatch(code):
            return _NONE
        if system == CONCEPT_SYSTEM:
            return frozenset({code}) if code in self._names.expansion else _NONE
        found = self._exact.get((system, code), _NONE)
        if system in ICD:
            for length in range(3, len(code) + 1):
                wider = self._prefix.get((system, code[:length]))
                if wider is not None:
                    found = found | wider
        return found or self._expansion.concepts(system, code)

    def added_concepts(self, codeable: object) -> frozenset[str]:
        """The concepts that only a site's release gives to a code: true when the code is affirmed, not denied when it is denied.

        Who has no weakness of the left hand may still have a weakness.
        """
        added, listed = _NONE, _NONE
        for raw, code in _codings(codeable):
            system = self.system(raw)
            key = (system, _tidy(system, code))
            own = self._expansion.concepts(*key) if key not in self._exact else _NONE
            added |= own
            listed |= _NONE if own else self.concepts(*key)
        return added - listed

    def coding_concepts(self, codeable: object) -> frozenset[str]:
        """The concepts of every coding of a CodeableConcept; text alone never counts, nor `userSelected`.

        A code that names only the parent of a disease leaves the choice to the other codings of the same element, and the few codes of
        deciding-texts.csv to its text too.
        """
        return self.agreed(codeable)[0]

    def agreed(self, codeable: object, codings: Iterable[tuple[str, str]] | None = None) -> tuple[frozenset[str], frozenset[str]]:
        """What the codings claim together, and the diseases between which they disagree (Duchenne and Becker). `codings`: its `pairs`, when
        they were read already.

        Codings that name diseases which exclude each other claim only what stands above them all.
        """
        found = _NONE
        claims: list[frozenset[str]] = []
        for system, code in _codings(codeable) if codings is None else codings:
            concepts = self.concepts(system, code)
            if concepts and concepts not in claims:
                claims.append(concepts)
                found = found | concepts if found else concepts
        if not self._undecided.isdisjoint(found) and (told := self._told(codeable)):
            claims.append(told)
            found |= told
        disputed = self._taxonomy.disputed(claims) if len(claims) > 1 else _NONE
        return (found - disputed | self._taxonomy.above_all(disputed) if disputed else found), disputed

    def _told(self, codeable: object) -> frozenset[str]:
        """The disease that the text of a CodeableConcept names, where one of its codes leaves it to the text; the whole text counts."""
        text = codeable.get("text") if isinstance(codeable, dict) else None
        if not isinstance(text, str) or len(text) > 100:
            return _NONE
        name = _name(text)
        found = (self._deciding.get((self.key(*coding), name)) for coding in _codings(codeable))
        return frozenset(concept for concept in found if concept is not None)

    def answers(self, codeable: object) -> frozenset[str]:
        """Our words for a coded answer (positive, yes, poor-metaboliser ...); empty when no coding is known."""
        found = [self._answers.get((self.system(system), code)) for system, code in _codings(codeable)]
        return frozenset(answer for answer in found if answer is not None)

    def answer_word(self, text: str) -> str | None:
        """Our word for a qualitative result written as text, matched whole and without regard to case."""
        return self._answers.get(("", text.strip().lower())) if len(text) <= 40 else None

    def route(self, codeable: object) -> str | None:
        """Our route word for a coded route; None when unknown or when codings contradict each other."""
        found = {self._routes.get((self.system(system), code)) for system, code in _codings(codeable)} - {None}
        return found.pop() if len(found) == 1 else None

    def product_route(self, codeable: object, *, named: bool = False) -> str | None:
        """The route that a product code itself implies (ATC S01: eye); with `named` also the first dose-form word of its text."""
        found = {
            route
            for system, code in _codings(codeable)
            if (known := self.system(system)) in self._product_systems
            for owner, start, route in self._product_codes
            if known == owner and code.upper().startswith(start)
        } | self._form_routes(codeable)
        if len(found) == 1:
            return found.pop()
        if not named:
            return None
        text = " ".join(word for name in _texts((codeable,)) for word in _WORDS.findall(name.lower()))
        return next((route for word, route in self._product_words if word in f" {text} "), None)

    def _form_routes(self, codeable: object) -> set[str]:
        """The routes that the dose forms of RxNorm products say, where a site's release names them."""
        forms = {self._expansion.form(self.system(system), code.strip()) for system, code in _codings(codeable)} - {""}
        words = (f" {' '.join(_WORDS.findall(form.lower()))} " for form in forms)
        return {route for text in words if (route := next((route for word, route in self._product_words if word in text), None))}

    def drugs_named(self, codeables: Iterable[object]) -> frozenset[str]:
        """Drugs named in the text or a display of CodeableConcepts, or the display of a Reference; for drugs without a known code only."""
        return self._drug_names.named(_texts(codeables))

    def unit_alias(self, text: str) -> str | None:
        """The UCUM code of a unit text on the short list of common spellings; None otherwise."""
        return self._units.get(text.strip().lower()) if len(text) <= 40 else None

    def bridges(self, concepts: Iterable[str]) -> tuple[Bridge, ...]:
        """How mass, substance and activity units of the thing measured convert into each other."""
        if self._bridges.keys().isdisjoint(concepts):
            return ()
        return tuple(bridge for concept in sorted(concepts) for bridge in self._bridges.get(concept, ()))

    def on_scale(self, value: Quantity, concepts: Set[str]) -> Quantity | None:
        """The value as a plain number where its concept has a scale, None when that is no point of it; without a scale the value."""
        for concept in self._scales.keys() & concepts:
            lowest, highest = self._scales[concept]
            point = value.convert("1")
            return point if point is not None and lowest <= point.value <= highest else None
        return value

    # -- names to concepts

    def expand(self, name: str) -> frozenset[str]:
        """The concepts that satisfy a name, the name itself included; raises KeyError with suggestions."""
        try:
            return self._names.expansion[name]
        except KeyError:
            near = self.suggest(name)
            hint = f" (did you mean {', '.join(near)}?)" if near else ""
            raise KeyError(f'"{name}" is not a concept, value set, drug class or word of the vocabulary{hint}') from None

    def knows(self, name: str) -> bool:
        """Is this a name a rule may write?"""
        return name in self._names.expansion

    def is_collection(self, name: str) -> bool:
        """Does this name only gather others (a value set, a drug class that is no ingredient)?"""
        return name in self._names.collections

    def suggest(self, name: str) -> tuple[str, ...]:
        """Up to three names that look like `name`."""
        return tuple(get_close_matches(name, self._names.expansion, n=3, cutoff=0.6))

    def did_you_mean(self, name: str) -> str:
        """The same as the end of a sentence; empty when nothing looks like `name`."""
        near = self.suggest(name)
        return f"; did you mean {' or '.join(near)}?" if near else ""

    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""
        return tuple(sorted(self._names.expansion))

    def unresolved(self) -> tuple[str, ...]:
        """Names that no trusted public code reaches; only a site's map or our own code system records them."""
        return tuple(
            sorted(name for name, found in self._names.expansion.items() if not any(self._codes.get(concept) for concept in found))
        )

    @staticmethod
    def pairs(codeable: object) -> list[tuple[str, str]]:
        """(system, code) of every readable coding of a CodeableConcept, as written."""
        return _codings(codeable)

    def recordable(self, name: str) -> bool:
        """Can a name be recorded with an official code, or with one that the site has mapped?"""
        return name in self._mapped or self.coding(name) is not None

    def is_answer(self, word: str) -> bool:
        """Is this one of our words for a coded answer (positive, yes ...)?"""
        return word in self._answer_words

    def answer_words(self) -> frozenset[str]:
        """All our words for coded answers."""
        return self._answer_words

    def ancestors(self, concept: str) -> tuple[str, ...]:
        """The taxonomy concepts above a concept, nearest first."""
        return self._taxonomy.ancestors(concept)

    def wider(self, concepts: Iterable[str]) -> frozenset[str]:
        """What stands above these diseases in the taxonomy and says less than they do; not what stands beside them."""
        return self._taxonomy.wider(concepts)

    def node(self, concept: str) -> str:
        """The taxonomy concept that a code list hangs on; the concept itself when it is one, or when none is known."""
        return self._taxonomy.node(concept)

    def of_kind(self, kind: str) -> frozenset[str]:
        """Every name of one kind of the vocabulary, such as the gene symbols."""
        return frozenset(name for name, known in self._names.kinds.items() if known == kind)

    # -- concepts to words and codes

    def label(self, name: str) -> str:
        """A label for people; the name itself when nothing better is on file."""
        return self._names.labels.get(name, name)

    def kind(self, name: str) -> str | None:
        """condition, medication, observation, procedure, service, or the vocabulary's kind; None when a name has none."""
        return self._names.kinds.get(name)

    def codings(self, concept: str) -> tuple[dict[str, str], ...]:
        """All trusted official codings of a concept, best first."""
        rank = _BEST.get(self._names.kinds.get(concept, ""), (SNOMED, LOINC))
        usable = [row for row in self._codes.get(concept, ()) if concept in self.concepts(row.system, row.code)]
        usable.sort(
            key=lambda row: (
                row.product_level,
                rank.index(row.system) if row.system in rank else len(rank),
                row.match == "prefix",
                len(self.concepts(row.system, row.code)),
            )
        )
        return tuple({"system": row.system, "code": row.code, "display": row.display} for row in usable)

    def rows_of(self, concept: str) -> tuple[CodeRow, ...]:
        """The trusted rows of a concept, as the code lists have them."""
        return tuple(self._codes.get(concept, ()))

    def coding(self, concept: str) -> dict[str, str] | None:
        """The best official coding for a proposal or a vignette; None when there is none (product-level drug codes do not count)."""
        products = {row.code for row in self._codes.get(concept, ()) if row.product_level}
        return next((coding for coding in self.codings(concept) if coding["code"] not in products), None)

    def drug_of(self, concept: str) -> str:
        """The first by name of the forms of one drug, which stand on one ATC code: mycophenolate mofetil and mycophenolic acid."""
        forms = (self.concepts(ATC, row.code) for row in self._codes.get(concept, ()) if row.system == ATC)
        return min(frozenset({concept}).union(*forms))

    def answer_coding(self, word: str) -> dict[str, str] | None:
        """The first coding on file that means this answer word."""
        return self._answer_codings.get(word)

    def route_coding(self, word: str) -> dict[str, str] | None:
        """The first coding on file that means this route word."""
        return self._route_codings.get(word)

    def own_coding(self, name: str) -> dict[str, str]:
        """The coding of a name in our own code system."""
        return {"system": CONCEPT_SYSTEM, "code": name, "display": self.label(name)}


def _name(text: str) -> str:
    """The words of a name, without the marks that EHRs hang on the names of diagnoses."""
    return " ".join(word for word in _WORDS.findall(text.lower()) if word not in _MARKS)


def _by_code(words: Iterable[Word]) -> dict[tuple[str, str], str]:
    return {(word.system, word.code if word.system else word.code.lower()): word.means for word in words}


def _first_codings(words: Iterable[Word]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for word in words:
        if word.system:
            found.setdefault(word.means, {"system": word.system, "code": word.code, "display": word.display})
    return found


def _official_names(rows: Iterable[CodeRow]) -> dict[str, frozenset[str]]:
    """Labels and official names of ingredients, in lower case words."""
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        if row.kind == "medication" and row.system in (RXNORM, ATC) and not row.product_level and "vaccine" not in row.concept:
            for name in {" ".join(words(text)) for text in (row.label, row.display)}:
                found[name] = found.get(name, _NONE) | {row.concept}
    return found


def _texts(codeables: Iterable[object]) -> list[str]:
    """The text and the displays of CodeableConcepts, and the displays of References."""
    found: list[object] = []
    for codeable in codeables:
        if isinstance(codeable, dict):
            codings = codeable.get("coding")
            found += [codeable.get("text"), codeable.get("display")]
            found += [coding.get("display") for coding in codings if isinstance(coding, dict)] if isinstance(codings, list) else []
    return [item[:300] for item in found if isinstance(item, str)]


def _codings(codeable: object) -> list[tuple[str, str]]:
    """(system, code) of every readable coding of a CodeableConcept, or of a Coding itself."""
    if not isinstance(codeable, dict):
        return []
    codings = codeable.get("coding")
    if codings is None and "code" in codeable:
        codings = [codeable]
    if not isinstance(codings, list):
        return []
    return [
        (system, code)
        for coding in codings
        if isinstance(coding, dict) and isinstance(system := coding.get("system"), str) and isinstance(code := coding.get("code"), str)
    ]


def _plain(system: str) -> str:
    """A system URI for comparison: lower case, http, without version, trailing slash and spaces around it."""
    plain = system.partition("|")[0].strip().rstrip("/").lower()
    if plain.startswith("https://"):
        plain = "http://" + plain[8:]
    return SNOMED if _EDITION.fullmatch(plain) else plain


def _tidy(system: str, code: str) -> str:
    """A code as it is looked up: no spaces around it, ICD-10 and ATC in capitals, ICD-10 without dot, dagger and placeholder dash,
    CVX of two digits, ORPHA codes as bare numbers."""
    code = code.strip()
    if system in ICD:
        return _DOT.sub("", code.upper()).rstrip("*+-\u2020 ")
    if system == ATC:
        return code.upper()
    if system == CVX and code.isdigit():
        return code.zfill(2)
    if system == ORPHA and code[:6].upper() == "ORPHA:":
        return code[6:].strip()
    return code
