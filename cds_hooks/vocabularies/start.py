"""What the service takes from a site's vocabularies when it starts: the index of its releases, and what a terminology server told.

A terminology server is asked here and never in a call. What it told is kept in a file and used as long as the server has that version,
or when it does not answer. Without either, only the codes of our own lists are known; then the service says so and is not ready.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from cds_hooks.errors import SettingsError
from cds_hooks.fhir_client import FhirClient
from cds_hooks.observe import log_event
from cds_hooks.settings import Settings
from cds_hooks.vocabularies import index
from cds_hooks.vocabularies.build import Step, quiet, stamp
from cds_hooks.vocabularies.expand import TerminologyServer
from cds_hooks.vocabularies.index import Header, Release
from cds_hooks.vocabularies.rows import VocabularyError
from cds_hooks.vocabularies.seeds import Seeds, packaged_lists
from rules.expansion import Coded
from rules.terminology import SNOMED

__all__ = ["Vocabularies", "load_vocabularies", "refresh"]


@dataclass(frozen=True, slots=True)
class Vocabularies:
    """`paths` are the indexes to read, `releases` what is in them.

    `problems` say why something that was asked for is missing, `notes` why something older is used in its place.
    """

    paths: tuple[Path, ...] = ()
    releases: tuple[Release, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def rows(self) -> Iterator[Coded]:
        """The rows of all indexes; raises VocabularyError."""
        return chain.from_iterable(index.read(path) for path in self.paths)


def load_vocabularies(settings: Settings, *, ask: bool = True) -> Vocabularies:
    """What the settings name. With `ask` the terminology server is asked, else only what it told before is used.

    Raises SettingsError when an index cannot be read or was built for other code lists.
    """
    if settings.codes_file is None and not settings.terminology_server:
        return Vocabularies()
    seeds = Seeds.of(packaged_lists())
    paths: list[Path] = []
    releases: list[Release] = []
    problems: list[str] = []
    notes: list[str] = []
    if settings.codes_file is not None:
        releases += _of_file(settings.codes_file, seeds).releases
        paths.append(settings.codes_file)
        _log("file", releases)
    if settings.terminology_server:
        if any(one.system == SNOMED for one in releases):
            problem = "NMCDS_CODES_FILE has SNOMED CT already, expected only one of them; build the file again without --snomed"
            raise SettingsError([f"NMCDS_TERMINOLOGY_SERVER: {problem}"])
        cached, problem = _of_server(settings, seeds, ask=ask)
        if cached is not None:
            paths.append(settings.terminology_cache)
            releases += cached.releases
            notes += [f"{problem}; what the server said before is used"] if problem else []
        elif ask:
            problems.append(
                f"{problem}, and no earlier expansion is on disk: subtypes of SNOMED CT codes are not recognised; "
                "start the service again when the server answers"
            )
    return Vocabularies(tuple(paths), tuple(releases), tuple(problems), tuple(notes))


def _of_file(path: Path, seeds: Seeds) -> Header:
    try:
        header = index.header(path)
    except VocabularyError as error:
        raise SettingsError([f"NMCDS_CODES_FILE: {error} {error.remedy}".rstrip()]) from None
    if header.digest != seeds.digest:
        problem = f"NMCDS_CODES_FILE: {path.name}: found an index for other code lists, written by {header.tool} at {header.built_at}"
        raise SettingsError([f"{problem}; expected one for the lists of this version; build it again with `nmcds codes build`"])
    return header


def _of_server(settings: Settings, seeds: Seeds, *, ask: bool) -> tuple[Header | None, str]:
    """The header of the expansion to use and why the server's own could not be had; None when there is none."""
    cached, pinned = _cached(settings, seeds), settings.terminology_version
    if cached is not None and (not ask or cached.releases[0].version == pinned):
        _log("cache", cached.releases)
        return cached, ""
    if not ask:
        return None, ""
    client = FhirClient(settings)
    try:
        server = TerminologyServer(client, settings.terminology_server, pinned)
        if cached is not None and cached.releases[0].version == server.version(seeds.snomed):
            _log("cache", cached.releases)
            return cached, ""
        header = refresh(settings.terminology_cache, server, seeds)
    except VocabularyError as error:
        log_event("vocabulary-not-refreshed", logging.WARNING if cached else logging.ERROR, kind="cache" if cached else "none")
        if cached is not None:
            _log("cache", cached.releases)
        return cached, str(error)
    finally:
        client.close()
    _log("server", header.releases)
    return header, ""


def _cached(settings: Settings, seeds: Seeds) -> Header | None:
    """The expansion on disk, if it is of this server, for these code lists and of the pinned version."""
    try:
        header = index.header(settings.terminology_cache)
    except VocabularyError:
        return None
    fits = (
        header.digest == seeds.digest
        and [one.source for one in header.releases] == [settings.terminology_server]
        and (not settings.terminology_version or header.releases[0].version == settings.terminology_version)
    )
    return header if fits else None


def refresh(out: Path, server: TerminologyServer, seeds: Seeds, step: Step = quiet) -> Header:
    """Ask the server for everything and write it to `out`; raises VocabularyError and then leaves `out` as it was."""
    version, rows, gaps = server.expand(seeds.snomed, step)
    return index.write(out, stamp(seeds.digest, [Release(SNOMED, version, server.base)]), rows, gaps)


def _log(kind: str, releases: Iterable[Release]) -> None:
    for one in releases:
        log_event("vocabulary", kind=kind, system=one.system, release=one.version, codes=one.codes)
