"""What a pattern is: one condition about one resource, with a three-valued verdict and its reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from rules.facts import Presence
from rules.findings import NotChecked
from rules.patterns.index import RecordIndex
from rules.terminology import Terminology

__all__ = [
    "ABSENT",
    "PRESENT",
    "Context",
    "Names",
    "Pattern",
    "PatternError",
    "Support",
    "Verdict",
    "any_of",
    "both",
    "from_bool",
    "gaps",
    "negate",
    "nothing_found",
]

Names = frozenset[str]


class PatternError(ValueError):
    """A condition is not in the closed vocabulary; the message says what was found and what is expected."""


@dataclass(frozen=True, slots=True)
class Support:
    """One resource that makes a pattern present.

    `provisional`: its diagnosis is not confirmed. `by_name`: recognised by text alone. `unstated`: it does not say whether it is confirmed.
    """

    fact: str
    ref: str | None = None
    date: str | None = None
    provisional: bool = False
    by_name: bool = False
    unstated: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Presence with support (when present) or what is missing (when unknown)."""

    presence: Presence
    support: tuple[Support, ...] = ()
    missing: tuple[NotChecked, ...] = ()


ABSENT = Verdict(Presence.ABSENT)
PRESENT = Verdict(Presence.PRESENT)


def gaps(index: RecordIndex, types: tuple[str, ...]) -> tuple[NotChecked, ...]:
    """What could not be read, as reasons."""
    if not index.record.unread:
        return ()
    return tuple(NotChecked(name, why, name) for name, why in index.unread(types))


def nothing_found(missing: tuple[NotChecked, ...]) -> Verdict:
    """Looked and found nothing: absent, or unknown with the reasons why the look was not complete."""
    return Verdict(Presence.UNKNOWN, missing=missing) if missing else ABSENT


@dataclass(frozen=True, slots=True)
class Context:
    """What building a pattern may look at: codes, thresholds, and whether a lifelong disease marked resolved counts for this rule."""

    terminology: Terminology
    settings: Mapping[str, str | int | float | bool]
    lifelong: bool

    def names(self, value: object) -> Names:
        """Expand one name or a list of names to concept ids; the names themselves stay in, so that our own code system matches.

        Raises PatternError for a name that is neither value set, concept, taxonomy concept nor drug class.
        """
        raw = [value] if isinstance(value, str) else value
        if not isinstance(raw, list | tuple) or not raw or not all(isinstance(name, str) for name in raw):
            raise PatternError(f"found {value!r}, expected a name or a list of names")
        try:
            expanded = [self.terminology.expand(name) for name in raw]
        except KeyError:
            unknown = next(name for name in raw if not self.terminology.knows(name))
            raise PatternError(f"found {unknown!r}, expected a value set or concept{self.terminology.did_you_mean(unknown)}") from None
        return expanded[0].union(*expanded[1:]) if len(expanded) > 1 else expanded[0]  # one name has one set, however many rules ask

    @staticmethod
    def label(value: object) -> str:
        """A name or a list of names as a reader sees it in a reason."""
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    def setting(self, value: object) -> object:
        """Resolve "@name" to the site's threshold; anything else is returned as it is."""
        if isinstance(value, str) and value.startswith("@"):
            try:
                return self.settings[value[1:]]
            except KeyError:
                raise PatternError(f"found {value!r}, expected a name in rules/settings.toml") from None
        return value


class Pattern(Protocol):
    """A built condition. `triggers` are the concepts without which `match` answers `quiet` (None: always match)."""

    @property
    def triggers(self) -> Names | None:
        """Concepts that must be on file for `match` to be worth calling."""
        ...

    @property
    def reads(self) -> tuple[str, ...]:
        """FHIR resource types the verdict depends on."""
        ...

    def quiet(self, index: RecordIndex) -> Verdict:
        """The verdict when no trigger concept is on file."""
        ...

    def match(self, index: RecordIndex) -> Verdict:
        """The verdict for this record."""
        ...


Truth = bool | None


def both(values: Iterable[Truth]) -> Truth:
    """Three-valued AND; None is unknown."""
    answer: Truth = True
    for value in values:
        if value is False:
            return False
        if value is None:
            answer = None
    return answer


def any_of(values: Iterable[Truth]) -> Truth:
    """Three-valued OR; None is unknown."""
    answer: Truth = False
    for value in values:
        if value is True:
            return True
        if value is None:
            answer = None
    return answer


def negate(value: Truth) -> Truth:
    """Three-valued NOT; None is unknown."""
    return None if value is None else not value


def from_bool(value: Truth) -> Presence:
    """Truth as presence."""
    return Presence.UNKNOWN if value is None else (Presence.PRESENT if value else Presence.ABSENT)


Builder = Callable[[Context, Mapping[str, object]], Pattern]
