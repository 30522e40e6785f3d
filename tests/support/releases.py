"""Small releases in the published formats, written where a test wants them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from cds_hooks.vocabularies import rf2
from cds_hooks.vocabularies.seeds import Seed, Seeds

CORE, EXTENSION = "900000000000207008", "11000146104"
SAME_AS, REPLACED_BY, POSSIBLY = "900000000000527005", "900000000000526001", "900000000000523009"
OTHER_TYPE = "363698007"  # finding site


def seed(code: int, *concepts: str, below: bool = True, fixed: bool = False) -> Seed:
    """One code of "our lists"."""
    return Seed(code, frozenset(concepts), below, fixed)


def seeds(snomed: Iterable[Seed] = (), rxnorm: Iterable[Seed] = (), icd10cm: Iterable[str] = ()) -> Seeds:
    """The lists that an index is built for."""
    return Seeds(tuple(snomed), tuple(rxnorm), frozenset(icd10cm), "digest")


def write_rf2(
    folder: Path,
    concepts: Mapping[int, bool] | Iterable[int],
    is_a: Iterable[tuple[int, int] | tuple[int, int, bool]],
    history: Iterable[tuple[int, int, str]] | None = None,
    *,
    package: str = "INT",
    date: str = "20260701",
    module: str = CORE,
    first: int = 100,
) -> Path:
    """An RF2 package: (child, parent) of every "is a", with False when the row is inactive; (old, new, reference set) of the history."""
    states = concepts if isinstance(concepts, Mapping) else dict.fromkeys(concepts, True)
    tables: dict[str, tuple[str, list[tuple[object, ...]]]] = {
        f"Terminology/sct2_Concept_Snapshot_{package}_{date}.txt": (
            rf2.CONCEPT,
            [(code, date, int(active), module, "900000000000074008") for code, active in states.items()],
        ),
        f"Terminology/sct2_Relationship_Snapshot_{package}_{date}.txt": (
            rf2.RELATIONSHIP,
            [
                (
                    first + number,
                    date,
                    int(row[2] if len(row) == 3 else True),
                    module,
                    row[0],
                    row[1],
                    0,
                    rf2.IS_A,
                    "900000000000011006",
                    "900000000000451002",
                )
                for number, row in enumerate(is_a)
            ],
        ),
    }
    if history is not None:
        tables[f"Refset/Content/der2_cRefset_AssociationSnapshot_{package}_{date}.txt"] = (
            rf2.ASSOCIATION,
            [(f"a{number}", date, 1, module, kind, old, new) for number, (old, new, kind) in enumerate(history)],
        )
    for name, (header, rows) in tables.items():
        path = folder / "Snapshot" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [header.replace(" ", "\t"), *("\t".join(map(str, row)) for row in rows)]
        path.write_bytes("".join(line + "\r\n" for line in lines).encode())
    return folder


def write_rrf(
    folder: Path,
    names: Mapping[int, tuple[str, str]],
    relations: Iterable[tuple[int, str, int]],
    merged: Iterable[tuple[int, int]] | None = None,
    more: Iterable[str] = (),
) -> Path:
    """An RxNorm release: TTY and name of each RXCUI; (one, RELA, other) as they are read: "one RELA other"; (old, merged into)."""
    rrf = folder / "rrf"
    rrf.mkdir(parents=True, exist_ok=True)
    files = {
        "RXNCONSO.RRF": [
            f"{code}|ENG||||||{number}||{code}||RXNORM|{kind}|{code}|{name}||N|4096|"
            for number, (code, (kind, name)) in enumerate(names.items())
        ],
        "RXNREL.RRF": [
            *(f"{other}||CUI|RO|{one}||CUI|{relation}|{number}||RXNORM||||||" for number, (one, relation, other) in enumerate(relations)),
            *more,
        ],
    }
    if merged is not None:
        files["RXNATOMARCHIVE.RRF"] = [f"1||an old name|||||||||RXNORM_20AA|{old}|RXNORM|SCD|{new}|" for old, new in merged]
    for name, lines in files.items():
        (rrf / name).write_bytes("".join(line + "\n" for line in lines).encode())
    return folder
