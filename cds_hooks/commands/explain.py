"""`nmcds explain`: one rule in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from cds_hooks.commands.loading import find_rule, load_knowledge
from cds_hooks.commands.output import Exit, as_json, console, level, plain
from rules.about import DOES, About, BranchAbout, EvidenceAbout, about
from rules.words import Said

__all__ = ["explain"]


def explain(identifier: str, *, rules: Path | None, json: bool) -> Exit:
    """Say when the rule fires, when not, what it proposes, what it rests on, who checked it, and its vignettes."""
    knowledge = load_knowledge(rules)
    told = about(knowledge, find_rule(knowledge, identifier))
    if json:
        as_json(told.data())
        return Exit.OK
    out = console()
    out.print(_head(told))
    for branch in told.branches:
        out.print(_tree(branch, card=bool(told.summary)))
    if told.summary:
        _list("card", [told.summary, *told.detail])
        _list("card, sometimes", [f"{text}\nwhen {when}" for when, text in told.conditional])
        _list("proposes", told.proposals)
        _list("reasons to override", told.override_reasons)
        _list("when data are missing", told.unknown)
    _list("evidence", [_source(one) for one in told.evidence])
    _list("review", told.review)
    _list("vignettes", [f"{one.expect}: {one.name} ({one.hook})" for one in told.vignettes])
    return Exit.OK


def _head(told: About) -> Text:
    does = f"{DOES[told.stage]} (stage {told.stage})"
    head = Text.assemble((told.title, "bold"), f"\n{told.id} {told.version} · {told.status} · {told.pathway} · {does}")
    named = (("hooks", ", ".join(told.hooks)), ("population", told.population), ("line", told.line), ("draft because", told.draft_reason))
    for name, text in named:
        head.append(f"\n{name}: {plain(text)}" if text else "")
    return head


def _tree(branch: BranchAbout, *, card: bool) -> Tree:
    title = Text("\n")
    asks = branch.ask or branch.only_asks
    said = "asks while one of these is unknown " if branch.only_asks else "asks when " if asks else "fires when "
    title.append(said, style="bold yellow" if asks else "bold green")
    title.append(f"({branch.name}, branch {branch.id}) " if branch.name else "", style="dim")
    tree = Tree(Text.assemble(title, level(branch.indicator)) if card else title)
    _grow(tree, branch.when)
    if branch.unless:
        _grow(tree.add(Text("but not when one of these holds:", style="bold red")), branch.unless)
    for line in branch.does:
        tree.add(Text.assemble(("then ", "bold"), plain(line)))
    return tree


def _source(one: EvidenceAbout) -> str:
    verified = f"verified: {one.verified}" if one.verified else ""
    return "\n".join(line for line in (f"{one.title} [{one.source}]", one.url, one.says, one.strength, verified) if line)


def _list(title: str, items: Iterable[str]) -> None:
    found = list(items)
    if not found:
        return
    grid = Table.grid(padding=(0, 1))
    for item in found:
        first, *rest = (plain(line) for line in item.split("\n"))
        grid.add_row("  -", Text.assemble(first, *((f"\n{line}", "dim") for line in rest), overflow="fold"))
    out = console()
    out.print(Text(f"\n{title}", style="bold"))
    out.print(grid)


def _grow(tree: Tree, said: Iterable[Said]) -> None:
    for one in said:
        _grow(tree.add(Text(plain(one.text))), one.parts)
