"""`nmcds report`: a page to print about what a screen found."""

from __future__ import annotations

import json
from pathlib import Path

from rich.text import Text

from cds_hooks.commands.loading import load_knowledge
from cds_hooks.commands.output import Exit, StopError, console
from cds_hooks.population.report import page

__all__ = ["report"]


def report(found: Path, html: Path) -> Exit:
    """Write the page from the summary of an output folder."""
    try:
        summary = json.loads((found / "summary.json").read_text(encoding="utf-8"))
        knowledge = load_knowledge(None)
        text = page(summary, knowledge.terminology.label, knowledge.in_words)
    except OSError as error:
        raise StopError(
            Exit.USAGE, f"{found}/summary.json: cannot be read: {error.strerror}", "Give the --out folder of `nmcds screen`."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise StopError(Exit.USAGE, f"{found}/summary.json: not a summary of `nmcds screen` of this version", "Screen again.") from None
    try:
        html.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StopError(Exit.USAGE, f"{html}: cannot be written: {error.strerror}", "Choose another --html.") from None
    console().print(Text(f"written to {html}: counts only, numbers under 11 hidden"))
    return Exit.OK
