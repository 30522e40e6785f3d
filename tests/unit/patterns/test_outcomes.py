"""When a result counts as positive, negative, high or low: by what the laboratory says of it, or by its own limits; never by the number."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.facts import Observation
from rules.patterns.labs import outcome
from rules.quantity import Quantity

WANTED = ("positive", "negative", "high", "low")


def mg(value: str, unit: str = "mg/dL") -> Quantity:
    return Quantity(Decimal(value), unit)


def result(
    value: Quantity | None = None, *, low: Quantity | None = None, high: Quantity | None = None, answer: str = "", flag: str = ""
) -> Observation:
    answers, flags = (frozenset({word} if word else ()) for word in (answer, flag))
    return Observation("Observation/o", frozenset({"ck"}), value=value, low=low, high=high, answers=answers, interpretation=flags)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (result(mg("5"), low=mg("5"), high=mg("10")), (False, True, False, False)),
        (result(mg("10"), low=mg("5"), high=mg("10")), (False, True, False, False)),
        (result(mg("11"), low=mg("5"), high=mg("10")), (True, False, True, False)),
        (result(mg("4"), low=mg("5"), high=mg("10")), (False, True, False, True)),
        (result(mg("1.2"), high=mg("0.011", "g/L")), (True, False, True, None)),
        (result(mg("1.2"), high=mg("1", "cm")), (None, None, None, None)),
        (result(mg("1.2")), (None, None, None, None)),
        (result(flag="L"), (None, None, False, True)),
        (result(flag="H"), (True, False, True, False)),
        (result(flag="N"), (False, True, False, False)),
        (result(flag="NR"), (False, True, None, None)),
        (result(flag="RR"), (True, False, None, None)),
        (result(answer="not-detected"), (False, True, None, None)),
        (result(answer="non-reactive"), (False, True, None, None)),
        (result(answer="detected"), (True, False, None, None)),
        (result(answer="reactive"), (True, False, None, None)),
        (result(answer="reactive", flag="NEG"), (None, None, None, None)),
        (result(mg("11"), high=mg("10"), flag="N"), (False, True, True, False)),
    ],
)
def test_a_result_counts_by_what_its_laboratory_says(fact: Observation, expected: tuple[bool | None, ...]) -> None:
    assert tuple(outcome(fact, wanted) for wanted in WANTED) == expected
