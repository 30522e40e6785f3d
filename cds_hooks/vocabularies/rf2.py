"""SNOMED CT as published: RF2 snapshot files (SNOMED International, "Release File Specification").

Read are the concepts (which are active), the relationships "is a" (116680003) and, where the package has them, the historical
associations REPLACED BY and SAME AS: a retired code means what its one successor means. Several packages (an edition and its
extensions) are one release: of rows with the same id the newest counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from cds_hooks.vocabularies.descent import Codes, CycleError, Meaning, Meanings, descend
from cds_hooks.vocabularies.index import Gap
from cds_hooks.vocabularies.rows import Tick, VocabularyError, number, rows
from cds_hooks.vocabularies.seeds import Seed
from cds_hooks.vocabularies.staging import Staging
from rules.expansion import Coded
from rules.terminology import SNOMED

__all__ = ["Package", "expand", "read"]

IS_A: Final = "116680003"
HISTORY: Final = frozenset(("900000000000526001", "900000000000527005"))  # REPLACED BY, SAME AS
CONCEPT: Final = "id effectiveTime active moduleId definitionStatusId"
RELATIONSHIP: Final = "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId characteristicTypeId modifierId"
ASSOCIATION: Final = "id effectiveTime active moduleId refsetId referencedComponentId targetComponentId"
NAME: Final = re.compile(r".*Snapshot_(?P<package>[^_]+)_(?P<date>\d{8})[^_]*\.txt")
AGAIN: Final = "Give the unpacked folder of one release of each package (zip files are not read)."


class Package:
    """The files of one or more RF2 folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        """Find the files; raises VocabularyError when one is missing or two releases of one package lie side by side."""
        self.concepts: list[Path] = []
        self.relationships: list[Path] = []
        self.history: list[Path] = []
        for folder in folders:
            self.concepts += self._files(folder, "Terminology", "sct2_Concept_*Snapshot_*.txt")
            self.relationships += self._files(folder, "Terminology", "sct2_Relationship_*Snapshot_*.txt")
            self.history += self._files(folder, "Refset/Content", "der2_cRefset_Association*Snapshot_*.txt", optional=True)
        found: dict[str, str] = {}
        for path in self.concepts:
            match = NAME.fullmatch(path.name)
            if match is None:
                raise VocabularyError(path, None, "found a name without package and date, expected ...Snapshot_PACKAGE_DATE.txt", AGAIN)
            if found.setdefault(match["package"], match["date"]) != match["date"]:
                raise VocabularyError(path, None, f"found two releases of {match['package']}, expected one", AGAIN)
        self.version = ",".join(f"{package}_{date}" for package, date in sorted(found.items()))

    @property
    def files(self) -> list[Path]:
        """All files, in the order in which they are read."""
        return [*self.concepts, *self.relationships, *self.history]

    @staticmethod
    def _files(folder: Path, below: str, pattern: str, *, optional: bool = False) -> list[Path]:
        if not folder.is_dir():
            raise VocabularyError(str(folder), None, "found no folder", AGAIN)
        found = sorted(folder.rglob(f"Snapshot/{below}/{pattern}"))
        if folder.name == "Snapshot":
            found = sorted((folder / below).glob(pattern))
        if not found and not optional:
            raise VocabularyError(str(folder), None, f"found no file Snapshot/{below}/{pattern}, expected at least one", AGAIN)
        return found


def read(package: Package, staging: Staging, path: Path, tick: Tick) -> None:
    """Read one file of the package into the work file; raises VocabularyError."""
    with staging.reading(path) as into:
        if path in package.concepts:
            into.executemany(
                "INSERT INTO concept VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET time = excluded.time, active = excluded.active"
                " WHERE excluded.time > time",
                _concepts(path, tick),
            )
        elif path in package.relationships:
            alone = len(package.relationships) == 1  # then an inactive row has no other to overrule
            into.executemany(
                "INSERT INTO isa VALUES (?, ?, ?, ?, ?, ?, ?)", _relationships(path, package.relationships.index(path), alone, tick)
            )
        else:
            into.executemany("INSERT INTO history VALUES (?, ?, ?, ?, ?)", _history(path, tick))


def _flag(text: str, path: Path, line: int) -> int:
    if text not in ("0", "1"):
        raise VocabularyError(path, line, f"active: found {text[:40]!r}, expected 0 or 1")
    return int(text)


def _concepts(path: Path, tick: Tick) -> Iterator[tuple[int, int, int]]:
    for line, fields in rows(path, 5, "\t", CONCEPT.replace(" ", "\t"), tick):
        yield number(fields[0], path, line, "id"), number(fields[1], path, line, "effectiveTime"), _flag(fields[2], path, line)


def _relationships(path: Path, file: int, only_active: bool, tick: Tick) -> Iterator[tuple[int, int, int, int, int, int, int]]:
    for line, fields in rows(path, 10, "\t", RELATIONSHIP.replace(" ", "\t"), tick):
        active = _flag(fields[2], path, line)
        if fields[7] == IS_A and (active or not only_active):
            yield (
                number(fields[0], path, line, "id"), number(fields[1], path, line, "effectiveTime"), active,
                number(fields[4], path, line, "sourceId"), number(fields[5], path, line, "destinationId"), file, line,
            )  # fmt: skip


def _history(path: Path, tick: Tick) -> Iterator[tuple[str, int, int, int, int]]:
    for line, fields in rows(path, 7, "\t", ASSOCIATION.replace(" ", "\t"), tick):
        active = _flag(fields[2], path, line)
        if fields[4] in HISTORY:
            yield (
                fields[0], number(fields[1], path, line, "effectiveTime"), active,
                number(fields[5], path, line, "referencedComponentId"), number(fields[6], path, line, "targetComponentId"),
            )  # fmt: skip


class _Release:
    """The release as it lies in the work file."""

    def __init__(self, package: Package, staging: Staging) -> None:
        self.package = package
        self.sql = staging.rows
        self.sql.executescript(
            "DROP TABLE IF EXISTS edge;"
            "CREATE TABLE edge AS SELECT max(time), active, child, parent, file, line FROM isa GROUP BY id;"
            "DELETE FROM edge WHERE NOT active; CREATE INDEX edge_parent ON edge (parent, child);"
        )
        self._children: dict[int, list[int]] = {}

    def is_active(self, code: int) -> bool | None:
        """None: the release does not have this code."""
        row = self.sql.execute("SELECT active FROM concept WHERE id = ?", (code,)).fetchone()
        return None if row is None else bool(row[0])

    def children(self, code: int) -> list[int]:
        """The codes one step below, in order."""
        found = self._children.get(code)
        if found is None:
            found = [row[0] for row in self.sql.execute("SELECT DISTINCT child FROM edge WHERE parent = ? ORDER BY child", (code,))]
            self._children[code] = found
        return found

    def place(self, child: int, parent: int | None = None) -> tuple[Path, int]:
        """File and line of a relationship."""
        file, line = self.sql.execute(
            "SELECT file, line FROM edge WHERE child = :child AND (parent = :parent OR :parent IS NULL) LIMIT 1",
            {"child": child, "parent": parent},
        ).fetchone()
        return self.package.relationships[file], line

    def successors(self) -> dict[int, int]:
        """Retired codes and the one active code that each was replaced by, over several steps; an ambiguous one is left out."""
        steps: dict[int, set[int]] = defaultdict(set)
        newest = "SELECT max(time), active, old, new FROM history GROUP BY id"
        for _, active, old, new in self.sql.execute(newest):
            if active:
                steps[old].add(new)
        states = dict(self.sql.execute("SELECT id, active FROM concept"))
        found: dict[int, int] = {}
        for old in steps:
            seen, code = {old}, old
            while states.get(code) == 0 and len(steps.get(code, ())) == 1:
                code = next(iter(steps[code]))
                if code in seen:
                    break
                seen.add(code)
            if states.get(old) == 0 and states.get(code) == 1:
                found[old] = code
        return found


def expand(package: Package, staging: Staging, seeds: Sequence[Seed]) -> tuple[list[Coded], list[Gap]]:
    """What every code of the release means, in rising order, and the codes of ours that it lacks; raises VocabularyError."""
    release = _Release(package, staging)
    successors = release.successors()
    starts: dict[int, list[int]] = defaultdict(list)
    same: dict[int, set[str]] = defaultdict(set)  # codes that took the place of one of ours that stands for itself
    gaps: list[Gap] = []
    for seed in seeds:
        code = seed.code
        state = release.is_active(code)
        if not state:
            code = successors.get(seed.code, seed.code)
            instead = f", replaced by {code}" if code != seed.code else ""
            gaps.append(Gap(SNOMED, str(seed.code), (f"retired{instead}") if state is False else "not in this release"))
        starts[code].append(seed.code)
        if not seed.below and code != seed.code:
            same[code] |= seed.concepts
    try:
        above = descend(starts, release.children)
    except CycleError as error:
        path, line = release.place(error.child, error.parent)
        raise VocabularyError(
            path, line, f"{error}, expected a hierarchy without circles", "The release is broken; get it again."
        ) from None
    found = dict(_meanings(release, seeds, starts, above, same))
    listed = {seed.code: seed for seed in seeds}
    for old, new in successors.items():
        if old not in listed and (new in found or new in listed):
            own = listed[new].concepts if new in listed else frozenset()
            meaning = found.get(new, Meaning(frozenset(), frozenset()))
            found[old] = Meaning(own, (meaning.near | meaning.far) - own) if own else meaning
    return [Coded(SNOMED, code, meaning.near, meaning.far) for code, meaning in sorted(found.items())], gaps


def _meanings(
    release: _Release, seeds: Sequence[Seed], starts: dict[int, list[int]], above: dict[int, Codes], same: dict[int, set[str]]
) -> Iterator[tuple[int, Meaning]]:
    meanings = Meanings.of(seeds, starts, above)
    for code, codes in above.items():
        state = release.is_active(code)
        if state is None and code not in starts:
            raise VocabularyError(*release.place(code), f"concept {code} is in no concept file of the release", AGAIN)
        meaning = meanings.of_codes(codes)
        near = frozenset(same.get(code, ())) or meaning.near
        if state and (near or meaning.far):
            yield code, Meaning(near, (meaning.near | meaning.far) - near)
