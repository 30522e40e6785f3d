"""A terminology server instead of SNOMED CT files: `ValueSet/$expand` of what is below each of our codes (FHIR R4, "Using SNOMED CT").

The implicit value set `http://snomed.info/sct?fhir_vs=isa/CODE` is asked for page by page. All answers must come from one version of
SNOMED CT and be complete, else nothing of them is used. Products of RxNorm have no such value set: they need the RRF files.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from cds_hooks.body import JsonObject
from cds_hooks.fhir_client import Access, FhirReader, RefusedError
from cds_hooks.vocabularies.build import Step, quiet
from cds_hooks.vocabularies.descent import Meanings
from cds_hooks.vocabularies.index import Gap
from cds_hooks.vocabularies.rows import VocabularyError
from cds_hooks.vocabularies.seeds import Seed
from rules.expansion import Coded
from rules.terminology import SNOMED

__all__ = ["TerminologyServer"]

PAGE: Final = 1000  # codes asked for at once
REQUEST_S: Final = 20.0  # time for one page
TOTAL_S: Final = 300.0  # time for all of them: a slow server must not hold up the start for hours
INCOMPLETE: Final = ("valueset-toocostly", "valueset-unclosed")  # extensions of an expansion that leaves something out


@dataclass(frozen=True, slots=True)
class _Page:
    codes: frozenset[int]
    version: str
    total: int | None


class TerminologyServer:
    """One server, asked at start only. Every method raises VocabularyError."""

    def __init__(self, reader: FhirReader, base: str, pinned: str = "") -> None:
        """`pinned` is the version that is asked for; another one is refused."""
        self._reader = reader
        self._pinned = pinned
        self._until = time.monotonic() + TOTAL_S
        self.base = base

    def _access(self) -> Access:
        try:
            return self._reader.check(self.base, (self.base,), "")
        except RefusedError as error:
            raise VocabularyError("terminology server", None, error.reason) from None

    def version(self, seeds: Sequence[Seed]) -> str:
        """The version of SNOMED CT that the server answers from now."""
        return self._page(min(seed.code for seed in seeds if seed.below), 0, 1).version

    def expand(self, seeds: Sequence[Seed], step: Step = quiet) -> tuple[str, list[Coded], list[Gap]]:
        """(version, what each code means, codes of ours that the server does not have).

        Codes that stand for themselves are asked for only where they are below another one: what is below them is not that one.
        """
        above: dict[int, set[int]] = defaultdict(set)
        versions: set[str] = set()
        gaps: list[Gap] = []

        def ask(wanted: Sequence[Seed], title: str) -> None:
            with step(title, len(wanted)) as tick:
                for done, seed in enumerate(wanted, 1):
                    codes, version = self._below(seed.code)
                    versions.add(version)
                    if len(versions) > 1:
                        raise VocabularyError("terminology server", None, f"found the versions {sorted(versions)}, expected one")
                    if not codes:
                        gaps.append(Gap(SNOMED, str(seed.code), "not in this release"))
                    for code in codes:
                        above[code].add(seed.code)
                    tick(done)

        ask([seed for seed in seeds if seed.below], "asking for subtypes")
        if not above:
            raise VocabularyError("terminology server", None, "found no code of ours, expected SNOMED CT", "Does it have an edition of it?")
        ask([seed for seed in seeds if not seed.below and seed.code in above], "asking for what is nearer")
        higher = {seed.code: frozenset(above.get(seed.code, ())) - {seed.code} for seed in seeds}
        meanings = Meanings({seed.code: seed for seed in seeds}, higher)
        found = [(code, meanings.of_codes(frozenset(above[code]))) for code in sorted(above)]
        return versions.pop(), [Coded(SNOMED, code, one.near, one.far) for code, one in found if one.near or one.far], gaps

    def _below(self, code: int) -> tuple[frozenset[int], str]:
        """All codes at or below a code, page by page."""
        found: set[int] = set()
        while True:
            page = self._page(code, len(found), PAGE)
            new = page.codes - found
            found |= new
            if len(found) == page.total or (page.total is None and len(new) < PAGE):
                return frozenset(found), page.version
            if not new or (page.total is not None and len(found) > page.total):
                raise VocabularyError(
                    "terminology server", None, f"expansion of {code}: found {len(found)} codes, expected {page.total}",
                    "The server does not page as FHIR says; use `nmcds codes build` with the RF2 files.",
                )  # fmt: skip

    def _page(self, code: int, offset: int, count: int) -> _Page:
        query: dict[str, str | int] = {"url": f"{SNOMED}?fhir_vs=isa/{code}", "activeOnly": "true", "offset": offset, "count": count}
        if self._pinned:
            query["system-version"] = f"{SNOMED}|{self._pinned}"
        until = min(time.monotonic() + REQUEST_S, self._until)
        answer = self._reader.submit(self._access(), f"ValueSet/$expand?{urlencode(query)}", until).result()
        items = [item.resource for page in answer.pages for item in page.items]
        if answer.reason is not None or any(page.failed for page in answer.pages) or len(items) != 1:
            reason = answer.reason or "the FHIR server reported an error"
            raise VocabularyError("terminology server", None, f"expansion of {code}: {reason}")
        page = _read(items[0], code)
        if self._pinned and page.version != self._pinned:
            raise VocabularyError("terminology server", None, f"found version {page.version}, expected {self._pinned}")
        return page


def _read(resource: JsonObject, code: int) -> _Page:
    """The codes, version and total of one page of an expansion."""
    expansion = resource.get("expansion")
    if resource.get("resourceType") != "ValueSet" or not isinstance(expansion, dict):
        raise VocabularyError("terminology server", None, f"expansion of {code}: found no ValueSet with an expansion")
    extensions = [str(one.get("url")) for one in _objects(expansion.get("extension"))]
    if any(url.endswith(INCOMPLETE) for url in extensions):
        raise VocabularyError("terminology server", None, f"expansion of {code}: the server left something out of it")
    codes: set[int] = set()
    versions = {
        str(value).removeprefix(f"{SNOMED}|")
        for one in _objects(expansion.get("parameter"))
        if one.get("name") in ("used-codesystem", "version")
        for name, value in one.items()
        if name.startswith("value") and str(value).startswith(f"{SNOMED}|")
    }
    waiting = _objects(expansion.get("contains"))
    while waiting:
        entry = waiting.pop()
        waiting += _objects(entry.get("contains"))
        text = entry.get("code")
        if entry.get("system") != SNOMED or not isinstance(text, str) or not text.isdecimal() or len(text) > 18:
            raise VocabularyError("terminology server", None, f"expansion of {code}: found an entry that is no SNOMED CT code")
        if entry.get("abstract") is not True and entry.get("inactive") is not True:
            codes.add(int(text))
        if isinstance(entry.get("version"), str):
            versions.add(str(entry["version"]))
    if len(versions) != 1:
        found = f"found the versions {sorted(versions)}" if versions else "found no version of SNOMED CT"
        raise VocabularyError("terminology server", None, f"expansion of {code}: {found}, expected one")
    total = expansion.get("total")
    return _Page(frozenset(codes), versions.pop(), total if isinstance(total, int) and not isinstance(total, bool) else None)


def _objects(value: object) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
