"""How a command speaks: tables for people, JSON for programs, errors with a remedy, one exit code for each kind of end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from enum import IntEnum

from rich.console import Console
from rich.text import Text

from cds_hooks.markdown import one_line

__all__ = ["LEVELS", "Exit", "StopError", "as_json", "console", "level", "plain", "say_problems"]

LEVELS: Mapping[str, str] = {"critical": "bold white on red", "warning": "bold black on yellow", "info": "bold white on blue"}


class Exit(IntEnum):
    """The exit codes of every command (`docs/reference/command-line.md`)."""

    OK = 0
    FOUND = 1
    USAGE = 2
    KNOWLEDGE = 3
    FAILED = 4


class StopError(Exception):
    """The command cannot go on. `message` says what was found and expected, `remedy` what to do; neither holds patient data."""

    def __init__(self, code: Exit, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


def console(*, error: bool = False) -> Console:
    """Standard output (or error) of this moment; colour only on a terminal that has it, text never read as markup."""
    return Console(stderr=error, highlight=False, markup=False, emoji=False, soft_wrap=error)


def plain(text: object) -> str:
    """One line that a terminal shows as it is: control characters, escapes and direction overrides are gone."""
    return one_line(str(text))


def level(indicator: str) -> Text:
    """An indicator as a coloured word; the word alone says it too."""
    return Text(f" {indicator} ", style=LEVELS.get(indicator, "bold"))


def as_json(value: object) -> None:
    """Print JSON in ASCII: nothing in it can steer a terminal."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def say_problems(problems: Iterable[str]) -> None:
    """One problem a line on standard error."""
    out = console(error=True)
    for problem in problems:
        out.print(Text(plain(problem)))
