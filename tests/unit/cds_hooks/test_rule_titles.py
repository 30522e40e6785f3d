"""Card texts say a rule's title in place of its id; every other word stays, "non-ambulant" and "X-linked" too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.rule_titles import NAME, in_titles
from tests.support.spoken import on_reference as knowledge

WORDS = [
    "non-ambulant",
    "non-invasive",
    "limb-girdle",
    "X-linked",
    "repeated-falls",
    "anti-achr",
    "late-onset",
    "6-12",
    "low-back-pain",
    "SMA",
]


def texts() -> Iterator[tuple[str, str]]:
    """Every text that a rule can put on a card, with the rule's id."""
    for rule in knowledge().rules:
        if rule.card is not None:
            card = rule.card
            lines = [*card.detail, *(line.text for line in card.lines), *(proposal.label for proposal in card.proposals)]
            for branch in rule.branches:
                lines += [branch.summary or "", *branch.lines]
            yield from ((rule.id, text) for text in (rule.title, card.summary, *lines) if text)


def test_in_every_text_of_every_rule_only_the_ids_of_rules_with_a_card_are_replaced() -> None:
    titles = knowledge().titles
    marks = {name: f"\x00{number}\x00" for number, name in enumerate(titles)}
    replaced = 0
    for rule, text in texts():
        told = in_titles(text, marks)
        named = [word for word in NAME.split(text) if word in marks]
        replaced += len(named)
        assert told.count("\x00") == 2 * len(named), rule
        for name in named:
            told = told.replace(f"rule “{marks[name]}”", name, 1)
        assert told == text, rule
    assert replaced > 20


def test_no_rule_with_a_card_is_called_like_a_disease_finding_or_drug() -> None:
    words = knowledge().terminology
    assert [name for name in knowledge().titles if words.knows(name)] == []


def test_no_rule_that_only_concludes_has_a_title_in_the_texts() -> None:
    assert {rule.id for rule in knowledge().rules if rule.card is None} & knowledge().titles.keys() == set()
    assert "non-ambulant" in {rule.id for rule in knowledge().rules}, "the id of a rule without a card, and a word of card texts"


@pytest.mark.parametrize("word", WORDS)
def test_a_word_with_a_hyphen_is_no_rule(word: str) -> None:
    assert in_titles(f"If {word}, ask.", knowledge().titles) == f"If {word}, ask."


@given(
    st.lists(st.sampled_from([*WORDS, "analg-opioid-not-first", "ref-pt", "if", "and"]), max_size=8),
    st.sampled_from([" ", ", ", "; ", " ("]),
)
def test_words_around_an_id_survive_in_their_order(words: list[str], between: str) -> None:
    titles = {"analg-opioid-not-first": "OPIOID", "ref-pt": "PHYSIO"}
    told = in_titles(between.join(words), titles)
    assert told == between.join(f"rule “{titles[word]}”" if word in titles else word for word in words)
