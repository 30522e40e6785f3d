"""`nmcds rules diff`: what two versions of the rules say differently about the invented patients."""

from __future__ import annotations

import io
import subprocess
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from cds_hooks.commands.case import Asker
from cds_hooks.commands.loading import PACKAGED, Engine, load_knowledge, read_settings, unknown_name
from cds_hooks.commands.output import Exit, StopError, as_json, console, plain
from cds_hooks.commands.voices import Heard, Voice, calls, from_json, listen, to_json
from fhir_fixtures import PatientFixture, patients

__all__ = ["Change", "changes", "diff", "record"]

COMPARED = ("says", "indicator", "summary", "detail", "proposals", "withheld", "not_checked", "place")
WORDS = {"not_checked": "not checked", "place": "where"}
CHOICES = "a folder of rule files, a file written by `nmcds rules record`, packaged, or a git revision of this repository"
Key = tuple[str, str, str]
Part = tuple[str, tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Change:
    """One rule that one patient hears differently at one hook. `parts` are (what, before, after); a text is a list of one."""

    kind: str
    patient: str
    hook: str
    rule: str
    before: str
    after: str
    parts: tuple[Part, ...]


def diff(before: str, after: str, *, engine: Engine, drafts: Sequence[str], json: bool) -> Exit:
    """Compare `before` with `after` over every call about the invented patients; FOUND when anything differs."""
    with ExitStack() as stack:
        sides = [_side(name, stack) for name in (before, after)]
        heard = _listen(sides, engine, frozenset(drafts))
    found = changes(*heard)
    if json:
        as_json({"before": before, "after": after, "calls": len(heard[1]), "changes": [asdict(one) for one in found]})
        return Exit.FOUND if found else Exit.OK
    _show(found, calls=len(heard[1]), names=(before, after))
    return Exit.FOUND if found else Exit.OK


def record(out: Path, *, engine: Engine, rules: Path | None) -> Exit:
    """Write what every rule says about every invented patient, to compare a later version of the program or the rules with."""
    (heard,) = _listen([rules or "packaged"], engine, frozenset())
    try:
        out.write_text(to_json(heard), encoding="utf-8")
    except OSError as error:
        raise StopError(
            Exit.USAGE, f"{out}: cannot be written: {error.strerror}", "Give the path of a file in a folder that is there."
        ) from None
    said = sum(len(one.voices) for one in heard)
    console().print(
        Text(f"{said} findings of {len(heard)} calls recorded in {out}; `nmcds rules diff {out} packaged` compares"), soft_wrap=True
    )
    return Exit.OK


def changes(before: Iterable[Heard], after: Iterable[Heard]) -> list[Change]:
    """What differs, patient by patient. A call that only one side has counts as answered by nobody on the other."""
    old, new = _voices(before), _voices(after)
    found = []
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        parts = tuple(
            (WORDS.get(name, name), text, other) for name in COMPARED if (text := _texts(was, name)) != (other := _texts(now, name))
        )
        kind = "gained" if was is None else "lost" if now is None else "changed"
        if parts:
            found.append(Change(kind, *key, was.version if was else "", now.version if now else "", parts))
    return found


def _voices(heard: Iterable[Heard]) -> Mapping[Key, Voice]:
    return {(one.patient, one.hook, voice.rule): voice for one in heard for voice in one.voices}


def _texts(voice: Voice | None, name: str) -> tuple[str, ...]:
    value: str | tuple[str, ...] = getattr(voice, name) if voice is not None else ()
    return value if isinstance(value, tuple) else (value,)


def _side(name: str, stack: ExitStack) -> Path | str | tuple[Heard, ...]:
    """What a name on the command line stands for: a folder, `packaged`, or what was recorded; raises StopError."""
    path = Path(name)
    if name == "packaged" or path.is_dir():
        return name if name == "packaged" else path
    if path.is_file():
        try:
            return from_json(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            raise StopError(Exit.USAGE, f"{name}: found a file of another kind, expected one written by `nmcds rules record`", "") from None
    return _revision(name, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nmcds-rules-"))))


def _revision(name: str, folder: Path) -> Path:
    """The rule files of a git revision, unpacked into `folder`; raises StopError for a name that git does not know."""
    remedy = f"Expected {CHOICES}."
    if name.startswith("-"):
        raise StopError(Exit.USAGE, f"found {name!r}", remedy)
    try:
        got = subprocess.run(
            ["git", "-C", str(PACKAGED), "archive", "--format=zip", name, "."], capture_output=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        raise StopError(Exit.USAGE, f"found {name!r}, which is neither a folder nor a file nor a revision with rules", remedy) from None
    with zipfile.ZipFile(io.BytesIO(got.stdout)) as archive:
        archive.extractall(folder)
    return folder


def _listen(sides: Sequence[Path | str | tuple[Heard, ...]], engine: Engine, drafts: frozenset[str]) -> list[tuple[Heard, ...]]:
    """What each side says, one after the other in this process."""
    url = read_settings().url
    chosen: list[tuple[PatientFixture, str]] = calls(patients())
    answers: list[tuple[Heard, ...]] = []
    known: dict[str, str] = {}
    with Progress(console=console(error=True), transient=True) as progress:
        for side in sides:
            if isinstance(side, tuple):
                answers.append(side)
                continue
            task = progress.add_task(f"Patients, {plain(side)}", total=len(chosen))
            knowledge = load_knowledge(PACKAGED if isinstance(side, str) else side, engine=engine, drafts=drafts)
            known.update((rule.id, rule.status) for rule in knowledge.every)
            said = []
            for one in listen(Asker(knowledge, url), chosen):
                said.append(one)
                progress.advance(task)
            answers.append(tuple(said))
    for name in sorted(drafts):  # a misspelt draft would compare as "no difference"
        if known.get(name) != "draft":
            raise unknown_name(
                "draft", name, [rule for rule, status in known.items() if status == "draft"], "nmcds rules list --rules FOLDER"
            )
    return answers


def _show(found: Sequence[Change], *, calls: int, names: tuple[str, str]) -> None:
    out = console()
    style = {"gained": "green", "lost": "red", "changed": "yellow"}
    for patient in dict.fromkeys(one.patient for one in found):
        out.print(Text(patient, style="bold"))
        for one in (change for change in found if change.patient == patient):
            out.print(Text.assemble("  ", (f"{one.kind:8}", style[one.kind]), f"{one.rule} at {one.hook}"))
            for what, was, now in one.parts if one.kind == "changed" else _gist(one):
                said = _difference(was, now) if one.kind == "changed" else "; ".join((*was, *now))
                out.print(Text.assemble("    ", (f"{what}: ", "dim"), plain(said)), soft_wrap=True)
    if found:
        table = Table("rule", "version", "gained", "lost", "changed", "patients", box=None, pad_edge=False, header_style="bold")
        for rule in sorted({one.rule for one in found}):
            mine = [one for one in found if one.rule == rule]
            counted = Counter(one.kind for one in mine)
            versions = sorted({_step(one.before, one.after) for one in mine}, key=len)
            table.add_row(rule, versions[-1], *(str(counted[kind] or "") for kind in style), str(len({one.patient for one in mine})))
        out.print()
        out.print(table)
    counted = Counter(one.kind for one in found)
    said = ", ".join(f"{counted[kind]} {kind}" for kind in style if counted[kind]) or "no difference"
    out.print(Text(f"{said} in {calls} calls about the invented patients, {names[0]} -> {names[1]}", style="yellow" if found else "green"))


def _gist(one: Change) -> Iterable[Part]:
    """Of a gained or lost finding: its level, its words, its proposals."""
    return [part for part in one.parts if part[0] in ("indicator", "summary", "proposals")]


def _difference(was: Sequence[str], now: Sequence[str]) -> str:
    """One text before and after; of a list, what went (-) and what came (+)."""
    if len(was) == len(now) == 1:
        return _step(*was, *now)
    gone = [f"- {text}" for text in was if text not in now]
    come = [f"+ {text}" for text in now if text not in was]
    return "; ".join((*gone, *come)) or "in another order"


def _step(was: str, now: str) -> str:
    return now if was in ("", now) else was if not now else f"{was} -> {now}"
