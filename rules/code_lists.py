"""The CSV files of rules/codes, read once while loading and checked as they are read.

Every problem of every file is reported together, each as "file: line n: what is wrong" (`CodeListError`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Final

from rules.quantity import Bridge, is_unit

__all__ = ["KINDS", "CodeListError", "CodeLists", "CodeRow", "DrugName", "Member", "Node", "Word"]

KINDS: Final = {
    "conditions.csv": "condition",
    "medications.csv": "medication",
    "observations.csv": "observation",
    "procedures.csv": "procedure",
    "services.csv": "service",
    "additions.csv": "",  # has a column `kind`
}


NAME_KINDS: Final = ("brand", "combination", "ingredient", "other", "salt", "synonym")


class CodeListError(ValueError):
    """One or more files of rules/codes are wrong; the message has one line per problem."""


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code of one concept. `match` is exact, prefix or descendants; `trusted` is false for confidence `memory`."""

    kind: str
    concept: str
    label: str
    drug_class: str
    system: str
    code: str
    display: str
    match: str
    trusted: bool
    product_level: bool


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a value set; `concept` is empty when no code is proven."""

    value_set: str
    kind: str
    concept: str


@dataclass(frozen=True, slots=True)
class Node:
    """One concept of the disease taxonomy with the code lists that stand for it."""

    id: str
    parent: str
    label: str
    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A code that means one of our words: an answer, a route, a unit or a name of the vocabulary."""

    system: str
    code: str
    means: str
    display: str


@dataclass(frozen=True, slots=True)
class DrugName:
    """A name that stands for a drug in text; without concept (kind other) it only keeps a shorter name inside it from matching."""

    name: str
    concept: str
    kind: str


@dataclass(frozen=True, slots=True)
class CodeLists:
    """All files as typed rows, in file order."""

    rows: tuple[CodeRow, ...]
    members: tuple[Member, ...]
    nodes: tuple[Node, ...]
    wide: tuple[Word, ...]
    deciding: tuple[Word, ...]
    systems: Mapping[str, str]
    answers: tuple[Word, ...]
    routes: tuple[Word, ...]
    product_routes: tuple[Word, ...]
    units: Mapping[str, str]
    bridges: Mapping[str, tuple[Bridge, ...]]
    scales: Mapping[str, tuple[Decimal, Decimal]]
    """The lowest and the highest point."""
    vocabulary: tuple[Word, ...]
    watched: tuple[Word, ...]
    drug_names: tuple[DrugName, ...]
    drug_contexts: tuple[Word, ...]
    labels: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> CodeLists:
        """Read every file of `folder`; raises CodeListError that names all problems."""
        reader = _Reader(folder)
        rows = tuple(_code_rows(reader))
        lists = cls(
            rows=rows,
            members=tuple(_members(reader)),
            nodes=tuple(_nodes(reader)),
            wide=tuple(_words(reader, "wide-codes.csv", "concept")),
            deciding=tuple(_words(reader, "deciding-texts.csv", "concept")),
            systems={
                row["alias"].strip().rstrip("/").lower(): row["system"] for row in reader.rows("systems.csv", ("system", "alias", "source"))
            },
            answers=tuple(_words(reader, "answers.csv", "answer")),
            routes=tuple(_words(reader, "routes.csv", "route")),
            product_routes=tuple(_words(reader, "product-routes.csv", "route")),
            units=dict(_units(reader)),
            bridges=_bridges(reader),
            scales=dict(_scales(reader)),
            vocabulary=tuple(
                Word(row["kind"], row["name"], row["kind"], row["label"])
                for row in reader.rows("vocabulary.csv", ("name", "kind", "label"))
            ),
            watched=tuple(
                Word(row["kind"], row["prefix"], row["kind"], row["display"])
                for row in reader.rows("watched.csv", ("kind", "prefix", "display", "source"))
            ),
            drug_names=tuple(_drug_names(reader, {row.concept for row in rows if row.kind == "medication"})),
            drug_contexts=tuple(_words(reader, "drug-contexts.csv", "place")),
            labels={row["name"]: row["label"] for row in reader.rows("labels.csv", ("name", "label"))},
        )
        if reader.problems:
            raise CodeListError("\n".join(reader.problems))
        return lists


class _Reader:
    """Reads files of one folder and collects their problems."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []

    def rows(self, name: str, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
        """The rows of one file; a wrong header or a row of the wrong width is a problem."""
        try:
            with (self.folder / name).open(encoding="utf-8", newline="") as stream:
                table = csv.reader(stream)
                header = next(table, [])
                missing = [column for column in columns if column not in header]
                if missing:
                    self.problems.append(f"{name}: line 1: columns {missing} are missing, found {header}")
                    return
                for fields in table:
                    if len(fields) != len(header):
                        self.problems.append(f"{name}: line {table.line_num}: {len(fields)} fields, expected {len(header)}")
                        continue
                    yield dict(zip(header, fields, strict=True))
        except OSError:
            self.problems.append(f"{name}: cannot be read")


def _code_rows(reader: _Reader) -> Iterator[CodeRow]:
    for name, kind in KINDS.items():
        for row in reader.rows(name, ("concept_id", "concept_label", "system", "code", "display", "match", "verified_by", "confidence")):
            if row["match"] not in ("exact", "prefix", "descendants") or not row["concept_id"] or not row["code"]:
                reader.problems.append(f"{name}: {row['concept_id']} {row['code']}: match must be exact, prefix or descendants")
                continue
            yield CodeRow(
                kind or row.get("kind", ""),
                row["concept_id"],
                row["concept_label"],
                row.get("drug_class", ""),
                row["system"],
                row["code"],
                row["display"],
                row["match"],
                row["confidence"] == "verified",
                "product-level" in row["verified_by"],
            )


def _members(reader: _Reader) -> Iterator[Member]:
    for row in reader.rows("value-sets.csv", ("value_set", "member_type", "concept_id")):
        yield Member(row["value_set"], row["member_type"], row["concept_id"])


def _nodes(reader: _Reader) -> Iterator[Node]:
    more: dict[str, list[str]] = {}
    for row in reader.rows("taxonomy-map.csv", ("concept_id", "terminology_concept_id")):
        if row["terminology_concept_id"]:
            more.setdefault(row["concept_id"], []).append(row["terminology_concept_id"])
    for row in reader.rows("disease-taxonomy.csv", ("concept_id", "parent_id", "label", "terminology_concepts")):
        lists = [name for name in row["terminology_concepts"].split(";") if name]
        yield Node(row["concept_id"], row["parent_id"], row["label"], (*lists, *more.get(row["concept_id"], ())))


def _words(reader: _Reader, name: str, means: str) -> Iterator[Word]:
    for row in reader.rows(name, ("system", "code", means, "display", "source")):
        if not row[means] or not row["code"] or not row["source"]:
            reader.problems.append(f"{name}: {row['system']} {row['code']}: code, {means} and source must be given")
            continue
        yield Word(row["system"], row["code"], row[means], row["display"])


def _drug_names(reader: _Reader, known: Set[str]) -> Iterator[DrugName]:
    """A name of several drugs must be a combination; every other name is of one drug, and `other` of none."""
    seen: set[str] = set()
    for row in reader.rows("drug-names.csv", ("name", "concept", "kind", "source")):
        name, concept, kind = row["name"], row["concept"], row["kind"]
        if kind not in NAME_KINDS or not name or not row["source"]:
            reader.problems.append(f"drug-names.csv: {name}: kind must be one of {', '.join(NAME_KINDS)}, name and source must be given")
        elif concept if kind == "other" else concept not in known:
            reader.problems.append(f'drug-names.csv: {name}: found concept "{concept}", expected one of medications.csv (none for other)')
        elif name in seen and kind != "combination":
            reader.problems.append(f"drug-names.csv: {name}: stands twice; only a combination has several drugs")
        seen.add(name)
        yield DrugName(name, concept, kind)


def _units(reader: _Reader) -> Iterator[tuple[str, str]]:
    for row in reader.rows("unit-aliases.csv", ("text", "ucum")):
        if not is_unit(row["ucum"]):
            reader.problems.append(f'unit-aliases.csv: {row["text"]}: "{row["ucum"]}" is not a unit that can be converted')
            continue
        yield row["text"].lower(), row["ucum"]


def _bridges(reader: _Reader) -> dict[str, tuple[Bridge, ...]]:
    found: dict[str, list[Bridge]] = {}
    for row in reader.rows("unit-bridges.csv", ("concept", "from_unit", "to_unit", "factor", "offset", "source")):
        try:
            bridge = Bridge(row["from_unit"], row["to_unit"], Fraction(row["factor"]), Fraction(row["offset"] or "0"))
        except (ValueError, ZeroDivisionError):
            bridge = Bridge("", "", Fraction(0))
        if not bridge.factor or not row["source"] or not is_unit(bridge.from_unit) or not is_unit(bridge.to_unit):
            reader.problems.append(f"unit-bridges.csv: {row['concept']}: units must be convertible, factor a number, source given")
            continue
        found.setdefault(row["concept"], []).append(bridge)
    return {concept: tuple(bridges) for concept, bridges in found.items()}


def _scales(reader: _Reader) -> Iterator[tuple[str, tuple[Decimal, Decimal]]]:
    for row in reader.rows("scales.csv", ("concept", "lowest", "highest", "source")):
        try:
            scale = Decimal(row["lowest"]), Decimal(row["highest"])
        except InvalidOperation:
            scale = Decimal(0), Decimal(0)
        if not scale[0] < scale[1] or not row["source"]:
            reader.problems.append(f"scales.csv: {row['concept']}: lowest and highest must be numbers, the second greater, source given")
            continue
        yield row["concept"], scale
