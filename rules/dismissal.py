"""How long a dismissed card stays away, where the specification gives a rule a period of its own (`rules/dismissal.toml`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.model import Rule

__all__ = ["Period", "periods"]


@dataclass(frozen=True, slots=True)
class Period:
    """`days` after a dismissal with one of `reasons` (texts of the rule file), or after any when there are none."""

    days: float
    reasons: tuple[str, ...] = ()


def periods(tables: Iterable[Mapping[str, Any]], rules: Iterable[Rule]) -> tuple[Mapping[str, tuple[Period, ...]], tuple[str, ...]]:
    """The periods of each rule that has some, the first that fits counting; and the tables that fit no rule, as problems."""
    every = tuple(rules)
    found: dict[str, list[Period]] = {}
    problems: list[str] = []
    for table in tables:
        ids, area = table.get("rules", ()), table.get("area")
        fitting = [rule.id for rule in every if rule.id in ids or (area and f"{rule.area}/".startswith(f"{area}/"))]
        period = Period(float(table["days"]), tuple(table.get("reasons", ())))
        for name in fitting:
            found.setdefault(name, []).append(period)
        unknown = sorted(set(ids) - set(fitting)) or ([] if fitting else [str(area)])
        problems += [f"dismissal.toml: {name}: no such rule or area" for name in unknown]
    return {name: tuple(several) for name, several in found.items()}, tuple(problems)
