"""What the workers of a cluster run: bytes to rows, and the rows of a patient to a screened patient. No Spark is imported here."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias
from urllib.parse import unquote

from cds_hooks.cards import Renderer
from cds_hooks.heap import settle
from cds_hooks.population.patients import Screener, fingerprint
from cds_hooks.population.plan import Setup
from cds_hooks.population.reading import Row, read_document, read_text
from cds_hooks.population.tables import patient_row
from rules.knowledge import Knowledge
from rules.site import Site

__all__ = ["BLOCKS", "MEDICATIONS", "OTHERS", "PROBLEMS", "OtherKnowledgeError", "read_documents", "read_lines", "screen_rows"]

PROBLEMS, MEDICATIONS, OTHERS, BLOCKS = -1, -2, -3, -4
"""Parts for what is of no patient: text that could not be read, Medications, counts of other resources, counts of lines."""
Cells: TypeAlias = tuple[object, ...]


class OtherKnowledgeError(RuntimeError):
    """A worker has other rules, codes or site settings than the machine that started the run."""


def read_lines(rows: Iterable[tuple[bytes, str, int]], *, parts: int, kinds: frozenset[str]) -> Iterator[Cells]:
    """(line, file, where the block of the file starts) in the order of the file -> rows of `tables.READ`."""
    others: Counter[tuple[str, bool]] = Counter()
    place, number = ("", 0), 0
    for value, path, start in rows:
        if (path, start) != place:
            if number:
                yield _count(BLOCKS, "", number, *place)
            place, number = (path, start), 0
        number += 1
        text = bytes(value).strip().removeprefix(b"\xef\xbb\xbf")
        if text:
            yield from _cells(read_text(text), others, path, start, number, parts=parts, kinds=kinds)
    if number:
        yield _count(BLOCKS, "", number, *place)
    yield from _counts(others)


def read_documents(files: Iterable[tuple[bytes, str]], *, parts: int, kinds: frozenset[str]) -> Iterator[Cells]:
    """(content, file) -> rows of `tables.READ`."""
    others: Counter[tuple[str, bool]] = Counter()
    for content, path in files:
        yield from _cells(read_document(bytes(content)), others, path, 0, 0, parts=parts, kinds=kinds)
    yield from _counts(others)


def _cells(
    rows: Iterable[Row], others: Counter[tuple[str, bool]], path: str, block: int, line: int, *, parts: int, kinds: frozenset[str]
) -> Iterator[Cells]:
    for row in rows:
        if row.problem:
            yield (PROBLEMS, row.kind, row.patient, "", [], b"", row.problem, unquote(path), block, line)
        elif row.kind == "Medication":
            yield (MEDICATIONS, row.kind, None, row.url, list(row.names), row.body, "", None, 0, 0)
        elif row.kind not in kinds or row.patient is None:
            others[row.kind, row.kind in kinds] += 1  # of a type that rules read, but of nobody; or of another type
        if row.patient is not None and (row.kind in kinds or not row.kind):
            part = zlib.crc32(row.patient.encode()) % parts
            yield (part, row.kind, row.patient, row.url, list(row.names), row.body, row.problem, None, 0, 0)


def _count(part: int, kind: str, count: int, path: str = "", block: int = 0, *, problem: str = "") -> Cells:
    return (part, kind, None, "", [], b"", problem, unquote(path), block, count)


def _counts(others: Counter[tuple[str, bool]]) -> Iterator[Cells]:
    for (kind, nobody), count in others.items():
        yield _count(OTHERS, kind, count, problem="nobody" if nobody else "")


def screen_rows(rows: Iterable[tuple[str, str, str, bytes, str]], *, setup: Setup) -> Iterator[Cells]:
    """(patient, kind, url, body, problem), all of a patient together -> rows of `tables.SCREENED`."""
    screener, renderer = _ready(setup)
    for patient, group in groupby(rows, key=itemgetter(0)):
        found = screener.screen(patient, [Row(kind, patient, url, (), bytes(body), problem) for _, kind, url, body, problem in group])
        cards = renderer.render(found.evaluation, patient) if found.evaluation else ()
        yield patient_row(found, cards, setup.keys)


@lru_cache(maxsize=1)  # a worker process serves many tasks; loading takes seconds
def _ready(setup: Setup) -> tuple[Screener, Renderer]:
    def load() -> Knowledge:
        return Knowledge.load(setup.rules, engine=setup.engine, site=Site.load(setup.site), vignettes_later=setup.rules is None)

    screener = Screener(load, hook=setup.hook, as_of=setup.as_of, exported=setup.exported)
    knowledge = screener.knowledge
    if fingerprint(knowledge) != setup.knowledge:
        raise OtherKnowledgeError
    settle()
    return screener, Renderer(setup.base_url, knowledge.version, setup.max_cards, knowledge.in_words, knowledge.titles)
