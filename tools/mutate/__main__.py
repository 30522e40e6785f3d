"""`python -m tools.mutate`: plant faults in rules, run the vignettes, say which faults nobody noticed (docs/explanation/mutation.md)."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from rules.knowledge import Knowledge
from tools.mutate import ratchet as ratchets
from tools.mutate.propose import propose, toml_of
from tools.mutate.report import figures, survivors, tables
from tools.mutate.results import ROOT, Result, Tried, digests, equivalents, read, write
from tools.mutate.trial import Trial, relations
from tools.mutate.vary import Pool

PATHWAYS = ROOT / "rules" / "pathways"
FOLDER = ROOT / "build" / "mutation"
KNOWN = Path(__file__).parent / "survivors.toml"
console = Console()


@cache
def _bench() -> tuple[Knowledge, dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    knowledge = Knowledge.load(engine="reference")
    below, above = relations(knowledge)
    return knowledge, dict(below), dict(above)


def _try(task: tuple[str, str]) -> Result:
    """One rule, in a process of its own."""
    name, digest = task
    knowledge, below, above = _bench()
    rule = knowledge.rule(name)
    if rule is None:
        raise KeyError(name)
    began = time.process_time()
    outcomes = list(Trial(rule, knowledge, below, above).run())
    tried = tuple(Tried(one.mutant.name, one.mutant.kind, one.mutant.critical, one.caught, one.seen) for one in outcomes)
    return Result(name, digest, round(time.process_time() - began, 2), tried)


def _changed(revision: str) -> set[str]:
    """Ids of the rules whose files differ from a git revision; new and uncommitted ones too."""
    listed: list[str] = []
    for command in (
        ["diff", "--name-only", revision, "--", "rules/pathways"],
        ["ls-files", "--others", "--exclude-standard", "rules/pathways"],
    ):
        done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise typer.BadParameter(f"found {revision!r}, expected a git revision of this clone: {done.stderr.strip()}")
        listed += done.stdout.split()
    return {Path(name).stem for name in listed if name.endswith(".toml")}


def _results(waiting: Sequence[tuple[str, str]], workers: int, until: float) -> Iterator[Result]:
    _bench()  # forked workers share it
    context = multiprocessing.get_context("fork")
    with context.Pool(workers) as pool:
        for result in track(pool.imap_unordered(_try, waiting), "rules", len(waiting), console=Console(stderr=True)):
            yield result
            if time.monotonic() > until:
                console.print("[bold]stopped by --minutes; run it again to go on[/bold]")
                return


def _propose(left: Mapping[str, Sequence[Tried]], seconds: float) -> None:
    knowledge, below, above = _bench()
    pool = Pool(knowledge.rules)
    for rule in knowledge.rules:
        if rule.id not in left:
            continue
        trial, names = Trial(rule, knowledge, below, above), {one.mutant for one in left[rule.id]}
        alive = [outcome.mutant for outcome in trial.run() if outcome.mutant.name in names]
        console.print(
            f"\n# {rule.id}: read each against the specification before it goes into the rule file", markup=False, highlight=False
        )
        for vignette in propose(trial, alive, pool, seconds, rule.id):
            console.print(toml_of(vignette), end="", markup=False, highlight=False, soft_wrap=True)


def main(
    only: Annotated[list[str] | None, typer.Option(help="A rule id; may be given more than once.", metavar="RULE")] = None,
    changed: Annotated[str | None, typer.Option(help="Only rules whose files differ from this git revision.", metavar="REVISION")] = None,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    minutes: Annotated[float, typer.Option(help="Stop after about so many minutes; what was tried is kept.")] = 60,
    afresh: Annotated[bool, typer.Option("--afresh", help="Try again what was tried before (after a change of program code).")] = False,
    named: Annotated[bool, typer.Option("--named", help="Name every survivor; else the numbers by rule.")] = False,
    propose_s: Annotated[
        float, typer.Option("--propose", help="Search so many CPU seconds a rule for vignettes that catch its survivors, and print them.")
    ] = 0,
    ratchet: Annotated[
        bool, typer.Option("--ratchet", help="Exit 1 when a rule that was tried has more survivors than survivors.toml says.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Write survivors.toml anew, after a run over all rules.")] = False,
    at_least: Annotated[float, typer.Option(help="Exit 1 when fewer percent are caught.")] = 0,
    critical_at_least: Annotated[float, typer.Option(help="Exit 1 when fewer percent of the faults in critical cards are caught.")] = 0,
) -> None:
    """Plant one small fault after another in every active rule and see whether a vignette notices."""
    knowledge, below, above = _bench()
    chosen = {rule.id for rule in knowledge.rules}
    if unknown := sorted(set(only or ()) - chosen):
        raise typer.BadParameter(f"found {', '.join(unknown)}, expected ids of active rules (nmcds rules list)")
    chosen &= set(only) if only else chosen
    chosen &= _changed(changed) if changed else chosen
    files = {path.stem: path for path in PATHWAYS.rglob("*.toml")}
    taken = {name: (below[name] | above[name]).union(*(below[other] for other in above[name])) - {name} for name in below}
    digest = digests(files, taken)
    found = {name: None if afresh else read(FOLDER, name, digest[name]) for name in sorted(chosen)}
    waiting = [(name, digest[name]) for name, result in found.items() if result is None]
    waiting.sort(key=lambda task: -len(above[task[0]]))  # the long ones first, so that no worker ends alone
    began = time.monotonic()
    if waiting:
        for result in _results(waiting, workers, began + minutes * 60):
            write(FOLDER, result)
            found[result.rule] = result
    results = [result for result in found.values() if result is not None]
    known = equivalents()
    tables(results, known, console, named=named)
    numbers = figures(results, known)
    for name, one in numbers.items():
        console.print(f"{name}: {one.caught} of {one.total} caught, {one.percent:.1f} %, {one.equivalent} equivalent", highlight=False)
    cpu = sum(result.seconds for result in results)
    total = sum(len(result.tried) for result in results)
    console.print(f"{len(results)} of {len(chosen)} rules, {total} mutants, {cpu:.0f} s of CPU, {total / cpu if cpu else 0:.0f} mutants/s")
    if propose_s:
        _propose(survivors(results, known), propose_s)
    left = {rule: [[one.mutant, one.critical, one.seen] for one in alive] for rule, alive in survivors(results, known).items()}
    FOLDER.mkdir(parents=True, exist_ok=True)
    report = {"figures": {name: one.as_json() for name, one in numbers.items()}, "survivors": left}
    (FOLDER / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    console.print(f"survivors: {(FOLDER / 'report.json').relative_to(ROOT)}")
    counts = {rule: len(alive) for rule, alive in left.items()}
    if keep:
        ratchets.keep(KNOWN, counts)
    more = ratchets.worse(KNOWN, [result.rule for result in results], counts) if ratchet else []
    for line in more:
        console.print(line, highlight=False, soft_wrap=True)
    unfinished = len(results) < len(chosen) and not ratchet  # a ratchet judges what there was time for
    if more or unfinished or numbers["all"].percent < at_least or numbers["critical"].percent < critical_at_least:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
