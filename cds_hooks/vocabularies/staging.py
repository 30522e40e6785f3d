"""The work file of a build: the rows of the releases that matter, on disk, so that memory stays small and a broken-off build goes on.

Each file of a release is read in one transaction. A build that is started again with the same inputs reads only the files that are
not in yet; with other inputs it starts from the beginning.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cds_hooks.vocabularies.rows import VocabularyError

__all__ = ["Staging", "fingerprint"]

SCHEMA = """
CREATE TABLE inputs (fingerprint TEXT NOT NULL);
CREATE TABLE done (file TEXT PRIMARY KEY);
CREATE TABLE concept (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, active INTEGER NOT NULL);
CREATE TABLE isa (id INTEGER, time INTEGER, active INTEGER, child INTEGER, parent INTEGER, file INTEGER, line INTEGER);
CREATE TABLE history (id TEXT, time INTEGER, active INTEGER, old INTEGER, new INTEGER);
CREATE TABLE product (id INTEGER PRIMARY KEY, type TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE part (child INTEGER, parent INTEGER, is_form INTEGER, line INTEGER);
CREATE TABLE merged (old INTEGER, new INTEGER);
"""
LAYOUT = 1  # raise it when what is kept in the work file changes


def fingerprint(files: Iterable[Path], **more: str) -> str:
    """The inputs of a build by name, size and time of change, and whatever else decides what is kept of them."""
    known = sorted((str(file.absolute()), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return json.dumps([LAYOUT, known, more], sort_keys=True)


class Staging:
    """One work file, open."""

    def __init__(self, path: Path, inputs: str) -> None:
        self.path = path
        if not self._continues(inputs):
            path.unlink(missing_ok=True)
            with self._guarded():
                self.rows = self._connect()
                self.rows.executescript(f"BEGIN; {SCHEMA}; COMMIT;")
                self.rows.execute("INSERT INTO inputs VALUES (?)", (inputs,))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA synchronous = OFF")  # lost with the machine's power only; then it is made again
        return connection

    def _continues(self, inputs: str) -> bool:
        """Open the work file of an earlier try with the same inputs, if there is one."""
        if not self.path.is_file():
            return False
        self.rows = sqlite3.connect(self.path)
        try:
            known = self.rows.execute("SELECT fingerprint FROM inputs").fetchone()
        except sqlite3.Error:  # no work file of ours, or one that was cut off
            known = None
        self.rows.close()
        if known != (inputs,):
            return False
        self.rows = self._connect()
        return True

    def is_done(self, file: Path) -> bool:
        """Was this file read to its end before?"""
        return self.rows.execute("SELECT 1 FROM done WHERE file = ?", (str(file.absolute()),)).fetchone() is not None

    @contextmanager
    def reading(self, file: Path) -> Iterator[sqlite3.Connection]:
        """A transaction that keeps all rows of one file or none."""
        with self._guarded():
            self.rows.execute("BEGIN")
            try:
                yield self.rows
                self.rows.execute("INSERT INTO done VALUES (?)", (str(file.absolute()),))
                self.rows.execute("COMMIT")
            except BaseException:
                self.rows.execute("ROLLBACK")
                raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise VocabularyError(self.path, None, f"cannot be written: {error}", "Is the disk full, or the folder read-only?") from None

    def close(self) -> None:
        """Close the file and keep it for the next try."""
        self.rows.close()

    def remove(self) -> None:
        """Close and delete the file: the build is complete."""
        self.rows.close()
        self.path.unlink(missing_ok=True)
