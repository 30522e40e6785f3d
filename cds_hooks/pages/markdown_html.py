"""Card text (GitHub Flavored Markdown) to HTML that holds no markup, picture or script of its author."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

__all__ = ["to_html"]


def _link_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer")
    return str(self.renderToken(tokens, index, options, env))


_READER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
_READER.add_render_rule("link_open", _link_open)


def to_html(text: str) -> Markup:
    """Safe HTML; the reader escapes raw HTML and refuses javascript:, vbscript:, file: and data: links."""
    return Markup(_READER.render(text))  # noqa: S704 - rendered with html off
