"""`nmcds rules edit`: where the file of a rule is, what stands on which line of it, and what its writer may put there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from cds_hooks.commands.hints import hints_of, say_hints
from cds_hooks.commands.loading import PACKAGED, load_knowledge, rules_folder, unknown_name
from cds_hooks.commands.output import Exit, console, plain, say_problems
from rules.code_lists import CodeListError
from rules.load import KnowledgeError
from rules.site import SiteError

__all__ = ["edit", "parts"]

HEADING = re.compile(r"^\[+([a-z]+(?:\.[a-z]+)*)\]+", re.MULTILINE)
WHAT = {
    "about": "raise version when the meaning changes; a draft never speaks",
    "when": "every line of all must hold, none of unless may: docs/reference/conditions.md; words: nmcds rules names WORD",
    "branch": "one way to fire, with its own level, words and proposals",
    "table": "rows from a list of drugs and diseases",
    "table.branch": "what the rows of one grade do",
    "then": "facts for other rules, drugs that nothing may propose",
    "card": "summary under 140 characters: what to do, no dose; detail: why",
    "card.lines": "a sentence that the card has only sometimes",
    "card.leaflets": "a page for patients that the card links to",
    "card.suggestions": "a draft that the clinician may accept, without a dose",
    "evidence": "the source, what it says, how strong, what of it you read yourself",
    "review": "who wrote it; checked_by is another clinician; when it is due again",
    "vignette": "a short patient: one who fires it, and one who misses each condition",
}
"""What a writer puts into each part of a rule file."""


def edit(identifier: str, *, rules: Path | None) -> Exit:
    """Show the way into the file; a file that cannot be loaded is what needs it most, so it is found by its name."""
    folder = rules_folder(rules)
    files = {path.stem: path for path in sorted(folder.rglob("*.toml"))}
    if identifier not in files:
        raise unknown_name("rule", identifier, files, "nmcds rules list")
    path = files[identifier]
    out = console()
    out.print(Text(str(path), style="bold"), soft_wrap=True)
    if folder.resolve() == PACKAGED.resolve():
        out.print(
            "This file comes with the service. Work in a copy: cp -r rules/pathways my-rules, then add --rules my-rules to each command."
        )
    grid = Table("line", "part", "what to write there", box=None)
    for line, part, count in parts(path.read_text(encoding="utf-8")):
        grid.add_row(str(line), f"{part} ({count})" if count > 1 else part, Text(plain(WHAT.get(part, ""))))
    out.print(grid)
    where = "" if rules is None else f" --rules {rules}"
    for command, why in (
        (f"nmcds rules lint{where}", "finds mistakes of writing"),
        (f"nmcds rules test {identifier}{where}", "plays the vignettes"),
        (f"nmcds rules diff packaged {rules or 'my-rules'}", "says what changes for the invented patients"),
    ):
        out.print(Text.assemble(("then  ", "dim"), command, (f"   {why}", "dim")), soft_wrap=True)
    return _problems(identifier, rules)


def parts(text: str) -> Iterator[tuple[int, str, int]]:
    """The parts of a rule file: the line where each kind begins, its name, and how many there are."""
    yield 1, "about", 1
    found: dict[str, tuple[int, int]] = {}
    for heading in HEADING.finditer(text):
        first, count = found.get(heading[1], (text.count("\n", 0, heading.start()) + 1, 0))
        found[heading[1]] = (first, count + 1)
    for part, (first, count) in found.items():
        yield first, part, count


def _problems(identifier: str, rules: Path | None) -> Exit:
    """What is wrong with this file now, with hints. Rules load all together, so one wrong file keeps this one from being tried."""
    try:
        load_knowledge(rules)
    except (KnowledgeError, CodeListError, SiteError) as error:
        every = getattr(error, "problems", None) or str(error).splitlines()
        mine = [one for one in every if f"{identifier}.toml" in one]
        say_problems(mine or [f"nothing found in {identifier}.toml; problems in other files: nmcds rules lint"])
        say_hints(hints_of(*mine))
        return Exit.FOUND
    return Exit.OK
