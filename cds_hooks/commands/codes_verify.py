"""`nmcds codes verify`: every shipped row of rules/codes, re-checked."""

from __future__ import annotations

import importlib
import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import cast

from rich.text import Text

import rules.knowledge
from cds_hooks.commands.output import Exit, as_json, console, say_problems
from rules.code_check import Classification, check_codes

__all__ = ["FOLDER", "classification", "verify"]

FOLDER = Path(rules.knowledge.__file__).parent / "codes"


def verify(*, json: bool, folder: Path = FOLDER, today: date | None = None) -> Exit:
    """Report every problem at once. FOUND when there is one, also when ICD-10-CM could not be checked."""
    checked = check_codes(folder, today=today or datetime.now(UTC).date(), icd=classification())
    code = Exit.FOUND if checked.problems else Exit.OK
    if json:
        as_json({"rows": checked.rows, "problems": checked.problems, "warnings": checked.warnings})
        return code
    say_problems([*checked.problems, *(f"warning: {text}" for text in checked.warnings)])
    counted = f"{sum(checked.rows.values())} rows of {len(checked.rows)} systems"
    words = f"{len(checked.problems)} problems in {counted}" if checked.problems else f"no problems: {counted}"
    console(error=bool(checked.problems)).print(Text(words, style="red" if checked.problems else "green"))
    return code


def classification() -> Classification | None:
    """ICD-10-CM from the development package; None when it is not installed."""
    try:
        with warnings.catch_warnings():  # the package reads its data in a way that newer Pythons warn of
            warnings.simplefilter("ignore", DeprecationWarning)
            return cast(Classification, importlib.import_module("simple_icd_10_cm"))
    except ModuleNotFoundError:
        return None
