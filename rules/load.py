"""Reading rule files. Every problem of every file is collected as `file: key: found, expected`; nothing stops at the first one."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli  # what became tomllib, compiled: reads all rules in less than half the time

from rules.conditions import Reader
from rules.findings import Evidence
from rules.load_card import load_card
from rules.load_vignettes import Later, parted, read_vignettes
from rules.model import STAGES, All, Branch, Card, Leaf, Node, Review, Rule, lent
from rules.patterns import Context, Pattern
from rules.patterns.person import HOOKS
from rules.rule_file import INDICATORS, KnowledgeError, RuleFile, summary
from rules.site import Site
from rules.tables import table_branches
from rules.terminology import Terminology

__all__ = ["KnowledgeError", "Loaded", "load_rules", "load_sources", "load_typical"]

PATHWAYS = ("immunosuppressive", "analgesic", "referral", "monitoring", "education", "manual-therapy", "safety")
UNKNOWNS = ("ask", "note", "silent")
LIFELONG_PATHWAYS = {"safety", "referral", "monitoring", "education", "manual-therapy"}
TOP = {
    "id", "version", "status", "draft_reason", "title", "pathway", "stage", "hooks", "line", "population", "when", "then", "branch", "card",
    "evidence",
    "review", "vignette", "table",
}  # fmt: skip
WHEN = {"all", "any", "unless", "unknown"}
BRANCH = WHEN | {"id", "indicator", "summary", "line", "lines", "ask", "silent", "concludes", "blocks"}
EVIDENCE = {"source", "says", "strength", "verified"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rules in id order, the patterns their conditions use, and all problems found."""

    rules: tuple[Rule, ...]
    patterns: Mapping[Leaf, Pattern]
    problems: tuple[str, ...]


def load_rules(folder: Path, terminology: Terminology, site: Site, sources: frozenset[str], *, vignettes_later: bool = False) -> Loaded:
    """Read every `*.toml` under `folder`; `vignettes_later`: only when they are asked for, problems of theirs come then."""
    patterns: dict[Leaf, Pattern] = {}
    rules: list[Rule] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for path in sorted(folder.rglob("*.toml")):
        name = path.relative_to(folder).as_posix()
        try:
            text = path.read_text(encoding="utf-8")
            text, vignettes = parted(text) if vignettes_later else (text, "")
            data = tomli.loads(text)
        except (tomli.TOMLDecodeError, UnicodeDecodeError) as problem:
            problems.append(f"{name}: not readable as TOML: {problem}")
            continue
        pathway, stage = str(data.get("pathway")), str(data.get("stage"))
        lifelong = stage in {"safety", "monitoring"} or pathway in LIFELONG_PATHWAYS
        hooks = data.get("hooks")
        others = lent(frozenset(map(str, hooks)) if isinstance(hooks, list) else frozenset(), stage)
        file = RuleFile(name, data, Reader(Context(terminology, site.thresholds, lifelong), patterns, others))
        rule = _rule(file, path, terminology, site, sources, vignettes)
        problems += file.problems + [f"{name}: {problem}" for problem in file.reader.problems]
        if rule.id in seen:
            problems.append(f"{name}: id: {rule.id!r} is also in {seen[rule.id]}")
        seen[rule.id] = name
        rules.append(rule)
    return Loaded(tuple(sorted(rules, key=lambda rule: rule.id)), patterns, tuple(problems))


def _rule(file: RuleFile, path: Path, terminology: Terminology, site: Site, sources: frozenset[str], vignettes: str) -> Rule:
    data = file.data
    file.keys("", data, TOP)
    identifier = file.text("", data, "id")
    if identifier != path.stem:
        file.say("id", f"found {identifier!r}, expected {path.stem!r}, the file name")
    status = file.choice("", data, "status", ("draft", "active", "retired"))
    draft_reason = file.text("", data, "draft_reason", "")
    if (status == "draft") != bool(draft_reason):
        file.say("draft_reason", "expected exactly when status is draft")
    stage = file.choice("", data, "stage", STAGES)
    hooks = file.texts("", data, "hooks")
    for hook in hooks:
        if hook not in HOOKS:
            file.say("hooks", f"found {hook!r}, expected {', '.join(HOOKS)}")
    card = load_card(file, terminology) if "card" in data else None
    if card is not None and not hooks:
        file.say("hooks", "found none, expected at least one for a rule with a card")
    branches = _branches(file, card, stage, identifier, terminology)
    evidence = tuple(_evidence(file, number, entry, sources) for number, entry in enumerate(file.tables("", data, "evidence")))
    if card is not None and not evidence:
        file.say("evidence", "found none, expected at least one [[evidence]]")
    review = file.table("", data, "review")
    file.keys("review.", review, {"authored_by", "checked_by", "date", "next"})
    checked = site.reviewers.get(identifier, file.text("review.", review, "checked_by", ""))
    written = file.text("review.", review, "authored_by")
    if checked and checked == written:
        file.say("review.checked_by", "found the author; author and checker differ")
    known = frozenset(branch.id for branch in branches)
    naming = [("alone", card.alone), *(("suggestions.branches", one.branches) for one in card.proposals)] if card else []
    for place, named in naming:
        for branch in sorted(named - known):
            file.say(f"card.{place}", f"found {branch!r}, expected one of {', '.join(sorted(known))}")
    return Rule(
        id=identifier,
        version=file.text("", data, "version"),
        status=status,  # type: ignore[arg-type]
        title=file.text("", data, "title"),
        pathway=file.choice("", data, "pathway", PATHWAYS),
        stage=stage,
        hooks=frozenset(hooks),
        branches=branches,
        card=card,
        evidence=evidence,
        review=Review(written, checked, file.day("review.", review, "date"), file.day("review.", review, "next")),
        vignettes=Later.of(file, known, vignettes) if vignettes else read_vignettes(file, known),
        area=Path(file.name).parent.as_posix(),
        line=file.text("", data, "line", ""),
        population=file.text("", data, "population", ""),
        draft_reason=draft_reason,
    )


def _branches(file: RuleFile, card: Card | None, stage: str, identifier: str, terminology: Terminology) -> tuple[Branch, ...]:
    data = file.data
    when, then = file.table("", data, "when"), file.table("", data, "then")
    file.keys("when.", when, WHEN)
    file.keys("then.", then, {"concludes", "blocks"})
    entries = file.tables("", data, "branch")
    if "table" in data:
        entries = entries + table_branches(file.table("", data, "table"), lambda key, text: file.say(f"table.{key}", text))
    common = _include(file, "when", when)
    excluded = file.reader.nodes("when.unless", when.get("unless", []))
    default = file.choice("when.", when, "unknown", UNKNOWNS, "ask" if stage == "safety" else "note")
    branches = []
    for number, entry in enumerate(entries or [{"id": "main"}]):
        where = f"branch[{number}]."
        file.keys(where, entry, BRANCH | {"source"})
        concludes, blocks = file.texts(where, entry, "concludes"), file.texts(where, entry, "blocks")
        own_lines = file.texts(where, entry, "lines")
        branches.append(
            Branch(
                id=file.text(where, entry, "id"),
                include=All((*common, *_include(file, where.rstrip("."), entry))),
                unless=(*excluded, *file.reader.nodes(f"{where}unless", entry.get("unless", []))),
                unknown=file.choice(where, entry, "unknown", UNKNOWNS, default),  # type: ignore[arg-type]
                indicator=file.choice(where, entry, "indicator", INDICATORS, card.indicator if card else "info"),  # type: ignore[arg-type]
                summary=summary(file, f"{where}summary", file.text(where, entry, "summary", card.summary if card else "")),
                lines=own_lines,
                ask=entry.get("ask") is True,
                silent=entry.get("silent") is True or card is None,
                concludes=(*file.texts("then.", then, "concludes"), *concludes),
                blocks=(*file.texts("then.", then, "blocks"), *blocks),
                source=file.text(where, entry, "source", ""),
            )
        )
    for branch in branches:
        if not branch.include.parts:
            file.say(f"branch {branch.id}", "found no condition, expected at least one")
        for blocked in branch.blocks:
            try:
                terminology.expand(blocked)
            except KeyError:
                file.say("blocks", f"found {blocked!r}, expected a concept or value set{terminology.did_you_mean(blocked)}")
    names = [branch.id for branch in branches]
    for name in sorted({name for name in names if names.count(name) > 1}):
        file.say("branch", f"id {name!r} is used twice in {identifier}")
    return tuple(branches)


def _include(file: RuleFile, where: str, table: Mapping[str, object]) -> tuple[Node, ...]:
    parts = list(file.reader.nodes(f"{where}.all", table.get("all", [])))
    if table.get("any"):
        node = file.reader.node(where, {"any": table["any"]})
        if node is not None:
            parts.append(node)
    return tuple(parts)


def _evidence(file: RuleFile, number: int, entry: Mapping[str, object], sources: frozenset[str]) -> Evidence:
    where = f"evidence[{number}]."
    file.keys(where, entry, EVIDENCE)
    source = file.text(where, entry, "source")
    if source and source not in sources:
        near = difflib.get_close_matches(source, sources, 1)
        file.say(
            f"{where}source",
            f"found {source!r}, expected an id of rules/codes/sources.csv" + (f"; did you mean {near[0]!r}?" if near else ""),
        )
    return Evidence(
        source, file.text(where, entry, "says", ""), file.text(where, entry, "strength", ""), file.text(where, entry, "verified", "")
    )


def load_sources(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """`sources.csv` by id: organisation, title, year, doi, url, verified."""
    with (folder / "sources.csv").open(encoding="utf-8", newline="") as handle:
        return {row["id"]: row for row in csv.DictReader(handle)}


def load_typical(path: Path) -> tuple[Mapping[str, object], ...]:
    """The typical patients of `rules/typical.toml`, in the words of vignettes."""
    return tuple(tomli.loads(path.read_text(encoding="utf-8"))["patients"])


def load_dismissal() -> list[dict[str, Any]]:
    """The tables of `dismissal.toml`, for `rules.dismissal`."""
    return list(tomli.loads((Path(__file__).parent / "dismissal.toml").read_text(encoding="utf-8"))["period"])
