"""What a site may change without touching a rule: thresholds marked project default, rules switched off, its clinical reviewers.

`rules/settings.toml` holds the defaults, each with a comment. A site's own TOML file has the same shape and overrides single values:
`[thresholds]`, `off = ["rule-id"]`, `unwatched = ["rule-id"]`, `[reviewers]` (`rule-id = "name, role"`), `require_review = true`.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Site", "SiteError"]

DEFAULTS = Path(__file__).parent / "settings.toml"


class SiteError(ValueError):
    """The site file has a problem; the message names the key, what was found and what is expected."""


@dataclass(frozen=True, slots=True)
class Site:
    """Thresholds by dotted name, rules that are off, reviewers by rule id, and whether an unreviewed rule may fire.

    `unwatched`: rules whose own example does not fire here because of the site's other choices; the live canary leaves them out.
    """

    thresholds: Mapping[str, str | int | float | bool]
    off: frozenset[str] = frozenset()
    reviewers: Mapping[str, str] = field(default_factory=dict)
    require_review: bool = False
    unwatched: frozenset[str] = frozenset()

    @property
    def budgets(self) -> Mapping[str, int]:
        """The most cards in an answer by the derived fact that must hold (thresholds `cards.*`)."""
        return {name: int(value) for name, value in self._of("cards.")}

    @property
    def unasked(self) -> Mapping[str, str]:
        """The derived facts under which nothing is asked without an occasion, each with the set of medicines that give one
        (thresholds `questions.*`; "*" asks everything)."""
        return {name: str(medicines) for name, medicines in self._of("questions.") if medicines != "*"}

    def _of(self, table: str) -> Iterator[tuple[str, str | int | float | bool]]:
        """The thresholds of one table, by the rest of their names."""
        return ((name.removeprefix(table), value) for name, value in self.thresholds.items() if name.startswith(table))

    @classmethod
    def load(cls, path: Path | None = None) -> Site:
        """Read the defaults and, when given, the site's own file. Raises SiteError."""
        thresholds = _flat(tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))["thresholds"])
        if path is None:
            return cls(thresholds)
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
            raise SiteError(f"{path.name}: cannot be read as TOML: {problem}") from None
        problems = [
            f"{key}: unknown key, expected thresholds, off, unwatched, reviewers or require_review"
            for key in data
            if key not in {"thresholds", "off", "unwatched", "reviewers", "require_review"}
        ]
        for key, value in _flat(data.get("thresholds", {})).items():
            if key not in thresholds:
                near = difflib.get_close_matches(key, thresholds, 1)
                problems.append(f"thresholds.{key}: unknown" + (f", did you mean {near[0]}?" if near else ""))
            elif type(value) is not type(thresholds[key]) and not (
                isinstance(value, int | float) and isinstance(thresholds[key], int | float)
            ):
                problems.append(f"thresholds.{key}: found {value!r}, expected the type of {thresholds[key]!r}")
            else:
                thresholds[key] = value
        off, unwatched, reviewers = data.get("off", []), data.get("unwatched", []), data.get("reviewers", {})
        if not isinstance(off, list) or not isinstance(unwatched, list):
            problems.append("off and unwatched must be lists of rule ids")
        if not isinstance(reviewers, dict) or not isinstance(data.get("require_review", False), bool):
            problems.append("reviewers must be a table, require_review true or false")
        if problems:
            raise SiteError("\n".join(f"{path.name}: {problem}" for problem in problems))
        return cls(
            thresholds,
            frozenset(map(str, off)),
            {str(key): str(value) for key, value in reviewers.items()},
            bool(data.get("require_review", False)),
            frozenset(map(str, unwatched)),
        )


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str | int | float | bool]:
    flat: dict[str, str | int | float | bool] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str | int | float | bool):
            flat[prefix + key] = value
        else:
            raise SiteError(f"{prefix}{key}: found {value!r}, expected a text, number or truth value")
    return flat
