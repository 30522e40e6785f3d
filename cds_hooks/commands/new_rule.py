"""`nmcds rules new`: a draft rule file that is valid at once and tells its writer, line by line, what to put where."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from string import Template

import typer
from rich.text import Text

from cds_hooks.commands.loading import PACKAGED, rules_folder, unknown_name
from cds_hooks.commands.output import Exit, StopError, console, plain
from rules.load import load_sources
from rules.patterns.person import HOOKS
from rules.rule_file import SUMMARY_LIMIT
from rules.terminology import Terminology

__all__ = ["new"]

FORM = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 64  # characters of an id: it is also a FHIR id
CODES = PACKAGED.parent / "codes"
QUESTIONS: Mapping[str, str] = {
    "title": "Title, one line without a dose",
    "pathway": "Pathway (immunosuppressive, analgesic, referral, monitoring, education, manual-therapy, safety)",
    "diagnosis": "Diagnosis, a name that `nmcds rules names WORD` finds",
    "source": "Source, an id that `nmcds rules names WORD` finds",
    "author": "Author, name and role",
}
"""What must be known before a file can be written, and how it is asked for on a terminal."""


def new(identifier: str, *, area: str, stage: str, hooks: Sequence[str], answers: Mapping[str, str | None], rules: Path | None) -> Exit:
    """Write `area`/`identifier`.toml. Raises StopError for an id that is taken, and for an area, source or diagnosis that is not known."""
    folder = rules_folder(rules)
    _check_id(identifier, folder)
    areas = _areas(PACKAGED) | _areas(folder)
    if area not in areas:
        raise unknown_name("area", area, sorted(areas), "ls " + str(folder))
    for hook in hooks:
        if hook not in HOOKS:
            raise unknown_name("hook", hook, HOOKS, "nmcds rules list --help")
    told = _told(answers)
    if len(told["title"]) >= SUMMARY_LIMIT:
        raise StopError(
            Exit.USAGE,
            f"--title: found {len(told['title'])} characters, expected fewer than {SUMMARY_LIMIT}",
            "It is also the card's summary.",
        )
    if told["pathway"] not in (pathways := _pathways(QUESTIONS["pathway"])):
        raise unknown_name("pathway", told["pathway"], pathways, "nmcds rules new --help")
    if told["source"] not in (sources := load_sources(CODES)):
        raise unknown_name("source", told["source"], sources, f"nmcds rules names {_word(told['source'])}")
    example = _example(told["diagnosis"], Terminology.load(CODES))
    path = folder / area / f"{identifier}.toml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_text(identifier, stage, hooks, told, example))
    except OSError as error:
        raise StopError(Exit.USAGE, f"{path}: cannot be written: {error.strerror}", "Name a folder of your own with --rules.") from None
    where = f" --rules {rules}" if rules else ""
    out = console()
    out.print(Text(f"Written: {path}", style="green"), soft_wrap=True)
    for line in (
        "It is a draft: it never speaks to a clinician. Open it in any text editor; its notes tell what to write. Then:",
        f"  nmcds rules lint{where}",
        f"  nmcds rules test {identifier}{where}",
    ):
        out.print(Text(line), soft_wrap=True)
    return Exit.OK


def _check_id(identifier: str, folder: Path) -> None:
    if not FORM.fullmatch(identifier) or len(identifier) > LONGEST:
        raise StopError(
            Exit.USAGE,
            f"found the id {identifier!r}, expected small letters, digits and single hyphens, at most {LONGEST} characters",
            "Such as mg-thymoma-followup: the disease first, then the subject.",
        )
    for place in dict.fromkeys((folder, PACKAGED)):
        for path in sorted(place.rglob(f"{identifier}.toml")):
            raise StopError(
                Exit.USAGE,
                f"found {path.relative_to(place)}, expected an id that no rule has",
                f"`nmcds rules show {identifier}` prints it; to change it, edit its file and raise its version.",
            )


def _areas(folder: Path) -> set[str]:
    return {path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.toml")} - {"."}


def _pathways(question: str) -> list[str]:
    return question[question.index("(") + 1 : -1].split(", ")


def _told(answers: Mapping[str, str | None]) -> dict[str, str]:
    """The answers, asked for on a terminal where they were not given as options."""
    missing = [name for name in QUESTIONS if not answers.get(name)]
    if missing and not sys.stdin.isatty():
        options = ", ".join(f"--{name}" for name in missing)
        raise StopError(
            Exit.USAGE, f"found no {options}, expected each (nobody can be asked here)", "`nmcds rules new --help` explains them."
        )
    return {name: plain(answers.get(name) or typer.prompt(question)).strip() for name, question in QUESTIONS.items()}


def _word(identifier: str) -> str:
    return next(iter(re.findall(r"[A-Za-z]{2,}", identifier)), "guideline")


def _example(diagnosis: str, terminology: Terminology) -> str:
    """A concept that a short patient can have, so that the diagnosis is met; raises StopError."""
    if not terminology.knows(diagnosis):
        raise unknown_name("diagnosis", diagnosis, terminology.names(), f"nmcds rules names {_word(diagnosis)}")
    if terminology.kind(diagnosis) not in ("condition", "finding"):
        raise StopError(
            Exit.USAGE,
            f"found {diagnosis!r}, a {terminology.kind(diagnosis)}, expected a diagnosis",
            "Begin with the diagnosis of the patients; the other conditions are written into the file.",
        )
    if terminology.coding(diagnosis) or not terminology.is_collection(diagnosis):
        return diagnosis
    return next((name for name in sorted(terminology.expand(diagnosis)) if terminology.coding(name)), diagnosis)


def _text(identifier: str, stage: str, hooks: Sequence[str], told: Mapping[str, str], example: str) -> str:
    today = datetime.now(UTC).date()
    template = Template((resources.files("cds_hooks.commands") / "new_rule.toml").read_text(encoding="utf-8"))
    quoted = {
        name: json.dumps(value, ensure_ascii=False)
        for name, value in {**told, "stage": stage, "example": example, "hook": hooks[0]}.items()
    }
    return template.substitute(
        quoted, id=identifier, id_text=json.dumps(identifier), hooks=json.dumps(list(hooks)), today=today, next=today + timedelta(days=365)
    )
