"""From the folders of a site's releases to one index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cds_hooks.vocabularies import icd10cm, index, rf2, rxnorm
from cds_hooks.vocabularies.index import Gap, Header, Release
from cds_hooks.vocabularies.rows import Tick, VocabularyError
from cds_hooks.vocabularies.seeds import ICD10CM, Seeds
from cds_hooks.vocabularies.staging import Staging, fingerprint
from rules.expansion import Coded
from rules.terminology import RXNORM, SNOMED

__all__ = ["Built", "Step", "build", "quiet", "stamp"]

# Opens the progress of one step: a title and the bytes to read (0: unknown); the value is called with the bytes read so far.
Step = Callable[[str, int], AbstractContextManager[Tick]]


def quiet(_title: str, _size: int) -> AbstractContextManager[Tick]:
    """No progress is shown."""
    return nullcontext(lambda _done: None)


@dataclass(frozen=True, slots=True)
class Built:
    """The header of the new index, the codes of ours that the releases lack, and the files that an earlier try had read."""

    header: Header
    gaps: tuple[Gap, ...]
    kept: tuple[Path, ...]


def stamp(digest: str, releases: Sequence[Release]) -> Header:
    """A header of this program and this moment."""
    tool = f"neuromuscular-cds {version('neuromuscular-cds')}"
    return Header(digest, tool, datetime.now(UTC).isoformat(timespec="seconds"), tuple(releases))


def build(out: Path, seeds: Seeds, *, snomed: Sequence[Path], rxnorm_folder: Path | None, icd: Path | None, step: Step) -> Built:
    """Read the releases and write the index `out`; raises VocabularyError, and then leaves what was read in `out`.partial."""
    package = rf2.Package(snomed) if snomed else None
    rrf = rxnorm.Rrf(rxnorm_folder) if rxnorm_folder is not None else None
    if icd is not None and not icd.is_file():
        raise VocabularyError(icd, None, "found no such file", "Give the order file, such as icd10cm_order_2026.txt.")
    files = [*(package.files if package else []), *(rrf.files if rrf else []), *([icd] if icd else [])]
    staging = Staging(out.with_name(out.name + ".partial"), fingerprint(files))
    try:
        kept = _read(package, rrf, staging, step)
        coded: list[Coded] = []
        gaps: list[Gap] = []
        releases: list[Release] = []
        if rrf is not None:
            with step("RxNorm: products", 0):
                _gather(rxnorm.expand(rrf, staging, seeds.rxnorm), coded, gaps)
            releases.append(Release(RXNORM, rrf.version, "RRF"))
        if package is not None:
            with step("SNOMED CT: subtypes", 0):
                _gather(rf2.expand(package, staging, seeds.snomed), coded, gaps)
            releases.append(Release(SNOMED, package.version, "RF2"))
        if icd is not None:
            with step(icd.name, icd.stat().st_size) as tick:
                gaps += icd10cm.missing(seeds.icd10cm, icd10cm.codes(icd, tick))
            releases.append(Release(ICD10CM, icd10cm.version(icd), "order file"))
        with step(f"writing {out.name}", 0):
            header = index.write(out, stamp(seeds.digest, releases), coded, gaps)
    except BaseException:
        staging.close()
        raise
    staging.remove()
    return Built(header, tuple(gaps), kept)


def _gather(found: tuple[list[Coded], list[Gap]], coded: list[Coded], gaps: list[Gap]) -> None:
    coded += found[0]
    gaps += found[1]


def _read(package: rf2.Package | None, rrf: rxnorm.Rrf | None, staging: Staging, step: Step) -> tuple[Path, ...]:
    """Read what is not in the work file yet; returns the files that were."""
    kept: list[Path] = []
    for path in [*(package.files if package else []), *(rrf.files if rrf else [])]:
        if staging.is_done(path):
            kept.append(path)
            continue
        with step(path.name, path.stat().st_size) as tick:
            if package is not None and path in package.files:
                rf2.read(package, staging, path, tick)
            elif rrf is not None:
                rxnorm.read(rrf, staging, path, tick)
    return tuple(kept)
