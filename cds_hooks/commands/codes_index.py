"""`nmcds codes build`, `expand` and `about`: write an index of a site's vocabularies, and say what is in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cds_hooks.commands.loading import read_settings
from cds_hooks.commands.output import Exit, StopError, as_json, console, plain
from cds_hooks.fhir_client import FhirClient
from cds_hooks.settings import Settings
from cds_hooks.vocabularies import index
from cds_hooks.vocabularies.build import build as build_index
from cds_hooks.vocabularies.expand import TerminologyServer
from cds_hooks.vocabularies.index import Gap, Header
from cds_hooks.vocabularies.rows import Tick
from cds_hooks.vocabularies.seeds import Seeds, packaged_lists
from cds_hooks.vocabularies.start import refresh

__all__ = ["about", "build", "expand"]

MOST = 20  # codes that are named after a build


class _Steps:
    """Shows one line of progress for each step, on standard error."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def __call__(self, title: str, size: int) -> Iterator[Tick]:
        task = self._progress.add_task(plain(title), total=size or None)
        yield lambda done: self._progress.update(task, completed=done)
        self._progress.update(task, total=size or 1, completed=size or 1)


def _progress() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console(error=True))


def _check_out(out: Path, *, force: bool) -> None:
    if not out.absolute().parent.is_dir() or out.is_dir():
        raise StopError(Exit.USAGE, f"--out: found {out}, expected a file in an existing folder")
    if out.exists() and not force:
        raise StopError(Exit.USAGE, f"--out: found {out.name}, expected no such file yet", "Give --force to replace it.")


def build(out: Path, *, snomed: Sequence[Path], rxnorm: Path | None, icd10cm: Path | None, force: bool, json: bool) -> Exit:
    """Read the releases and write the index; raises StopError and VocabularyError."""
    if not snomed and rxnorm is None:
        raise StopError(Exit.USAGE, "found no release, expected --snomed RF2_DIR, --rxnorm RRF_DIR or both", "`nmcds codes build --help`")
    _check_out(out, force=force)
    seeds = Seeds.of(packaged_lists())
    with _progress() as progress:
        built = build_index(out, seeds, snomed=snomed, rxnorm_folder=rxnorm, icd=icd10cm, step=_Steps(progress))
    if built.kept and not json:
        console(error=True).print(
            Text(f"not read again, from the build that was broken off: {', '.join(path.name for path in built.kept)}")
        )
    return _say(out, built.header, built.gaps, seeds, json=json, most=MOST)


def expand(out: Path | None, *, server: str | None, force: bool, json: bool) -> Exit:
    """Ask the terminology server and write the index; raises SettingsError, StopError and VocabularyError."""
    settings = read_settings()
    if server is not None:
        settings = replace(settings, terminology_server=Settings.load({"NMCDS_TERMINOLOGY_SERVER": server}).terminology_server)
    if not settings.terminology_server:
        raise StopError(Exit.USAGE, "found no server, expected --server URL or NMCDS_TERMINOLOGY_SERVER", "`nmcds codes expand --help`")
    path = out or settings.terminology_cache
    _check_out(path, force=force)
    seeds = Seeds.of(packaged_lists())
    client = FhirClient(settings)
    try:
        with _progress() as progress:
            asked = TerminologyServer(client, settings.terminology_server, settings.terminology_version)
            header = refresh(path, asked, seeds, _Steps(progress))
    finally:
        client.close()
    return _say(path, header, index.gaps(path), seeds, json=json, most=MOST)


def about(path: Path | None, *, json: bool) -> Exit:
    """Say what an index holds. Exit code 1 when it was built for other code lists."""
    file = path or read_settings().codes_file
    if file is None:
        raise StopError(Exit.USAGE, "found no index, expected FILE or NMCDS_CODES_FILE", "`nmcds codes build --help`")
    return _say(file, index.header(file), index.gaps(file), Seeds.of(packaged_lists()), json=json)


def _say(path: Path, header: Header, gaps: Sequence[Gap], seeds: Seeds, *, json: bool, most: int | None = None) -> Exit:
    fits = header.digest == seeds.digest
    if json:
        as_json({"file": str(path), "fits": fits, **asdict(header), "gaps": [asdict(gap) for gap in gaps]})
        return Exit.OK if fits else Exit.FOUND
    out = console()
    table = Table("code system", "release", "from", "codes", box=None, pad_edge=False, header_style="bold")
    for one in header.releases:
        table.add_row(one.system, plain(one.version), plain(one.source), f"{one.codes:,}")
    out.print(table)
    if gaps:
        out.print(
            Text(f"\n{len(gaps)} codes of our lists are not in these releases, or retired there; what they cover is recognised by less:")
        )
        for gap in gaps[:most]:
            out.print(Text(f"  {gap.system} {gap.code}: {gap.why}", style="yellow"), soft_wrap=True)
        if len(gaps[:most]) < len(gaps):
            out.print(Text(f"  and {len(gaps) - len(gaps[:most])} more; `nmcds codes about {path}` lists all"), soft_wrap=True)
    if fits:
        out.print(
            Text(f"\n{path}, written by {header.tool} at {header.built_at}; NMCDS_CODES_FILE names it to the service"), soft_wrap=True
        )
        return Exit.OK
    out.print(Text(f"\n{path}: built for other code lists, the service refuses it; build it again", style="red"), soft_wrap=True)
    return Exit.FOUND
