"""ICD-10-CM as published: the order file of a year (CDC/NCHS and CMS, `icd10cm_order_2026.txt`).

Nothing of it goes into the index: our prefixes already reach every code below them. It is read to find codes of our lists that the
release no longer has. Columns (CMS, "ICD-10-CM/PCS order files"): 1-5 order number, 7-13 code without dot, 15 whether it is valid for
submission, 17-76 short title, from 78 long title.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cds_hooks.vocabularies.index import Gap
from cds_hooks.vocabularies.rows import Tick, VocabularyError, rows
from cds_hooks.vocabularies.seeds import ICD10CM

__all__ = ["codes", "missing", "version"]

ROW: Final = re.compile(r"\d{5} (?P<code>[A-Z0-9]{3,7}) +[01] \S.*")


def version(path: Path) -> str:
    """The year in the file's name."""
    found = re.search(r"\d{4}", path.name)
    return found.group() if found else "unknown"


def codes(path: Path, tick: Tick) -> frozenset[str]:
    """Every code of the file, without dots; raises VocabularyError."""
    found: set[str] = set()
    for line, (text,) in rows(path, 1, "\n", None, tick):
        row = ROW.fullmatch(text)
        if row is None or len(row["code"]) > 7 or text[14:15] not in "01":
            raise VocabularyError(path, line, f"found {text[:24]!r}, expected order number, code, 0 or 1 and titles in fixed columns")
        found.add(row["code"])
    return frozenset(found)


def missing(listed: Iterable[str], known: frozenset[str]) -> list[Gap]:
    """The codes of our lists that the release does not have."""
    return [Gap(ICD10CM, code, "not in this release") for code in sorted(listed) if code.upper().replace(".", "") not in known]
