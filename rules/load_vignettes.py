"""The vignettes of a rule file: more than half of its text. They only test the rule, so a service reads them when they are asked for."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import tomli

from rules.model import Vignette
from rules.patterns.person import HOOKS
from rules.rule_file import INDICATORS, KnowledgeError, RuleFile

__all__ = ["Later", "parted", "read_vignettes"]

KEYS = {
    "name",
    "on",
    "hook",
    "patient",
    "expect",
    "branch",
    "branches",
    "indicator",
    "suggests",
    "withholds",
    "not_checked",
    "blocks",
    "concludes",
}
FIRST = re.compile(r"^\[\[vignette\]\]", re.MULTILINE)
OTHER = re.compile(r"^\s*\[(?!\[?vignette\b)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Later(Sequence[Vignette]):
    """The vignettes of one file, read anew each time they are asked for. Raises KnowledgeError then if they cannot be read."""

    file: RuleFile
    known: frozenset[str]
    packed: bytes

    @classmethod
    def of(cls, file: RuleFile, known: frozenset[str], text: str) -> Later:
        """For the part of a file that `parted` cut off."""
        return cls(RuleFile(file.name, {}, file.reader), known, zlib.compress(text.encode(), 1))

    @property
    def text(self) -> str:
        """The TOML text."""
        return zlib.decompress(self.packed).decode()

    def __len__(self) -> int:
        return len(FIRST.findall(self.text))

    def __iter__(self) -> Iterator[Vignette]:
        return iter(self._read())

    @overload
    def __getitem__(self, at: int) -> Vignette: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Vignette, ...]: ...
    def __getitem__(self, at: int | slice) -> Vignette | tuple[Vignette, ...]:
        return self._read()[at]

    def _read(self) -> tuple[Vignette, ...]:
        try:
            file = RuleFile(self.file.name, tomli.loads(self.text), self.file.reader)
        except tomli.TOMLDecodeError as problem:
            raise KnowledgeError((f"{self.file.name}: vignettes: not readable as TOML: {problem}",)) from None
        found = read_vignettes(file, self.known)
        if file.problems:
            raise KnowledgeError(tuple(file.problems))
        return found


def parted(text: str) -> tuple[str, str]:
    """A rule file's text up to its first vignette, and from there on; all and nothing when other tables follow."""
    first = FIRST.search(text)
    if first is None or OTHER.search(text, first.start()):
        return text, ""
    return text[: first.start()], text[first.start() :]


def read_vignettes(file: RuleFile, known: frozenset[str]) -> tuple[Vignette, ...]:
    """All vignettes of a file whose rule has the branches `known`; problems are noted in the file."""
    return tuple(_vignette(file, number, entry, known) for number, entry in enumerate(file.tables("", file.data, "vignette")))


def _vignette(file: RuleFile, number: int, entry: Mapping[str, object], branches: frozenset[str]) -> Vignette:
    where = f"vignette[{number}]."
    file.keys(where, entry, KEYS)
    branch = entry.get("branch")
    if branch is not None and branch not in branches:
        file.say(f"{where}branch", f"found {branch!r}, expected one of {', '.join(sorted(branches))}")
    exactly = file.texts(where, entry, "branches")
    for name in exactly:
        if name not in branches:
            file.say(f"{where}branches", f"found {name!r}, expected some of {', '.join(sorted(branches))}")
    indicator = entry.get("indicator")
    if indicator is not None:
        file.choice(where, entry, "indicator", INDICATORS)
    return Vignette(
        name=file.text(where, entry, "name"),
        on=file.day(where, entry, "on"),
        hook=file.choice(where, entry, "hook", HOOKS),
        patient=_shared(file.table(where, entry, "patient")),
        expect=file.choice(where, entry, "expect", ("fires", "asks", "silent")),  # type: ignore[arg-type]
        branch=str(branch) if branch is not None else None,
        indicator=indicator,  # type: ignore[arg-type]
        suggests=file.texts(where, entry, "suggests"),
        withholds=file.texts(where, entry, "withholds"),
        not_checked=file.texts(where, entry, "not_checked"),
        branches=exactly,
        blocks=file.texts(where, entry, "blocks") if "blocks" in entry else None,
        concludes=file.texts(where, entry, "concludes") if "concludes" in entry else None,
    )


def _shared(value: Any) -> Any:  # noqa: ANN401 - what TOML holds
    """The same, with each text that comes again held once: names and codes repeat in thousands of vignettes."""
    match value:
        case str():
            return sys.intern(value)
        case list():
            return [_shared(one) for one in value]
        case dict():
            return {sys.intern(name): _shared(one) for name, one in value.items()}
    return value
