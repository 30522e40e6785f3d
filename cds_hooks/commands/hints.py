"""What to do about a problem of a rule file, for a reviewer who does not read Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rich.text import Text

from cds_hooks.commands.output import console, plain

__all__ = ["hints_of", "say_hints"]

HINTS = (
    (r"is no concept|expected a (value set or )?concept|expected an id of rules/codes", "`nmcds rules names WORD` finds the names."),
    (r"expected a predicate|qualifier|in one table", "docs/reference/conditions.md lists the conditions and their qualifiers."),
    (r"not readable as TOML", "Look for a missing quotation mark, bracket or comma on the line that is named, or on the one before."),
    (r"expected fewer than \d+ \(CDS Hooks\)", "Say it shorter; what does not fit goes to card.detail."),
    (r"no rule concludes it", "`nmcds rules names WORD` lists the facts that rules conclude, with their rules."),
    (r"a lower stage", "derive comes before safety, safety before pathway, pathway before monitoring."),
    (r"review\.next: found \d", "Read the rule and its sources again, then move review.date and review.next."),
    (r"draft_reason", "A draft says why it is one; an active or retired rule has no draft_reason."),
    (r"stands for several concepts", "A short patient has one disease or drug: name a single one."),
    (r"^unknown: |\[missing: ", "Unknown is not no: a short patient has a datum only when you write it down."),
    (r"^stopped by: |: stopped by: ", "A line of `unless` holds for this patient."),
    (r"the rule does not speak at", "The `hook` of the vignette must be among the `hooks` of the rule."),
)  # fmt: skip


def hints_of(*problems: str) -> Iterator[str]:
    """The hints that fit, in the order of the list above."""
    for pattern, hint in HINTS:
        if any(re.search(pattern, problem) for problem in problems):
            yield hint


def say_hints(hints: Iterable[str]) -> None:
    """Each hint once, on standard error, after the problems."""
    for hint in dict.fromkeys(hints):
        console(error=True).print(Text(f"Hint: {plain(hint)}", style="dim"))
