from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds_hooks.markdown import escape, one_line, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CD4 <200/uL & rising", "CD4 &lt;200/uL &amp; rising"),
        ("FVC 2.5-5 mL/kg (sitting)", "FVC 2.5-5 mL/kg (sitting)"),
        ("anti-AChR: positive", "anti-AChR: positive"),
        ("- not a list", "\\- not a list"),
        ("1. not a list", "1\\. not a list"),
        ("# not a heading", "\\# not a heading"),
        ("see http://x.example", "see http\\://x.example"),
        ("see WWW.x.example", "see WWW\\.x.example"),
        ("a\nb\tc", "a b c"),
        ("", ""),
    ],
)
def test_plain_text_stays_readable(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text(max_size=60))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    [opened, inline, closed] = MarkdownIt("commonmark", {"html": True}).parse("x " + escape(text))
    assert (opened.type, closed.type) == ("paragraph_open", "paragraph_close")
    children = inline.children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == ("x " + one_line(text)).strip()


@given(st.text(max_size=400), st.integers(min_value=10, max_value=139))
def test_a_shortened_text_fits_and_is_one_line(text: str, limit: int) -> None:
    found = shorten(text, limit)
    assert len(found) <= limit
    assert "\n" not in found
    assert found == found.strip()


def test_a_text_that_fits_is_not_changed() -> None:
    assert shorten("a" * 139) == "a" * 139
    assert shorten("a" * 140) == "a" * 138 + "…"
