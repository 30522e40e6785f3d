"""`nmcds screen`: the rules over a whole export, on one machine or a Spark cluster."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from cds_hooks.body import JsonObject
from cds_hooks.commands.loading import load_knowledge, read_settings, rules_folder
from cds_hooks.commands.output import Exit, StopError, as_json, console, plain
from cds_hooks.discovery import services
from cds_hooks.population.job import Job
from cds_hooks.population.patients import fingerprint
from cds_hooks.population.plan import Plan, Setup, source_of
from cds_hooks.population.spark import session
from cds_hooks.population.storage import Storage
from cds_hooks.settings import Settings
from cds_hooks.store.database import Database, Keys
from rules.extract import TYPES

__all__ = ["screen"]

PART_BYTES = 512 * 1024 * 1024  # of the export, for one part: what a stopped run does again at most
MOST_PARTS = 64  # each task that reads the export writes a file for each
FILE = re.compile(r"(?:file|hdfs|s3a?|abfss?|gs):/[^\s,;'\"]+")


def screen(
    source: str, *, out: str, hook: str, on: date | None, master: str, types: Sequence[str], parts: int | None, conf: Sequence[str],
    rules: Path | None, fresh: bool, json: bool,
) -> Exit:  # fmt: skip
    """Screen every patient of an export; exit code 1 when something of it could not be read or screened."""
    wanted = _types(types)
    settings = read_settings()
    knowledge = load_knowledge(rules)
    keys = _keys(settings)
    with session(master, _pairs(conf)) as spark:
        storage = Storage(spark)
        whole = _input(storage, source)
        found = tuple(sorted(storage.files(whole)))
        if not any(source_of(file) in ("lines", "document") for file in found):
            raise StopError(
                Exit.USAGE, f"{source}: found no .ndjson and no .json file", "Give the folder of a Bulk Data export or of Bundles."
            )
        place = storage.whole(out)
        if fresh:
            storage.remove(f"{place}.unfinished")
        as_of = _moment(on, storage, f"{place}.unfinished/plan.json")
        plan = Plan(
            files=found,
            hook=hook,
            on=as_of.isoformat(),
            types=wanted,
            parts=parts or min(MOST_PARTS, 1 + sum(file.size for file in found) // PART_BYTES),
            knowledge=fingerprint(knowledge),
            version=version("neuromuscular-cds"),
            key=keys.mac("screen"),
        )
        service = services(knowledge)[f"neuromuscular-{hook}"]
        setup = Setup(
            hook, as_of, (), plan.knowledge, settings.engine, rules_folder(rules) if rules or settings.knowledge_dir else None,
            settings.site_file, settings.url, settings.max_cards, keys,
        )  # fmt: skip
        with _watching(spark) as watch:
            told = _run(Job(spark, storage, plan, setup, frozenset(service.types.values()), place, watch))
    if json:
        as_json(told)
    else:
        _say(told, out)
    return Exit.FOUND if told["notScreened"] or told["problems"] or told["ofNobody"] or told["filesNotRead"] else Exit.OK


def _run(job: Job) -> JsonObject:
    try:
        return job.run()
    except StopError:
        raise
    except Exception as error:  # noqa: BLE001 - Spark's errors hold stacks and may quote data: only their kind and the file go on
        text = str(error)
        if "OtherKnowledgeError" in text:
            raise StopError(
                Exit.FAILED, "a worker has other rules, codes or site settings than this machine",
                "Install the same version of neuromuscular-cds, with the same NMCDS_ settings, on every machine of the cluster.",
            ) from None  # fmt: skip
        named = sorted({one.split("/")[-1] for one in FILE.findall(text) if "FAILED_READ_FILE" in text})
        where = f" at {', '.join(named[:3])}" if named else ""
        name = type(getattr(error, "java_exception", None) or error).__name__
        raise StopError(
            Exit.FAILED, f"Spark stopped{where} ({name}); what is done is kept in {plain(job.work)}",
            "A file may be damaged or cut off, a disk full, a machine lost. Mend it and start the same command again.",
        ) from None  # fmt: skip


def _types(names: Sequence[str]) -> tuple[str, ...]:
    wanted = {name.strip() for text in names for name in text.split(",") if name.strip()}
    if wanted == {"all"}:
        return TYPES
    if unknown := sorted(wanted - set(TYPES)):
        raise StopError(Exit.USAGE, f"--types: found {', '.join(unknown)}, expected all, or some of {', '.join(TYPES)}")
    return tuple(sorted(wanted))


def _pairs(conf: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in conf]
    if wrong := [name for name, sign, _ in pairs if not sign or not name.startswith("spark.")]:
        raise StopError(Exit.USAGE, f"--conf: found {wrong[0]!r}, expected spark.NAME=VALUE", "Such as --conf spark.executor.memory=4g")
    return {name: value for name, _, value in pairs}


def _input(storage: Storage, source: str) -> str:
    whole = storage.whole(source)
    if not storage.exists(whole):
        raise StopError(Exit.USAGE, f"{source}: not found", "Give a folder (or a file) that every machine of the cluster can read.")
    return whole


def _moment(on: date | None, storage: Storage, plan: str) -> datetime:
    """The clock of every call: noon of the day asked for, else the one of the run that is taken up, else now."""
    if on is not None:
        return datetime.combine(on, time(12), tzinfo=UTC)
    if storage.exists(plan):
        return datetime.fromisoformat(str(storage.read_json(plan)["on"]))
    return datetime.now(UTC).replace(microsecond=0)


def _keys(settings: Settings) -> Keys:
    """The deployment's key, so that a patient has the same hash here and in the audit."""
    if settings.secret:
        return Keys(settings.secret)
    database = Database(settings.database_url)
    try:
        return database.keys
    finally:
        database.close()


@contextmanager
def _watching(spark: Any) -> Iterator[Any]:  # noqa: ANN401 - pyspark is an extra
    """Progress on standard error: the step, and how many of Spark's tasks are done."""
    tracker = spark.sparkContext.statusTracker()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total} tasks"))
    with Progress(*columns, TimeElapsedColumn(), console=console(error=True)) as progress:

        @contextmanager
        def watch(step: str) -> Iterator[None]:
            task = progress.add_task(step, total=1)
            done = threading.Event()

            def follow() -> None:
                while not done.wait(0.5):
                    stages = [info for number in tracker.getActiveStageIds() if (info := tracker.getStageInfo(number)) is not None]
                    if stages:
                        progress.update(
                            task,
                            total=max(1, sum(one.numTasks for one in stages)),
                            completed=sum(one.numCompletedTasks for one in stages),
                        )

            follower = threading.Thread(target=follow, daemon=True)
            follower.start()
            try:
                yield
                progress.update(task, total=1, completed=1)
            finally:
                done.set()
                follower.join()

        yield watch


def _say(told: Mapping[str, Any], out: str) -> None:
    people = told["patients"]
    lines = [
        f"{people['screened']} of {people['all']} patients screened",
        f"{people['withFindings']} with findings: {told['findings']} findings of {len(told['rules'])} rules",
    ]
    lines += [f"not screened: {count} patient(s): {reason}" for reason, count in told["notScreened"].items()]
    lines += [f"not read: {count} piece(s) of text: {reason}" for reason, count in told["problems"].items()]
    lines += [f"of nobody: {count} {kind} without a patient" for kind, count in told["ofNobody"].items()]
    if told["types"]["unknown"]:
        lines.append(f"unknown for everybody, no file of the type: {', '.join(told['types']['unknown'])} (see --types)")
    lines += [f"{name}: not read, expected .ndjson or .json (also .gz)" for name in told["filesNotRead"]]
    shell = console()
    for line in lines:
        shell.print(Text(plain(line)))
    shell.print(Text(f"written to {out}; `nmcds report {out} --html report.html` makes a page of it", style="dim"))
