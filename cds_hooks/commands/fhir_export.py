"""`nmcds fhir export`: the knowledge as FHIR R4 resources in files, for import into a FHIR server or a repository of artefacts."""

from __future__ import annotations

from pathlib import Path

import orjson
from rich.progress import track
from rich.text import Text

from cds_hooks.commands.loading import load_knowledge
from cds_hooks.commands.output import Exit, StopError, console
from cds_hooks.pages.artefacts import artefacts
from cds_hooks.settings import Settings

__all__ = ["export"]


def export(out: Path, *, rules: Path | None) -> Exit:
    """Write `out`/<type>/<id>.json; files of the same name are replaced. Raises StopError when the folder cannot be written."""
    found = artefacts(load_knowledge(rules), Settings().url)
    try:
        for kind, resources in found.items():
            folder = out / kind
            folder.mkdir(parents=True, exist_ok=True)
            for name, resource in track(resources.items(), kind, console=console(error=True), transient=True):
                (folder / f"{name}.json").write_bytes(orjson.dumps(resource, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise StopError(Exit.USAGE, f"{out}: cannot be written: {error.strerror}", "Give a folder that you may write to.") from None
    counts = ", ".join(f"{len(resources)} {kind}" for kind, resources in found.items())
    console().print(Text(f"{counts} in {out}"))
    return Exit.OK
