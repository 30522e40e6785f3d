"""Sets given by what differs behave as the sets that they stand for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.engine.differing import Differing

names = st.frozensets(st.sampled_from("abcdefgh"))


def whole(one: Differing[str]) -> set[str]:
    return set(one.base) ^ one.changed


@given(names, names, names, names)
def test_every_operation_gives_what_plain_sets_give(
    base: frozenset[str], changed: frozenset[str], other: frozenset[str], more: frozenset[str]
) -> None:
    one, plain = Differing(base, changed), base ^ changed
    assert set(one) == plain == one
    assert len(one) == len(plain)
    assert {name for name in "abcdefgh" if name in one} == plain
    assert one.among(other) == plain & other
    for two in (other, Differing(base, other ^ base), Differing(more, other ^ more)):
        assert one ^ two == plain ^ other == two ^ one
        assert (one == two) is (plain == other)
        assert (one <= two) is (plain <= other)
    assert one | other == plain | other
    assert one - other == plain - other
    assert one & other == plain & other
    assert Differing.of(other) == other
    assert Differing.of(one) is one


@given(names, names, st.lists(st.tuples(st.sampled_from(["put", "drop", "decide"]), names, st.booleans(), names)))
def test_every_change_is_made_to_it_alone(
    base: frozenset[str], changed: frozenset[str], steps: list[tuple[str, frozenset[str], bool, frozenset[str]]]
) -> None:
    one, plain = Differing(base, changed), set(base ^ changed)
    for what, those, holds, held in steps:
        if what == "put":
            for name in sorted(those):
                assert one.put(name, holds) is ((name in plain) is not holds)
                (plain.add if holds else plain.discard)(name)
        elif what == "drop":
            one.drop(those)
            plain -= those
        else:
            one.decide(those, those & held)
            plain = (plain - those) | (those & held)
        assert whole(one) == plain
    assert one.base is base
