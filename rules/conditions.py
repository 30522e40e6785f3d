"""Reading conditions: inline tables become nodes, and every problem is reported in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.model import All, Any_, AtLeast, Derived, Leaf, Node, Not
from rules.patterns import ANSWERS, DERIVED, Context, Pattern, PatternError, build, predicate_of

__all__ = ["Reader"]

GROUPS = {"all", "any", "not", "at_least"}


@dataclass(slots=True)
class Reader:
    """Turns condition tables of one rule into nodes; collects `problems` as "key: found, expected".

    Built patterns are shared through `cache`. At the hooks `lent` the rule speaks as at patient-view, so what it says of that hook is said
    of them too.
    """

    context: Context
    cache: dict[Leaf, Pattern]
    lent: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)

    def node(self, where: str, table: object) -> Node | None:
        """One condition or group; None after a problem."""
        if not isinstance(table, Mapping):
            self.problems.append(f"{where}: found {table!r}, expected an inline table")
            return None
        if "not" in table and len(table) == 1:
            part = self.node(f"{where}.not", table["not"])
            return Not(part) if part else None
        if "at_least" in table and "of" in table and len(table) == 2:
            parts, count = self.nodes(f"{where}.of", table["of"]), table["at_least"]
            if not isinstance(count, int) or not 1 <= count <= len(parts):
                self.problems.append(f"{where}.at_least: found {count!r}, expected 1 to {len(parts)}")
                return None
            return AtLeast(count, parts)
        if len(table) == 1 and ("all" in table or "any" in table):
            key = next(iter(table))
            parts = self.nodes(f"{where}.{key}", table[key])
            return All(parts) if key == "all" else Any_(parts)
        return self.leaf(where, table)

    def nodes(self, where: str, tables: object) -> tuple[Node, ...]:
        """A list of conditions."""
        if not isinstance(tables, list):
            self.problems.append(f"{where}: found {tables!r}, expected a list of inline tables")
            return ()
        found = [self.node(f"{where}[{number}]", table) for number, table in enumerate(tables)]
        return tuple(part for part in found if part is not None)

    def leaf(self, where: str, table: Mapping[str, object]) -> Node | None:
        """One condition of the closed vocabulary."""
        try:
            name = predicate_of(table)
            answers = self.answers(table.get("is"))
            if name in DERIVED:
                value, extra = table[name], set(table) - {name, "is"}
                if extra or not isinstance(value, str):
                    raise PatternError(f"{name}: found {dict(table)!r}, expected a single name and perhaps `is`")
                if name == "blocked":
                    self.context.names(value)
                return Derived(name, value, answers)  # type: ignore[arg-type]
            rest = {key: value for key, value in table.items() if key != "is"}
            if name == "hook" and rest["hook"] == "patient-view" and self.lent:
                rest["hook"] = ["patient-view", *sorted(self.lent)]
            leaf = Leaf(_canonical(rest), self.context.lifelong, answers)
            base = Leaf(leaf.table, leaf.lifelong)
            if base not in self.cache:
                self.cache[base] = build(self.context, rest)
        except PatternError as problem:
            self.problems.append(f"{where}: {problem}")
            return None
        return leaf

    @staticmethod
    def answers(value: object) -> frozenset[str]:
        """The `is` of a condition; empty when it is the plain three-valued one."""
        if value is None or value == "present":
            return frozenset()
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, list) or not words or any(word not in ANSWERS for word in words):
            raise PatternError(f"is: found {value!r}, expected one or more of {', '.join(ANSWERS)}")
        return frozenset(word for given in words for word in (("present", "absent") if given == "known" else (given,)))


def _canonical(table: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    return tuple(sorted((key, tuple(value) if isinstance(value, list) else value) for key, value in table.items()))
