"""Reading rule files. Every problem of every file is collected as `file: key: found, expected`; nothing stops at the first one."""

from __future__ import annotations

import csv
import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rules.conditions import Reader
from rules.fhir_date import Duration
from rules.findings import Evidence
from rules.model import STAGES, All, Branch, Card, Leaf, Line, Node, Proposal, Review, Rule, Vignette
from rules.patterns import Context, Pattern
from rules.patterns.person import HOOKS
from rules.site import Site
from rules.tables import table_branches
from rules.terminology import Terminology

__all__ = ["KnowledgeError", "Loaded", "load_rules"]

PATHWAYS = ("immunosuppressive", "analgesic", "referral", "monitoring", "education", "manual-therapy", "safety")
INDICATORS = ("critical", "warning", "info")
UNKNOWNS = ("ask", "note", "silent")
RESOURCES = ("ServiceRequest", "MedicationRequest", "Task", "CarePlan", "Appointment", "CommunicationRequest")
SUMMARY_LIMIT = 140
LIFELONG_PATHWAYS = {"safety", "referral", "monitoring", "education", "manual-therapy"}
TOP = {
    "id", "version", "status", "draft_reason", "title", "pathway", "stage", "hooks", "line", "population", "when", "then", "branch", "card",
    "evidence",
    "review", "vignette", "table",
}  # fmt: skip
WHEN = {"all", "any", "unless", "unknown"}
BRANCH = WHEN | {"id", "indicator", "summary", "line", "lines", "ask", "silent", "concludes", "blocks"}
LEAFLETS = Path(__file__).parent / "leaflets"
CARD = {
    "indicator",
    "summary",
    "detail",
    "override_reasons",
    "provisional",
    "family",
    "joins",
    "yields",
    "ask_summary",
    "lines",
    "leaflets",
    "suggestions",
}
TREATMENTS = "treatment-services"
SUGGESTION = {"id", "label", "branches", "when", "resource", "recommended", "order"}
RESOURCE = {"resourceType", "concept", "text", "reason", "due"}
EVIDENCE = {"source", "says", "strength", "verified"}
VIGNETTE = {"name", "on", "hook", "patient", "expect", "branch", "indicator", "suggests", "withholds"}


class KnowledgeError(ValueError):
    """The knowledge cannot be used; `problems` lists all of them."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(f"{len(problems)} problems in the knowledge:\n" + "\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rules in id order, the patterns their conditions use, and all problems found."""

    rules: tuple[Rule, ...]
    patterns: Mapping[Leaf, Pattern]
    problems: tuple[str, ...]


@dataclass(slots=True)
class _File:
    """One rule file being read."""

    name: str
    data: Mapping[str, object]
    reader: Reader
    problems: list[str] = field(default_factory=list)

    def say(self, key: str, text: str) -> None:
        self.problems.append(f"{self.name}: {key}: {text}")

    def keys(self, where: str, table: Mapping[str, object], allowed: set[str]) -> None:
        for key in table:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, 1)
                hint = f", did you mean {near[0]!r}?" if near else f", expected one of {', '.join(sorted(allowed))}"
                self.say(f"{where}{key}", f"unknown key{hint}")

    def text(self, where: str, table: Mapping[str, object], key: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            self.say(f"{where}{key}", f"found {value!r}, expected a text")
            return ""
        return value

    def texts(self, where: str, table: Mapping[str, object], key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.say(f"{where}{key}", f"found {value!r}, expected a list of texts")
            return ()
        return tuple(value)

    def choice(self, where: str, table: Mapping[str, object], key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = table.get(key, default)
        if value not in allowed:
            near = difflib.get_close_matches(str(value), allowed, 1)
            self.say(f"{where}{key}", f"found {value!r}, expected {', '.join(allowed)}" + (f"; did you mean {near[0]!r}?" if near else ""))
            return allowed[0]
        return str(value)

    def table(self, where: str, table: Mapping[str, object], key: str) -> Mapping[str, object]:
        value = table.get(key, {})
        if not isinstance(value, Mapping):
            self.say(f"{where}{key}", f"found {value!r}, expected a table")
            return {}
        return value

    def tables(self, where: str, table: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.say(f"{where}{key}", f"found {value!r}, expected tables [[{key}]]")
            return []
        return list(value)

    def day(self, where: str, table: Mapping[str, object], key: str) -> date:
        value = table.get(key)
        if not isinstance(value, date):
            self.say(f"{where}{key}", f"found {value!r}, expected a date such as 2026-11-22")
            return date(1970, 1, 1)
        return value


def load_rules(folder: Path, terminology: Terminology, site: Site, sources: frozenset[str]) -> Loaded:
    """Read every `*.toml` under `folder`. Files beginning with "_" are skipped."""
    patterns: dict[Leaf, Pattern] = {}
    rules: list[Rule] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for path in sorted(folder.rglob("*.toml")):
        name = path.relative_to(folder).as_posix()
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
            problems.append(f"{name}: not readable as TOML: {problem}")
            continue
        pathway, stage = str(data.get("pathway")), str(data.get("stage"))
        lifelong = stage in {"safety", "monitoring"} or pathway in LIFELONG_PATHWAYS
        file = _File(name, data, Reader(Context(terminology, site.thresholds, lifelong), patterns))
        rule = _rule(file, path, terminology, site, sources)
        problems += file.problems + [f"{name}: {problem}" for problem in file.reader.problems]
        if rule.id in seen:
            problems.append(f"{name}: id: {rule.id!r} is also in {seen[rule.id]}")
        seen[rule.id] = name
        rules.append(rule)
    return Loaded(tuple(sorted(rules, key=lambda rule: rule.id)), patterns, tuple(problems))


def _rule(file: _File, path: Path, terminology: Terminology, site: Site, sources: frozenset[str]) -> Rule:
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
    card = _card(file, terminology) if "card" in data else None
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
    known = {branch.id for branch in branches}
    for proposal in card.proposals if card else ():
        for branch in sorted(proposal.branches - known):
            file.say("card.suggestions.branches", f"found {branch!r}, expected one of {', '.join(sorted(known))}")
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
        vignettes=tuple(_vignette(file, number, entry, known) for number, entry in enumerate(file.tables("", data, "vignette"))),
        area=Path(file.name).parent.as_posix(),
        line=file.text("", data, "line", ""),
        population=file.text("", data, "population", ""),
        draft_reason=draft_reason,
    )


def _branches(file: _File, card: Card | None, stage: str, identifier: str, terminology: Terminology) -> tuple[Branch, ...]:
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
                summary=_summary(file, f"{where}summary", file.text(where, entry, "summary", card.summary if card else "")),
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
                file.say("blocks", f"found {blocked!r}, expected a concept or value set; did you mean {terminology.suggest(blocked)}?")
    names = [branch.id for branch in branches]
    for name in sorted({name for name in names if names.count(name) > 1}):
        file.say("branch", f"id {name!r} is used twice in {identifier}")
    return tuple(branches)


def _include(file: _File, where: str, table: Mapping[str, object]) -> tuple[Node, ...]:
    parts = list(file.reader.nodes(f"{where}.all", table.get("all", [])))
    if table.get("any"):
        node = file.reader.node(where, {"any": table["any"]})
        if node is not None:
            parts.append(node)
    return tuple(parts)


def _summary(file: _File, key: str, text: str) -> str:
    if len(text) >= SUMMARY_LIMIT:
        file.say(key, f"found {len(text)} characters, expected fewer than {SUMMARY_LIMIT} (CDS Hooks)")
    return text


def _card(file: _File, terminology: Terminology) -> Card:
    card = file.table("", file.data, "card")
    file.keys("card.", card, CARD)
    lines = []
    for number, entry in enumerate(file.tables("card.", card, "lines")):
        where = f"card.lines[{number}]"
        file.keys(f"{where}.", entry, {"when", "text"})
        node = file.reader.node(f"{where}.when", entry.get("when"))
        if node is not None:
            lines.append(Line(node, file.text(f"{where}.", entry, "text")))
    leaflets: list[Line] = []
    for number, entry in enumerate(file.tables("card.", card, "leaflets")):
        where = f"card.leaflets[{number}]"
        file.keys(f"{where}.", entry, {"when", "page"})
        node = file.reader.node(f"{where}.when", entry.get("when"))
        page = file.text(f"{where}.", entry, "page")
        if not (LEAFLETS / f"{page}.md").is_file():
            file.say(f"{where}.page", f"found {page!r}, expected a file in rules/leaflets without its .md")
        if node is not None:
            leaflets.append(Line(node, page))
    proposals = [_proposal(file, number, entry, terminology) for number, entry in enumerate(file.tables("card.", card, "suggestions"))]
    return Card(
        indicator=file.choice("card.", card, "indicator", INDICATORS),  # type: ignore[arg-type]
        summary=_summary(file, "card.summary", file.text("card.", card, "summary")),
        detail=file.texts("card.", card, "detail"),
        override_reasons=file.texts("card.", card, "override_reasons"),
        keep_level=file.choice("card.", card, "provisional", ("lower", "keep"), "lower") == "keep",
        family=file.text("card.", card, "family", "") or None,
        joins=file.texts("card.", card, "joins"),
        yields=card.get("yields") is True,
        ask_summary=_summary(file, "card.ask_summary", file.text("card.", card, "ask_summary", "")),
        lines=tuple(lines),
        leaflets=tuple(leaflets),
        proposals=tuple(proposals),
    )


def _proposal(file: _File, number: int, entry: Mapping[str, object], terminology: Terminology) -> Proposal:
    where = f"card.suggestions[{number}]."
    file.keys(where, entry, SUGGESTION)
    resource = file.table(where, entry, "resource")
    action = "create"
    if "order" in entry:
        action = file.choice(where, entry, "order", ("delete",))
    else:
        file.keys(f"{where}resource.", resource, RESOURCE)
        file.choice(f"{where}resource.", resource, "resourceType", RESOURCES)
        _check_due(file, f"{where}resource.due", resource)
        concept = resource.get("concept")
        if concept is None and not isinstance(resource.get("text"), str):
            file.say(f"{where}resource", "expected a concept, a text or both")
        if isinstance(concept, str):
            try:
                terminology.expand(concept)
            except KeyError:
                file.say(f"{where}resource.concept", f"found {concept!r}, expected a concept; did you mean {terminology.suggest(concept)}?")
    node = file.reader.node(f"{where}when", entry["when"]) if "when" in entry else None
    kind, wanted = resource.get("resourceType"), resource.get("concept")
    service = isinstance(wanted, str) and terminology.knows(TREATMENTS) and wanted in terminology.expand(TREATMENTS)
    return Proposal(
        label=file.text(where, entry, "label"),
        action="delete" if action == "delete" else "create",
        resource=resource,
        branches=frozenset(file.texts(where, entry, "branches")),
        when=node,
        recommended=entry.get("recommended") is True,
        treats=kind == "MedicationRequest" or (kind == "ServiceRequest" and service),
    )


def _check_due(file: _File, where: str, resource: Mapping[str, object]) -> None:
    """`due` is ["90 days", "180 days"]: from and to, counted from the day of the call; for a service or a visit."""
    if "due" not in resource:
        return
    due = resource["due"]
    try:
        lengths = [Duration.parse(str(one)) for one in due] if isinstance(due, list) else []
    except ValueError as problem:
        file.say(where, str(problem))
        return
    if len(lengths) != 2 or resource.get("resourceType") not in {"Appointment", "ServiceRequest"}:
        file.say(where, f"found {due!r}, expected two durations, from and to, on an Appointment or ServiceRequest")


def _evidence(file: _File, number: int, entry: Mapping[str, object], sources: frozenset[str]) -> Evidence:
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


def _vignette(file: _File, number: int, entry: Mapping[str, object], branches: set[str]) -> Vignette:
    where = f"vignette[{number}]."
    file.keys(where, entry, VIGNETTE)
    branch = entry.get("branch")
    if branch is not None and branch not in branches:
        file.say(f"{where}branch", f"found {branch!r}, expected one of {', '.join(sorted(branches))}")
    indicator = entry.get("indicator")
    if indicator is not None:
        file.choice(where, entry, "indicator", INDICATORS)
    return Vignette(
        name=file.text(where, entry, "name"),
        on=file.day(where, entry, "on"),
        hook=file.choice(where, entry, "hook", HOOKS),
        patient=file.table(where, entry, "patient"),
        expect=file.choice(where, entry, "expect", ("fires", "asks", "silent")),  # type: ignore[arg-type]
        branch=str(branch) if branch is not None else None,
        indicator=indicator,  # type: ignore[arg-type]
        suggests=file.texts(where, entry, "suggests"),
        withholds=file.texts(where, entry, "withholds"),
    )


def load_sources(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """`sources.csv` by id: organisation, title, year, doi, url, verified."""
    with (folder / "sources.csv").open(encoding="utf-8", newline="") as handle:
        return {row["id"]: row for row in csv.DictReader(handle)}


def load_dismissal() -> list[dict[str, Any]]:
    """The tables of `dismissal.toml`, for `rules.dismissal`."""
    return list(tomllib.loads((Path(__file__).parent / "dismissal.toml").read_text(encoding="utf-8"))["period"])
