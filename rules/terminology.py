"""Codes to concepts, names to concepts, concepts to codes. Built once from `rules.code_lists`; never changes afterwards.

A *concept* is a concept id of the code lists. A *name* is what a rule may write: a concept id, a concept of the disease
taxonomy (it stands for its descendants too), a value set, a drug class or a word of the vocabulary. Every name is also a
code of our own code system (`CONCEPT_SYSTEM`), the target of a site's map; so the expansion of a name contains the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from rules.code_lists import CodeLists, CodeRow, Word
from rules.quantity import Bridge

__all__ = ["ATC", "CONCEPT_SYSTEM", "LOINC", "RXNORM", "SNOMED", "Terminology"]

CONCEPT_SYSTEM: Final = "https://neuromuscular-cds.github.io/fhir/CodeSystem/concept"
SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC: Final = "http://www.whocc.no/atc"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
ORPHA: Final = "http://www.orpha.net"
ICD: Final = frozenset({"http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-10-cm"})

_NONE: Final[frozenset[str]] = frozenset()
_BEST: Final[Mapping[str, tuple[str, ...]]] = {
    "medication": (RXNORM, CVX, ATC),
    "observation": (LOINC, SNOMED),
    "condition": (SNOMED, ORPHA, "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"),
}
# Branches of the taxonomy whose concepts are single findings: their names do not stand for wider code lists.
_FINDINGS: Final = ("symptom", "manual-therapy-indication", "cause", "onset-axis")


class Terminology:
    """Look-ups over the loaded code lists. All methods are pure; none raises on a strange code."""

    def __init__(self, lists: CodeLists, site_map: Iterable[Word] = ()) -> None:
        self._systems = {**lists.systems, _plain(CONCEPT_SYSTEM): CONCEPT_SYSTEM}
        self._parents = {node.id: node.parent for node in lists.nodes}
        self._node_of: dict[str, str] = {}
        for node in sorted(lists.nodes, key=lambda node: len(self._above(node.id))):  # the deepest node speaks for a code list
            if not self._is_finding(node.id):
                self._node_of.update(dict.fromkeys(node.lists, node.id))
        self._node_of.update({node.id: node.id for node in lists.nodes})
        self._labels: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._codes: dict[str, list[CodeRow]] = {}
        self._classes: dict[str, set[str]] = {}
        self.memory_rows: int = 0
        exact: dict[tuple[str, str], set[str]] = {}
        prefix: dict[tuple[str, str], set[str]] = {}
        for row in lists.rows:
            self._labels.setdefault(row.concept, row.label)
            self._kinds.setdefault(row.concept, row.kind)
            self._codes.setdefault(row.concept, [])
            if row.drug_class:
                self._classes.setdefault(row.drug_class, set()).add(row.concept)
            if not row.trusted:
                self.memory_rows += 1
                continue
            self._codes[row.concept].append(row)
            table = prefix if row.match == "prefix" and row.system in ICD else exact
            table.setdefault((row.system, _tidy(row.system, row.code)), set()).add(row.concept)
        self._names = self._expansions(lists)
        for word in site_map:
            system = self.system(word.system)
            exact.setdefault((system, _tidy(system, word.code)), set()).add(word.means)
        for word in lists.wide:
            for table in (exact, prefix):
                if (word.system, _tidy(word.system, word.code)) in table:
                    table[word.system, _tidy(word.system, word.code)] = {word.means}
        self._exact = {key: self._narrowed(found) for key, found in exact.items()}
        self._prefix = {key: self._narrowed(found) for key, found in prefix.items()}
        self._answers = self._words(lists.answers)
        self._routes = self._words(lists.routes)
        self._product_routes = [(word.system, word.code, word.means) for word in lists.product_routes]
        self._units = dict(lists.units)
        self._bridges = dict(lists.bridges)

    @classmethod
    def load(cls, folder: Path, site_map: Iterable[Word] = ()) -> Terminology:
        """Read the CSV files of `folder`; raises CodeListError naming every problem. `site_map` adds a site's own codes."""
        return cls(CodeLists.read(folder), site_map)

    # -- codes to concepts

    def system(self, text: str) -> str:
        """The canonical URI of a code system, whatever its spelling (urn:oid, https, trailing slash, upper case, spaces)."""
        known = self._systems.get(text)
        if known is not None:
            return known
        return self._systems.get(_plain(text), text)

    def concepts(self, system: str, code: str) -> frozenset[str]:
        """The concepts that a code means; empty when it is on no list."""
        found = self._exact.get((system, code))
        if found is not None and system not in ICD:
            return found
        system = self.system(system)
        code = _tidy(system, code)
        if system == CONCEPT_SYSTEM:
            return frozenset({code}) if code in self._names else _NONE
        found = self._exact.get((system, code), _NONE)
        if system in ICD:
            for length in range(3, len(code) + 1):
                wider = self._prefix.get((system, code[:length]))
                if wider is not None:
                    found = found | wider
        return found

    def coding_concepts(self, codeable: object) -> frozenset[str]:
        """The concepts of every coding of a CodeableConcept; text never counts.

        A code that names only the parent of a disease leaves the choice to the other codings of the same element.
        """
        found: frozenset[str] = _NONE
        for system, code in _codings(codeable):
            concepts = self.concepts(system, code)
            if concepts:
                found = found | concepts if found else concepts
        return found

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

    def product_route(self, codeable: object) -> str | None:
        """The route that a product code itself implies (ATC S01: eye)."""
        found = {
            route
            for system, code in _codings(codeable)
            for owner, start, route in self._product_routes
            if self.system(system) == owner and code.upper().startswith(start)
        }
        return found.pop() if len(found) == 1 else None

    def unit_alias(self, text: str) -> str | None:
        """The UCUM code of a unit text on the short list of common spellings; None otherwise."""
        return self._units.get(text.strip().lower()) if len(text) <= 40 else None

    def bridges(self, concepts: Iterable[str]) -> tuple[Bridge, ...]:
        """How mass, substance and activity units of the thing measured convert into each other."""
        found: list[Bridge] = []
        for concept in sorted(concepts):
            found.extend(self._bridges.get(concept, ()))
        return tuple(found)

    # -- names to concepts

    def expand(self, name: str) -> frozenset[str]:
        """The concepts that satisfy a name, the name itself included; raises KeyError with suggestions."""
        try:
            return self._names[name]
        except KeyError:
            near = self.suggest(name)
            hint = f" (did you mean {', '.join(near)}?)" if near else ""
            raise KeyError(f'"{name}" is not a concept, value set, drug class or word of the vocabulary{hint}') from None

    def knows(self, name: str) -> bool:
        """Is this a name a rule may write?"""
        return name in self._names

    def suggest(self, name: str) -> tuple[str, ...]:
        """Up to three names that look like `name`."""
        return tuple(get_close_matches(name, self._names, n=3, cutoff=0.6))

    def names(self) -> tuple[str, ...]:
        """Every name, sorted."""
        return tuple(sorted(self._names))

    def unresolved(self) -> tuple[str, ...]:
        """Names that no trusted public code reaches; only a site's map or our own code system records them."""
        return tuple(sorted(name for name, found in self._names.items() if not any(self._codes.get(concept) for concept in found)))

    def ancestors(self, concept: str) -> tuple[str, ...]:
        """The taxonomy concepts above a concept, nearest first."""
        node = self._node_of.get(concept, "")
        above: list[str] = [] if node == concept else [node] if node else []
        while node := self._parents.get(node, ""):
            above.append(node)
        return tuple(above)

    # -- concepts to words and codes

    def label(self, name: str) -> str:
        """A label for people; the name itself when nothing better is on file."""
        return self._labels.get(name, name)

    def kind(self, name: str) -> str | None:
        """condition, medication, observation, procedure, service, or the vocabulary's kind; None when a name has none."""
        return self._kinds.get(name)

    def codings(self, concept: str) -> tuple[dict[str, str], ...]:
        """All trusted official codings of a concept, best first."""
        rank = _BEST.get(self._kinds.get(concept, ""), (SNOMED, LOINC))
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

    def coding(self, concept: str) -> dict[str, str] | None:
        """The best official coding for a proposal or a vignette; None when there is none (product-level drug codes do not count)."""
        products = {row.code for row in self._codes.get(concept, ()) if row.product_level}
        return next((coding for coding in self.codings(concept) if coding["code"] not in products), None)

    def own_coding(self, name: str) -> dict[str, str]:
        """The coding of a name in our own code system."""
        return {"system": CONCEPT_SYSTEM, "code": name, "display": self.label(name)}

    # -- loading

    def _expansions(self, lists: CodeLists) -> dict[str, frozenset[str]]:
        """Every name with what satisfies it."""
        names: dict[str, set[str]] = {concept: {concept} for concept in self._codes}
        children: dict[str, list[str]] = {}
        for node in lists.nodes:
            names.setdefault(node.id, {node.id})
            self._labels.setdefault(node.id, node.label)
            self._kinds.setdefault(node.id, "condition")
            children.setdefault(node.parent, []).append(node.id)
        own = {node.id: set() if self._is_finding(node.id) else set(node.lists) for node in lists.nodes}

        def below(node: str) -> set[str]:
            found = {node} | own[node]
            for child in children.get(node, ()):
                found |= below(child)
            return found

        for node in lists.nodes:
            names[node.id] |= below(node.id)
        taxonomy = set(own)
        for drug_class, members in self._classes.items():
            names.setdefault(drug_class, {drug_class}).update(members)
            self._kinds.setdefault(drug_class, "medication")
        for word in lists.vocabulary:
            names.setdefault(word.code, {word.code})
            self._labels.setdefault(word.code, word.display)
            self._kinds.setdefault(word.code, word.means)
        sets: dict[str, list[str]] = {}
        for member in lists.members:
            if member.value_set in taxonomy:
                continue  # the taxonomy says what these mean; their value-set row is a hint how to derive them
            names.setdefault(member.value_set, {member.value_set})
            sets.setdefault(member.value_set, []).append(member.concept)
            if member.kind != "value-set":
                self._kinds.setdefault(member.value_set, member.kind or "finding")

        def inside(name: str, path: tuple[str, ...]) -> set[str]:
            found = set(names.get(name, {name}))
            for member in sets.get(name, ()):
                if member and member not in path:
                    found |= inside(member, (*path, member)) if member in sets else {member}
            return found

        return {name: frozenset(inside(name, (name,))) for name in names}

    def _is_finding(self, node: str) -> bool:
        while node:
            if node in _FINDINGS:
                return True
            node = self._parents.get(node, "")
        return False

    def _narrowed(self, found: set[str]) -> frozenset[str]:
        """Sibling diseases of one code become their nearest common ancestor: the code does not say which one it is."""
        nodes = {concept: self._node_of[concept] for concept in found if concept in self._node_of}
        lines = {concept: (node, *self._above(node)) for concept, node in nodes.items()}
        undecided = {
            one
            for one in nodes
            for two in nodes
            if nodes[one] != nodes[two] and nodes[one] not in lines[two] and nodes[two] not in lines[one]
        }
        if not undecided:
            return frozenset(found)
        first = lines[min(undecided)]
        common = next((node for node in first if all(node in lines[concept] for concept in undecided)), None)
        return frozenset(found - undecided | ({common} if common else set()))

    def _above(self, node: str) -> tuple[str, ...]:
        above: list[str] = []
        while node := self._parents.get(node, ""):
            above.append(node)
        return tuple(above)

    def _words(self, words: Iterable[Word]) -> dict[tuple[str, str], str]:
        return {(word.system, word.code if word.system else word.code.lower()): word.means for word in words}


def _codings(codeable: object) -> list[tuple[str, str]]:
    """(system, code) of every readable coding of a CodeableConcept, or of a Coding itself."""
    if not isinstance(codeable, Mapping):
        return []
    codings = codeable.get("coding")
    if codings is None and "code" in codeable:
        codings = [codeable]
    if not isinstance(codings, list):
        return []
    return [
        (coding["system"], coding["code"])
        for coding in codings
        if isinstance(coding, Mapping) and isinstance(coding.get("system"), str) and isinstance(coding.get("code"), str)
    ]


def _plain(system: str) -> str:
    """A system URI for comparison: lower case, http, no trailing slash, no spaces around it."""
    plain = system.strip().rstrip("/").lower()
    return "http://" + plain[8:] if plain.startswith("https://") else plain


def _tidy(system: str, code: str) -> str:
    """A code as it is looked up: no spaces around it; ICD-10 and ATC in capitals, ICD-10 without dot and dagger marks, CVX of two digits."""
    code = code.strip()
    if system in ICD:
        return code.upper().replace(".", "").rstrip("*+\u2020")
    if system == ATC:
        return code.upper()
    if system == CVX and code.isdigit():
        return code.zfill(2)
    return code
