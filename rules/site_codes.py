"""A site's own codes: the file `codes/site.csv` that ties them to our concepts. Read and checked once while loading.

Columns `system,code,concept` and, if wanted, `note`. A questionnaire item is mapped by its questionnaire's URL as system and its
linkId as code. Every problem is reported together, each as "file: line n: found ..., expected ...".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rules.code_form import FORMS, form_problem
from rules.code_lists import Word
from rules.terminology import CONCEPT_SYSTEM, ICD, Terminology

__all__ = ["SiteCodesError", "lint_site_codes", "read_site_codes"]

COLUMNS: Final = ("system", "code", "concept")
LONGEST: Final = 200  # characters of a code or linkId
_URI: Final = re.compile(r"(?:https?://|urn:)[^\s|]{3,}|[0-9]+(?:\.[0-9]+){3,}")


class SiteCodesError(ValueError):
    """The site's file of codes has problems; the message has one line for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def read_site_codes(path: Path, terminology: Terminology) -> tuple[Word, ...]:
    """The rows of the file; `terminology` is the one without it. Raises SiteCodesError."""
    words, problems = lint_site_codes(path, terminology)
    if problems:
        raise SiteCodesError(problems)
    return words


def lint_site_codes(path: Path, terminology: Terminology) -> tuple[tuple[Word, ...], tuple[str, ...]]:
    """The rows that can be used, and every problem of the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            table = [(reader.line_num, fields) for fields in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return (), (f"{path.name}: found {type(error).__name__}, expected a CSV file in UTF-8",)
    header = [name.strip() for name in table[0][1]] if table else []
    if sorted(header) not in (sorted(COLUMNS), sorted((*COLUMNS, "note"))):
        return (), (f"{path.name}: line 1: found columns {header}, expected system,code,concept and perhaps note",)
    lint = _Lint(path.name, terminology)
    for line, fields in table[1:]:
        if not any(field.strip() for field in fields):
            continue
        if len(fields) != len(header):
            lint.say(line, f"found {len(fields)} fields, expected {len(header)}")
            continue
        row = dict(zip(header, (field.strip() for field in fields), strict=True))
        lint.row(line, row["system"], row["code"], row["concept"])
    return tuple(lint.words), tuple(lint.problems)


class _Lint:
    """Checks row by row and keeps the problems."""

    def __init__(self, name: str, terminology: Terminology) -> None:
        self.name = name
        self.terminology = terminology
        self.words: list[Word] = []
        self.problems: list[str] = []
        self._seen: dict[tuple[str, str], tuple[int, str]] = {}

    def say(self, line: int, text: str) -> None:
        """One more problem."""
        self.problems.append(f"{self.name}: line {line}: {text}")

    def row(self, line: int, system: str, code: str, concept: str) -> None:
        """Check one row; keep it when nothing is wrong."""
        before = len(self.problems)
        self._concept(line, concept)
        known = self.terminology.system(system)
        if not _URI.fullmatch(system):
            self.say(line, f"system: found {system!r}, expected a URI as it stands in the FHIR data, such as https://... or urn:oid:...")
        elif known == CONCEPT_SYSTEM:
            self.say(line, "system: found our own code system, expected yours; our codes need no map")
        elif (near := self._nearly(known)) is not None:
            self.say(line, f"system: found {system!r}, expected {near!r} for its codes; did you mean that?")
        if not code or len(code) > LONGEST:
            self.say(line, f"code: found {len(code)} characters, expected 1 to {LONGEST}")
        elif (wrong := form_problem(known, code.upper() if known in ICD else code)) is not None:
            self.say(line, f"code: {wrong}")
        self._ours(line, known, code, concept)
        key = (known.rstrip("/").lower().replace("https://", "http://"), self.terminology.key(known, code)[1])  # as it is looked up
        if key in self._seen:
            first, other = self._seen[key]
            again = "again" if other == concept else f"for {concept!r}, but for {other!r} in line {first}"
            self.say(line, f"code: found {code!r} {again}, expected each code once (first in line {first})")
        self._seen.setdefault(key, (line, concept))
        if len(self.problems) == before:
            self.words.append(Word(known, code, concept, ""))

    def _nearly(self, system: str) -> str | None:
        """The known system that this one is another name of: with or without www, or with an edition behind it."""
        return next((one for one in FORMS if one != system and f"{_bare(system)}/".startswith(f"{_bare(one)}/")), None)

    def _concept(self, line: int, concept: str) -> None:
        if self.terminology.knows(concept) or self.terminology.is_answer(concept):
            return
        near = self.terminology.suggest(concept)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        self.say(line, f"concept: found {concept!r}, expected a name that rules use (`nmcds codes codesystem --all` lists them){hint}")

    def _ours(self, line: int, system: str, code: str, concept: str) -> None:
        """A code on our lists stays what it is there: what it means is not one hospital's to say."""
        ours = self.terminology.concepts(system, code) | self.terminology.answers({"system": system, "code": code})
        if concept in ours:
            self.say(
                line, f"code: found {code!r}, which means {concept!r} already; expected a code that is not on our lists: leave the row out"
            )
        elif ours:
            names = " and ".join(repr(one) for one in sorted(ours))
            self.say(line, f"code: found {code!r} for {concept!r}, but it means {names}; expected no contradiction: leave the row out")


def _bare(system: str) -> str:
    """A URI without scheme and www."""
    return re.sub(r"^https?://(www\.)?", "", system.rstrip("/").lower())
