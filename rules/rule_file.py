"""A rule file while it is read: typed access to its keys, with every problem as `file: key: found, expected, did you mean`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from rules.conditions import Reader

__all__ = ["INDICATORS", "KnowledgeError", "RuleFile", "summary"]

INDICATORS = ("critical", "warning", "info")
SUMMARY_LIMIT = 140


class KnowledgeError(ValueError):
    """The knowledge cannot be used; `problems` lists all of them."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(f"{len(problems)} problems in the knowledge:\n" + "\n".join(problems))
        self.problems = problems


@dataclass(slots=True)
class RuleFile:
    """One rule file being read; `problems` are collected, every reading method answers something harmless after one."""

    name: str
    data: Mapping[str, object]
    reader: Reader
    problems: list[str] = field(default_factory=list)

    def say(self, key: str, text: str) -> None:
        """Note a problem of a key."""
        self.problems.append(f"{self.name}: {key}: {text}")

    def keys(self, where: str, table: Mapping[str, object], allowed: set[str]) -> None:
        """Complain about keys that are not allowed."""
        for key in table:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, 1)
                hint = f", did you mean {near[0]!r}?" if near else f", expected one of {', '.join(sorted(allowed))}"
                self.say(f"{where}{key}", f"unknown key{hint}")

    def text(self, where: str, table: Mapping[str, object], key: str, default: str | None = None) -> str:
        """A text; `default` None means that it is required."""
        value = table.get(key, default)
        if not isinstance(value, str):
            self.say(f"{where}{key}", f"found {value!r}, expected a text")
            return ""
        return value

    def texts(self, where: str, table: Mapping[str, object], key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.say(f"{where}{key}", f"found {value!r}, expected a list of texts")
            return ()
        return tuple(value)

    def choice(self, where: str, table: Mapping[str, object], key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of `allowed`; `default` None means that it is required."""
        value = table.get(key, default)
        if value not in allowed:
            near = difflib.get_close_matches(str(value), allowed, 1)
            self.say(f"{where}{key}", f"found {value!r}, expected {', '.join(allowed)}" + (f"; did you mean {near[0]!r}?" if near else ""))
            return allowed[0]
        return str(value)

    def table(self, where: str, table: Mapping[str, object], key: str) -> Mapping[str, object]:
        """A table."""
        value = table.get(key, {})
        if not isinstance(value, Mapping):
            self.say(f"{where}{key}", f"found {value!r}, expected a table")
            return {}
        return value

    def tables(self, where: str, table: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
        """A list of tables."""
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.say(f"{where}{key}", f"found {value!r}, expected tables [[{key}]]")
            return []
        return list(value)

    def day(self, where: str, table: Mapping[str, object], key: str) -> date:
        """A date."""
        value = table.get(key)
        if not isinstance(value, date):
            self.say(f"{where}{key}", f"found {value!r}, expected a date such as 2026-11-22")
            return date(1970, 1, 1)
        return value


def summary(file: RuleFile, key: str, text: str) -> str:
    """A card summary of allowed length."""
    if len(text) >= SUMMARY_LIMIT:
        file.say(key, f"found {len(text)} characters, expected fewer than {SUMMARY_LIMIT} (CDS Hooks)")
    return text
