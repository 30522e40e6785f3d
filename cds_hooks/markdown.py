"""Plain text to GitHub Flavored Markdown and to one-line summaries: nothing from a record can become markup or a link."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["escape", "one_line", "shorten"]

SPECIAL = re.compile(r"([\\`*_\[\]|~@])")
LINE_START = re.compile(r"^(?:([-+=#])|(\d+)([.)]))")
LINK_START = re.compile(r"(www)(\.)|(?<=[A-Za-z])()(:)(?=//)", re.IGNORECASE)
HIDDEN = ("Cc", "Cf", "Cs", "Co")
MARKED = re.compile(r"[\\`*_\[\]|~@&<>]|^[-+=#\d]|www\.|://", re.IGNORECASE)
"""What any step of `escape` could change; most lines have nothing of it."""


def one_line(text: str) -> str:
    """One line without control characters, invisible characters or direction overrides."""
    kept = text
    if not text.isprintable():  # the usual text has nothing to leave out
        kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char) not in HIDDEN)
    return " ".join(kept.split())


def escape(text: str) -> str:
    """Text that Markdown shows as it is. Links cannot arise: the colon of a scheme and the dot after www are escaped."""
    line = one_line(text)
    if not MARKED.search(line):
        return line
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = LINK_START.sub(lambda match: f"{match[1] or ''}\\{match[2] or match[4]}", SPECIAL.sub(r"\\\1", line))
    return LINE_START.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", line)


def shorten(text: str, limit: int = 139) -> str:
    """At most `limit` characters on one line, cut at a word (CDS Hooks, "Card Attributes": summary is under 140 characters)."""
    line = one_line(text)
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit // 2 else cut).rstrip(" ,;:-") + "…"
