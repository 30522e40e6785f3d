"""`nmcds codes lint`: a site's own codes, all problems at once."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from cds_hooks.commands.codes_verify import FOLDER
from cds_hooks.commands.output import Exit, as_json, console, say_problems
from rules.site_codes import lint_site_codes
from rules.terminology import Terminology

__all__ = ["lint"]


def lint(file: Path, *, json: bool) -> Exit:
    """Report every problem of the file. FOUND when there is one; the service would not start with it."""
    words, problems = lint_site_codes(file, Terminology.load(FOLDER))
    if json:
        as_json({"codes": len(words), "problems": list(problems)})
    else:
        say_problems(problems)
        counted = f"{len(problems)} problems; the service would not start" if problems else f"no problems: {len(words)} codes"
        console(error=bool(problems)).print(Text(counted, style="red" if problems else "green"))
    return Exit.FOUND if problems else Exit.OK
