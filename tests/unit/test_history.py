"""The version history of rules: the changelog lines about them, kept where the service can read them."""

from __future__ import annotations

from rules.history import Past, from_changelog, parse, render

CHANGELOG = """# Changelog

Each rule: `rule-id X.Y.Z: what is different`.

## 0.2.0

### Knowledge

- a-rule 1.1.0: fires for children too,
  from 12 years on.
- `b-rule 2.0.0`: no longer "asks".
- `c-rule 1.0.1: all of it in ticks.`
- Knowledge 2026.11.1: codes.
- no-rule 1.0.0: a name that nobody has.

## 0.1.0 (2026-11-22)

- a-rule 1.0.1: says it in other words.
"""
LINES = (
    Past("a-rule", "1.1.0", "0.2.0", "fires for children too, from 12 years on."),
    Past("b-rule", "2.0.0", "0.2.0", 'no longer "asks".'),
    Past("c-rule", "1.0.1", "0.2.0", "all of it in ticks."),
    Past("a-rule", "1.0.1", "0.1.0 (2026-11-22)", "says it in other words."),
)


def test_lines_about_rules_are_found_with_their_release_and_strangers_are_named() -> None:
    assert from_changelog(CHANGELOG, {"a-rule", "b-rule", "c-rule"}) == (LINES, ("no-rule",))


def test_what_is_kept_is_read_as_it_was() -> None:
    assert parse(render(LINES)) == LINES
    assert parse(render(())) == ()
