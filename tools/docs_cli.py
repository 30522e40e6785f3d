"""The page of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from cds_hooks.cli import app

__all__ = ["command_line"]


def command_line() -> Iterator[str]:
    """Yield the page: what the program as a whole says, then every command with its options."""
    command = get_command(app)
    yield "# Command line\n"
    yield "Everything is a command of `nmcds`; `--help` tells the same as this page.\n"
    yield _told(command.help)
    yield from _options(command)
    yield from _commands(command, "nmcds")


def _commands(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - typer brings its own click
    for name, inner in sorted(command.commands.items()):
        if hasattr(inner, "commands"):
            yield from _commands(inner, f"{path} {name}")
            continue
        yield f"## {path} {name}\n"
        yield _told(inner.help)
        yield from _options(inner)


def _told(text: str | None) -> str:
    """Help text as Markdown: indented lines become a code block, Rich markup a heading word."""
    plain = re.sub(r"\[bold](.*?)\[/]", r"**\1**\n", inspect.cleandoc(text or "")).replace("\b", "")
    return re.sub(r"^  (?=\S)", "    ", plain, flags=re.MULTILINE).strip() + "\n"


def _options(command: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    yield "| option | meaning |\n| --- | --- |"
    for one in command.params:
        names = ", ".join((*one.opts, *one.secondary_opts)) if one.param_type_name == "option" else one.metavar or one.name.upper()
        yield f"| `{names}` | {getattr(one, 'help', '') or ''} |"
    yield ""
