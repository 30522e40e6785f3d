"""Invented releases in the published formats and of any size: an RF2 package of SNOMED CT, an RRF folder of RxNorm.

Identifiers of our own code lists stand at random places in them; everything else is made up from a seed. No row is of a real release.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cds_hooks.vocabularies import rf2

__all__ = ["Rxnorm", "Snomed", "write_rxnorm", "write_snomed"]

MODULE = "900000000000207008"
DATE = "20260701"
ATTRIBUTES = (
    "363698007",
    "116676008",
    "246075003",
    "370135005",
)  # finding site, associated morphology, causative agent, pathological process
FORMS = ("Oral Tablet", "Oral Capsule", "Injectable Solution", "Topical Cream", "Ophthalmic Solution", "Inhalation Powder", "Oral Solution")
FIRST_MADE_UP = 10_000_000_000  # above every identifier of our lists


@dataclass(frozen=True, slots=True)
class Snomed:
    """How much: concepts (a sixth of them inactive) and relationship rows of every kind, active or not."""

    concepts: int
    relationships: int
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Rxnorm:
    """How much: rows of RXNCONSO and of RXNREL."""

    names: int
    relations: int
    seed: int = 1


def _write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(lines)


def write_snomed(folder: Path, size: Snomed, ours: Sequence[int]) -> Path:
    """Write `folder`/Snapshot/...; `ours` become concepts with subtypes. Returns the folder."""
    chance = random.Random(size.seed)  # noqa: S311 - made-up data
    made_up = (FIRST_MADE_UP + 10 * number for number in range(size.concepts))
    places = set(chance.sample(range(max(len(ours) * 2, size.concepts // 100), size.concepts), len(ours)))
    mine = iter(ours)
    codes = [138875005, *(next(mine) if place in places else next(made_up) for place in range(1, size.concepts))]
    kept = set(ours)
    active = [code in kept or code == 138875005 or chance.random() > 1 / 6 for code in codes]
    terminology = folder / "Snapshot" / "Terminology"
    head = rf2.CONCEPT.replace(" ", "\t") + "\r\n"
    concepts = (f"{code}\t{DATE}\t{on:d}\t{MODULE}\t900000000000074008\r\n" for code, on in zip(codes, active, strict=True))
    _write(terminology / f"sct2_Concept_Snapshot_INT_{DATE}.txt", _chain(head, concepts))
    head = rf2.RELATIONSHIP.replace(" ", "\t") + "\r\n"
    _write(terminology / f"sct2_Relationship_Snapshot_INT_{DATE}.txt", _chain(head, _relationships(codes, active, size, chance)))
    retired = [code for code, on in zip(codes, active, strict=True) if not on]
    alive = [code for code, on in zip(codes, active, strict=True) if on]
    head = rf2.ASSOCIATION.replace(" ", "\t") + "\r\n"
    history = (
        f"{code:08x}-0000-4000-8000-{number:012x}\t{DATE}\t1\t{MODULE}\t900000000000526001\t{code}\t{chance.choice(alive)}\r\n"
        for number, code in enumerate(retired)
    )
    _write(folder / "Snapshot" / "Refset" / "Content" / f"der2_cRefset_AssociationSnapshot_INT_{DATE}.txt", _chain(head, history))
    return folder


def _chain(head: str, lines: Iterable[str]) -> Iterator[str]:
    yield head
    yield from lines


def _relationships(codes: Sequence[int], active: Sequence[bool], size: Snomed, chance: random.Random) -> Iterator[str]:
    """One to three parents of every concept, always earlier ones; the rest are attributes and rows of the past."""
    number = 0

    def row(on: bool, child: int, parent: int, kind: str) -> str:
        nonlocal number
        number += 1
        return f"{number * 10 + 20}\t{DATE}\t{on:d}\t{MODULE}\t{child}\t{parent}\t0\t{kind}\t900000000000011006\t900000000000451002\r\n"

    alive = [0]
    for place in range(1, len(codes)):
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            yield row(active[place], codes[place], codes[chance.choice(alive)], rf2.IS_A)
        if active[place]:
            alive.append(place)
    while number < size.relationships:
        child, other = chance.randrange(1, len(codes)), chance.randrange(1, len(codes))
        if chance.random() < 0.3:
            yield row(False, codes[child], codes[other], rf2.IS_A)  # of the past: may well make a circle
        else:
            yield row(chance.random() < 0.6, codes[child], codes[other], chance.choice(ATTRIBUTES))


def write_rxnorm(folder: Path, size: Rxnorm, ours: Sequence[int]) -> Path:
    """Write `folder`/rrf/...; `ours` become ingredients. Returns the folder."""
    chance = random.Random(size.seed)  # noqa: S311 - made-up data
    base = 10_000_000  # above every RXCUI of our lists
    forms = [base + number for number in range(len(FORMS))]
    ingredients = [*ours, *(base + 1000 + number for number in range(max(20, size.names // 80)))]
    products = max(20, size.names // 12)
    first = base + 10_000_000
    _write(folder / "rrf" / "RXNCONSO.RRF", _names(size, chance, forms, ingredients, products, first))
    _write(folder / "rrf" / "RXNREL.RRF", _relations(size, chance, forms, ingredients, products, first))
    version = "|".join(
        ["C0000000", "C0000000", f"RXNORM_{DATE}", "RXNORM", "RxNorm", "RXNORM", f"RXNORM_{DATE}", *[""] * 14, "Y", *[""] * 3]
    )
    _write(folder / "rrf" / "RXNSAB.RRF", [version + "|\n"])
    return folder


def _names(
    size: Rxnorm, chance: random.Random, forms: Sequence[int], ingredients: Sequence[int], products: int, first: int
) -> Iterator[str]:
    number = 0

    def row(code: int, vocabulary: str, kind: str, name: str) -> str:
        nonlocal number
        number += 1
        return f"{code}|ENG||||||{number}|{number}|{code}||{vocabulary}|{kind}|{code}|{name}||N|4096|\n"

    for code, name in zip(forms, FORMS, strict=True):
        yield row(code, "RXNORM", "DF", name)
    for code in ingredients:
        yield row(code, "RXNORM", "IN", f"ingredient {code}")
    for place in range(products):
        code = first + 4 * place
        yield row(code, "RXNORM", "SCD", f"product {code} Oral Tablet")
        yield row(code + 1, "RXNORM", "SCDC", f"component {code + 1}")
        yield row(code + 2, "RXNORM", "SBD", f"product {code} Oral Tablet [Brand]")
        yield row(code + 3, "RXNORM", "BN", "Brand")
    while number < size.names:
        yield row(first + 4 * chance.randrange(products), "MTHSPL", "DP", "a label name that belongs to another vocabulary")


def _relations(
    size: Rxnorm, chance: random.Random, forms: Sequence[int], ingredients: Sequence[int], products: int, first: int
) -> Iterator[str]:
    number = 0

    def both(product: int, name: str, part: int, back: str) -> str:
        """The relation and its inverse; a row reads "second name first"."""
        nonlocal number
        number += 2
        return (
            f"{part}||CUI|RO|{product}||CUI|{name}|{number}||RXNORM||||||\n"
            f"{product}||CUI|RO|{part}||CUI|{back}|{number + 1}||RXNORM||||||\n"
        )

    for place in range(products):
        code = first + 4 * place
        for part in chance.sample(ingredients, chance.choice((1, 1, 1, 2, 3))):
            yield both(code + 1, "has_ingredient", part, "ingredient_of")
            yield both(code + 3, "tradename_of", part, "has_tradename")
        yield both(code, "consists_of", code + 1, "constitutes")
        yield both(code + 2, "tradename_of", code, "has_tradename")
        yield both(code + 2, "has_ingredient", code + 3, "ingredient_of")
        yield both(code, "has_dose_form", chance.choice(forms), "dose_form_of")
    while number < size.relations:
        number += 1
        one, other = chance.randrange(10**7), chance.randrange(10**7)
        yield f"|{one}|AUI|RO||{other}|AUI|has_active_ingredient|{number}||MTHSPL||||||\n"
