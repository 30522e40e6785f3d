"""`nmcds population`: an invented population of any size, for trying and measuring `nmcds screen`."""

from __future__ import annotations

from pathlib import Path

from rich.progress import Progress
from rich.text import Text

from cds_hooks.commands.output import Exit, StopError, console
from fhir_fixtures.population import write_population

__all__ = ["population"]

STEP = 500  # people between two looks at the progress bar


def population(size: int, seed: int, folder: Path) -> Exit:
    """Write the files of a Bulk Data export into a new or empty folder."""
    with Progress(console=console(error=True), transient=True) as progress:
        task = progress.add_task("People", total=size)
        try:
            for written in write_population(folder, size, seed):
                if written % STEP == 0:
                    progress.update(task, completed=written)
        except FileExistsError:
            raise StopError(Exit.USAGE, f"{folder} is not an empty folder, expected a new or empty one", "Choose another --out.") from None
        except OSError as error:
            raise StopError(Exit.FAILED, f"{folder}: {error.strerror}", "Is there room, and may you write there?") from None
    console().print(Text(f"{size} invented people written to {folder}; `nmcds screen {folder} --out FOLDER` asks about them"))
    return Exit.OK
