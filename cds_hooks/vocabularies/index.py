"""The index: one SQLite file with what each code of a site's releases means, which releases they were, and for which code lists.

It is written beside its place and moved there when it is complete, so that an interrupted build never leaves half an index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cds_hooks.vocabularies.rows import VocabularyError
from rules.expansion import Coded

__all__ = ["Gap", "Header", "Release", "gaps", "header", "read", "write"]

FORMAT: Final = "1"
SCHEMA: Final = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE release (system TEXT PRIMARY KEY, version TEXT NOT NULL, source TEXT NOT NULL, codes INTEGER NOT NULL);
CREATE TABLE meaning (id INTEGER PRIMARY KEY, near TEXT NOT NULL, far TEXT NOT NULL, form TEXT NOT NULL);
CREATE TABLE code (system TEXT, code INTEGER, meaning INTEGER NOT NULL, PRIMARY KEY (system, code)) WITHOUT ROWID;
CREATE TABLE gap (system TEXT, code TEXT, why TEXT NOT NULL, PRIMARY KEY (system, code));
"""


@dataclass(frozen=True, slots=True)
class Release:
    """One release that went in: its version as the release names it, where it came from, how many codes of it are in the index."""

    system: str
    version: str
    source: str
    codes: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """What an index says about itself. `digest` is that of the seeds it was built for (`cds_hooks.vocabularies.seeds`)."""

    digest: str
    tool: str
    built_at: str
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A code of our lists that a release does not have, or has retired."""

    system: str
    code: str
    why: str


def write(path: Path, about: Header, rows: Iterable[Coded], missing: Iterable[Gap]) -> Header:
    """Write an index and move it to `path`; returns its header with the codes counted. Raises VocabularyError."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(beside, isolation_level=None)) as file:
            file.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {SCHEMA}")
            file.executemany("INSERT INTO code VALUES (?, ?, ?)", _numbered(file, rows))
            counted = dict(file.execute("SELECT system, count(*) FROM code GROUP BY system"))
            releases = tuple(
                Release(one.system, one.version, one.source, counted.get(one.system, 0))
                for one in sorted(about.releases, key=lambda one: one.system)
            )
            file.executemany(
                "INSERT INTO release VALUES (?, ?, ?, ?)", [(one.system, one.version, one.source, one.codes) for one in releases]
            )
            file.executemany("INSERT INTO gap VALUES (?, ?, ?)", [(one.system, one.code, one.why) for one in missing])
            file.executemany(
                "INSERT INTO about VALUES (?, ?)",
                [("format", FORMAT), ("digest", about.digest), ("tool", about.tool), ("built_at", about.built_at)],
            )
            file.execute("COMMIT")
            file.execute("PRAGMA synchronous = FULL")
        beside.replace(path)
    except (sqlite3.Error, OSError) as error:
        raise VocabularyError(path, None, f"cannot be written: {error}", "Is the disk full, or the folder read-only?") from None
    finally:
        beside.unlink(missing_ok=True)
    return Header(about.digest, about.tool, about.built_at, releases)


def _numbered(file: sqlite3.Connection, rows: Iterable[Coded]) -> Iterator[tuple[str, int, int]]:
    """Each distinct meaning is written once and numbered."""
    known: dict[tuple[str, str, str], int] = {}
    for row in rows:
        key = (";".join(sorted(row.near)), ";".join(sorted(row.far)), row.form)
        if key not in known:
            known[key] = len(known) + 1
            file.execute("INSERT INTO meaning VALUES (?, ?, ?, ?)", (known[key], *key))
        yield row.system, row.code, known[key]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            yield file
    except (sqlite3.Error, OSError) as error:
        raise VocabularyError(path, None, f"found no readable index: {error}", "Build it with `nmcds codes build`.") from None


def header(path: Path) -> Header:
    """What the index at `path` says about itself; raises VocabularyError."""
    with _opened(path) as file:
        about = dict(file.execute("SELECT name, value FROM about"))
        if about.get("format") != FORMAT:
            raise VocabularyError(
                path, None, f"found index format {about.get('format')!r}, expected {FORMAT!r}", "Build it again with `nmcds codes build`."
            )
        releases = tuple(Release(*row) for row in file.execute("SELECT system, version, source, codes FROM release ORDER BY system"))
        return Header(about["digest"], about["tool"], about["built_at"], releases)


def read(path: Path) -> Iterator[Coded]:
    """The rows of an index, in rising order of code within each system; raises VocabularyError."""
    with _opened(path) as file:
        meanings = {
            number: (frozenset(filter(None, near.split(";"))), frozenset(filter(None, far.split(";"))), form)
            for number, near, far, form in file.execute("SELECT id, near, far, form FROM meaning")
        }
        for system, code, meaning in file.execute("SELECT system, code, meaning FROM code ORDER BY system, code"):
            near, far, form = meanings[meaning]
            yield Coded(system, code, near, far, form)


def gaps(path: Path) -> tuple[Gap, ...]:
    """The codes of our lists that the releases lack; raises VocabularyError."""
    with _opened(path) as file:
        return tuple(Gap(*row) for row in file.execute("SELECT system, code, why FROM gap ORDER BY system, code"))
