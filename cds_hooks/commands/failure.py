"""An error that ends a command: what it says and which exit code it has."""

from __future__ import annotations

from rich.text import Text

from cds_hooks.commands.output import Exit, StopError, console, plain, say_problems
from cds_hooks.errors import SettingsError, StorageUnavailable
from cds_hooks.vocabularies.rows import VocabularyError
from rules.code_lists import CodeListError
from rules.load import KnowledgeError
from rules.site import SiteError
from rules.site_codes import SiteCodesError

__all__ = ["report"]


def report(error: Exception) -> Exit:
    """Print the error on standard error and return the exit code."""
    match error:
        case StopError():
            return _say(error.code, [error.message], error.remedy)
        case SettingsError():
            return _say(Exit.USAGE, error.problems, "docs/reference/settings.md lists every setting.")
        case SiteCodesError():
            return _say(
                Exit.KNOWLEDGE, error.problems, "NMCDS_SITE_CODES_FILE names a file with problems; `nmcds codes lint FILE` lists them."
            )
        case StorageUnavailable():
            return _say(Exit.FAILED, ["the database cannot be used"], "NMCDS_DATABASE_URL names it; docs/reference/settings.md tells how.")
        case VocabularyError():
            return _say(Exit.FAILED, [str(error)], error.remedy)
        case KnowledgeError() | CodeListError() | SiteError():
            problems = getattr(error, "problems", None) or str(error).splitlines()
            return _say(Exit.KNOWLEDGE, problems, "The knowledge cannot be loaded; `nmcds rules lint` lists the problems of rule files.")
        case _:
            name = type(error).__name__
            return _say(
                Exit.FAILED, [f"a defect of nmcds itself: {name}"], "Please report it with the command line; leave patient data out."
            )


def _say(code: Exit, problems: tuple[str, ...] | list[str], remedy: str) -> Exit:
    say_problems([f"Error: {plain(problems[0])}", *problems[1:]])
    if remedy:
        console(error=True).print(Text(remedy, style="dim"))
    return code
