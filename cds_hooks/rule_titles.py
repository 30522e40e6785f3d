"""Card text that names another rule by its id says that rule's title: a clinician in the EHR knows no ids. The ids stay in the
`explanation` extension, for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["NAME", "in_titles"]

NAME = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)+)")
"""What a rule id looks like; a group, so that `split` keeps it."""


def in_titles(text: str, titles: Mapping[str, str]) -> str:
    """The text with each id among `titles` as: rule “title”. An id in brackets behind its own title is left out."""
    if "-" not in text:
        return text
    parts = NAME.split(text)
    for place in range(1, len(parts), 2):
        title = titles.get(parts[place])
        if title is None:
            continue
        if parts[place - 1].endswith(f"{title}” (") and parts[place + 1].startswith(")"):
            parts[place - 1] = parts[place - 1].removesuffix(" (")
            parts[place], parts[place + 1] = "", parts[place + 1][1:]
        else:
            parts[place] = f"rule “{title}”"
    return "".join(parts)
