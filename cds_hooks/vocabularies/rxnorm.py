"""RxNorm as published: RRF files of a full release (NLM, "RxNorm Technical Documentation").

A row of RXNREL reads "RXCUI2 RELA RXCUI1". Followed are the relations that lead from a product to what is in it; every one also stands
the other way round, and either way counts. Not followed: to a brand name (a brand may carry several products; a branded product is
reached through the drug that it is a tradename of), reformulations, basis of strength, dose forms (those give the route).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cds_hooks.vocabularies.descent import CycleError, Meanings, descend
from cds_hooks.vocabularies.index import Gap
from cds_hooks.vocabularies.rows import Tick, VocabularyError, number, rows
from cds_hooks.vocabularies.seeds import Seed
from cds_hooks.vocabularies.staging import Staging
from rules.expansion import Coded
from rules.terminology import RXNORM

__all__ = ["Rrf", "expand", "read"]

# RELA: True when it leads from RXCUI2 to what is in it, False when it is the same relation the other way round
INGREDIENT: Final = {
    "has_ingredient": True, "ingredient_of": False,  # SCDC, SCDF, SCDG -> IN
    "has_precise_ingredient": True, "precise_ingredient_of": False,  # SCDC, BN -> PIN
    "has_ingredients": True, "ingredients_of": False,  # SCD, SCDF, SCDG -> MIN
    "has_part": True, "part_of": False,  # MIN -> IN, PIN
    "form_of": True, "has_form": False,  # PIN -> IN
    "consists_of": True, "constitutes": False,  # SCD, SBD -> SCDC, SBDC
    "contains": True, "contained_in": False,  # GPCK, BPCK -> SCD, SBD
    "tradename_of": True, "has_tradename": False,  # SBD -> SCD, SBDC -> SCDC, BN -> IN, BPCK -> GPCK
    "isa": True, "inverse_isa": False,  # SCD -> SCDF, SCDG; SBD -> SBDF, SBDG
    "quantified_form_of": True, "has_quantified_form": False,  # SCD -> SCD
}  # fmt: skip
FORM: Final = {"has_dose_form": True, "dose_form_of": False, "has_doseformgroup": True, "doseformgroup_of": False}
PRODUCTS: Final = frozenset(
    ("IN", "PIN", "MIN", "BN", "SCDC", "SCDF", "SCDFP", "SCDG", "SCDGP", "SCD", "GPCK", "SBDC", "SBDF", "SBDFP", "SBDG", "SBD", "BPCK")
)
FORMS: Final = frozenset(("DF", "DFG"))
OURS: Final = "RXNORM"  # the SAB of RxNorm's own rows
AGAIN: Final = "Give the unpacked folder of a full RxNorm release, the one with rrf/RXNCONSO.RRF (zip files are not read)."
RELEASE: Final = re.compile(r"RXNORM_\w+")


class Rrf:
    """The files of one RxNorm release: `folder` is the package or its folder `rrf`."""

    def __init__(self, folder: Path) -> None:
        """Find the files; raises VocabularyError."""
        self.folder = folder / "rrf" if (folder / "rrf").is_dir() else folder
        self.names = self._file("RXNCONSO.RRF")
        self.relations = self._file("RXNREL.RRF")
        self.archive = self.folder / "RXNATOMARCHIVE.RRF"  # which retired code was merged into which
        self.version = self._version()

    @property
    def files(self) -> list[Path]:
        """All files, in the order in which they are read."""
        return [self.names, self.relations, *([self.archive] if self.archive.is_file() else [])]

    def _file(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise VocabularyError(str(self.folder), None, f"found no file {name}, expected one", AGAIN)
        return path

    def _version(self) -> str:
        """The version in RXNSAB (SAB, VSAB and CURVER of RxNorm's own row), or the date of the release in the folder's name."""
        path = self.folder / "RXNSAB.RRF"
        if path.is_file():
            for _, fields in rows(path, 26, "|", None, lambda _done: None):
                if fields[3] == OURS and fields[21] == "Y":
                    return fields[6] or fields[2]
        dated = re.search(r"\d{8}", self.folder.absolute().parent.name)
        return dated.group() if dated else "unknown"


def read(release: Rrf, staging: Staging, path: Path, tick: Tick) -> None:
    """Read one file into the work file; raises VocabularyError."""
    with staging.reading(path) as into:
        if path == release.names:
            into.executemany("INSERT INTO product VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING", _names(path, tick))
        elif path == release.relations:
            into.executemany("INSERT INTO part VALUES (?, ?, ?, ?)", _relations(path, tick))
        else:
            into.executemany("INSERT INTO merged VALUES (?, ?)", _merged(path, tick))


def _names(path: Path, tick: Tick) -> Iterator[tuple[int, str, str]]:
    """RXCUI, TTY and, of dose forms, STR. Obsolete and suppressed names stay: charts hold them."""
    for line, fields in rows(path, 19, "|", None, tick):
        if fields[11] == OURS and (fields[12] in PRODUCTS or fields[12] in FORMS):
            yield number(fields[0], path, line, "RXCUI"), fields[12], fields[14] if fields[12] in FORMS else ""


def _relations(path: Path, tick: Tick) -> Iterator[tuple[int, int, bool, int]]:
    """(product, what is in it or its dose form, whether it is a dose form, line)."""
    for line, fields in rows(path, 17, "|", None, tick):
        if fields[10] != OURS or not fields[0] or not fields[4]:
            continue  # of another vocabulary, or between names instead of concepts
        is_form = fields[7] in FORM
        as_read = FORM[fields[7]] if is_form else INGREDIENT.get(fields[7])
        if as_read is None:
            continue
        first, second = number(fields[0], path, line, "RXCUI1"), number(fields[4], path, line, "RXCUI2")
        yield (second, first, is_form, line) if as_read else (first, second, is_form, line)


def _merged(path: Path, tick: Tick) -> Iterator[tuple[int, int]]:
    for line, fields in rows(path, 17, "|", None, tick):
        if fields[13] == OURS and fields[14] in PRODUCTS and fields[15] and fields[12] != fields[15]:
            yield number(fields[12], path, line, "RXCUI"), number(fields[15], path, line, "MERGED_TO_RXCUI")


class _Release:
    """The release as it lies in the work file."""

    def __init__(self, release: Rrf, staging: Staging) -> None:
        self.release = release
        self.sql = staging.rows
        self.sql.executescript(
            "CREATE INDEX IF NOT EXISTS part_parent ON part (parent, child) WHERE NOT is_form;"
            "CREATE INDEX IF NOT EXISTS part_form ON part (child, parent) WHERE is_form;"
        )
        self._children: dict[int, list[int]] = {}

    def type(self, code: int) -> str | None:
        """The TTY of a concept; None when the release does not have it."""
        row = self.sql.execute("SELECT type FROM product WHERE id = ?", (code,)).fetchone()
        return None if row is None else str(row[0])

    def children(self, code: int) -> list[int]:
        """What has this in it, one step on; nothing for a brand name."""
        found = self._children.get(code)
        if found is None:
            rows_found = self.sql.execute("SELECT DISTINCT child FROM part WHERE parent = ? AND NOT is_form ORDER BY child", (code,))
            found = self._children[code] = [] if self.type(code) == "BN" else [row[0] for row in rows_found]
        return found

    def form(self, code: int) -> str:
        """The dose form of a product when it has exactly one."""
        names = self.sql.execute(
            "SELECT DISTINCT product.name FROM part JOIN product ON product.id = part.parent WHERE part.child = ? AND part.is_form LIMIT 2",
            (code,),
        ).fetchall()
        return str(names[0][0]) if len(names) == 1 else ""

    def line(self, child: int, parent: int) -> int:
        """The line of a relation."""
        return int(
            self.sql.execute("SELECT line FROM part WHERE child = ? AND parent = ? AND NOT is_form LIMIT 1", (child, parent)).fetchone()[0]
        )

    def successors(self) -> dict[int, int]:
        """Retired codes and the one code that the archive merged each into."""
        steps: dict[int, set[int]] = defaultdict(set)
        for old, new in self.sql.execute("SELECT DISTINCT old, new FROM merged WHERE old NOT IN (SELECT id FROM product)"):
            steps[old].add(new)
        return {old: next(iter(new)) for old, new in steps.items() if len(new) == 1}


def expand(release: Rrf, staging: Staging, seeds: Sequence[Seed]) -> tuple[list[Coded], list[Gap]]:
    """The ingredients among our concepts of every product, in rising order, and the codes of ours that the release lacks."""
    known = _Release(release, staging)
    successors = known.successors()
    starts: dict[int, list[int]] = defaultdict(list)
    gaps: list[Gap] = []
    for seed in seeds:
        code = seed.code
        if known.type(code) is None:
            code = successors.get(code, code)
            gaps.append(Gap(RXNORM, str(seed.code), f"merged into {code}" if code != seed.code else "not in this release"))
        starts[code].append(seed.code)
    try:
        above = descend(starts, known.children)
    except CycleError as error:
        line = known.line(error.child, error.parent)
        raise VocabularyError(
            release.relations, line, f"{error}, expected relations without circles", "The release is broken; get it again."
        ) from None
    meanings = Meanings.of([replace(seed, below=True) for seed in seeds], starts, above)  # what holds a drug is that drug
    found: dict[int, Coded] = {}
    for code, codes in above.items():
        if known.type(code) in PRODUCTS:
            meaning = meanings.of_codes(codes)
            found[code] = Coded(RXNORM, code, meaning.near | meaning.far, form=known.form(code))
    listed = {seed.code for seed in seeds}
    for old, new in successors.items():
        if new in found and old not in listed:
            found[old] = Coded(RXNORM, old, found[new].near, form=found[new].form)
    return [found[code] for code in sorted(found)], gaps
