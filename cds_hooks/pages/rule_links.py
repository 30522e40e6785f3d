"""Card text that names another rule by its id, with the id as a link to that rule's page: few readers know ids."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup, escape

from cds_hooks.rule_titles import NAME

__all__ = ["linked"]


def linked(text: str, titles: Mapping[str, str]) -> Markup:
    """The text, escaped; each id among `titles` leads to its rule and shows the title when pointed at."""
    parts = (_link(part, titles[part]) if part in titles else escape(part) for part in NAME.split(text))
    return Markup("").join(parts)


def _link(identifier: str, title: str) -> Markup:
    return Markup('<a href="/rules/{0}" title="{1}">{0}</a>').format(identifier, title)
