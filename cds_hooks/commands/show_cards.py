"""Cards for people: level, summary, rules, proposals, what was not checked; and the chain from fact to card as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from cds_hooks.body import JsonObject
from cds_hooks.cards import Card
from cds_hooks.commands.case import Answered, Asker
from cds_hooks.commands.output import console, level, plain
from cds_hooks.joint import as_shown
from rules.engine.interface import Budget
from rules.extract import extract
from rules.findings import Because, Finding, NotChecked, Suggestion
from rules.trace import Step, trace
from rules.world import World

__all__ = ["as_data", "show"]


def show(asker: Asker, answered: Answered, *, why: bool) -> None:
    """Print one answer."""
    out = console()
    out.print()
    title = f"{plain(answered.case.name)} · {answered.hook} · {answered.as_of:%Y-%m-%d} · knowledge {asker.knowledge.version}"
    out.print(Text(title, style="bold"))
    for note in _notes(answered):
        out.print(Text(note, style="yellow"))
    if not answered.cards:
        out.print(Text("No card: the service looked and found nothing to say."))
        gaps = _gaps(answered.evaluation.not_checked)
        if gaps:
            out.print(Text(f"Not checked: {'; '.join(gaps)}", style="dim"))
        return
    table = Table("level", "card", show_lines=True, header_style="bold")
    told = _told(answered)
    for card, findings in told:
        table.add_row(level(card.indicator), _cell(card, findings))
    out.print(table)
    if why:
        for tree in _trees(asker, answered, told):
            out.print(tree)
    unreviewed = sum(not finding.reviewed_by for finding in answered.evaluation.findings)
    if unreviewed:
        out.print(Text("Draft knowledge, not clinically reviewed. It proposes; a clinician decides.", style="dim"))


def as_data(asker: Asker, answered: Answered, *, why: bool) -> JsonObject:
    """The same for a program: the cards as sent to an EHR, and what lies behind them."""
    data: JsonObject = {
        "case": answered.case.name,
        "hook": answered.hook,
        "asOf": answered.as_of.isoformat(),
        "knowledge": asker.knowledge.version,
        "cards": [card.body for card in answered.cards],
        "notChecked": [asdict(gap) for gap in answered.evaluation.not_checked],
        "unread": dict(answered.gathered.unread),
        "ofAnotherPatient": answered.gathered.foreign + answered.gathered.foreign_orders,
    }
    if why:
        world = _world(asker, answered)
        data["why"] = [asdict(trace(asker.knowledge.evaluator, world, finding)) for finding in answered.evaluation.findings]
    return data


def _notes(answered: Answered) -> Iterable[str]:
    if foreign := answered.gathered.foreign + answered.gathered.foreign_orders:
        yield f"{foreign} resource(s) belong to another patient and were not used."
    for kind, reason in sorted(answered.gathered.unread.items()):
        yield f"{kind}: {reason}."
    ordered = answered.hook.startswith("order-") or answered.hook == "appointment-book"
    if answered.case.drafts and not ordered:
        yield f"{len(answered.case.drafts)} draft(s) play no part in {answered.hook}; try --hook order-sign or appointment-book."
    if ordered and not answered.case.drafts:
        yield f"{answered.hook} asks about drafts, and there is none: expected a resource with status draft."


def _cell(card: Card, findings: Sequence[Finding]) -> Group:
    lines = [Text(plain(card.body["summary"]), style="bold")]
    lines.append(_line("rules", [f"{one.rule.id} {one.rule.version}{' (asks)' if one.asks else ''}" for one in findings]))
    lines.append(_line("proposes", dict.fromkeys(_proposal(one) for finding in findings for one in finding.suggestions)))
    lines.append(
        _line("withheld", dict.fromkeys(f"{one.what}: {one.reason} ({one.rule})" for finding in findings for one in finding.withheld))
    )
    lines.append(_line("not checked", _gaps([gap for finding in findings for gap in finding.not_checked])))
    return Group(*(line for line in lines if line))


def _proposal(one: Suggestion) -> str:
    return f"{one.label} ({one.kind} {one.target})" if one.target else one.label


def _line(name: str, items: Iterable[str]) -> Text:
    said = "; ".join(plain(item) for item in items if item)
    return Text.assemble((f"{name}: ", "dim"), said) if said else Text()


def _gaps(gaps: Iterable[NotChecked]) -> list[str]:
    return list(dict.fromkeys(f"{plain(gap.what)} ({plain(gap.why)})" for gap in gaps))


def _told(answered: Answered) -> list[tuple[Card, list[Finding]]]:
    """Each card with the findings that it stands for, as it shows them."""
    findings = as_shown(answered.evaluation.findings)
    return [(card, [finding for finding in findings if finding.rule in card.rules]) for card in answered.cards]


def _world(asker: Asker, answered: Answered) -> World:
    knowledge = asker.knowledge
    record = extract(
        answered.gathered.resources,
        terminology=knowledge.terminology,
        as_of=answered.as_of,
        hook=answered.hook,
        unread=answered.gathered.unread,
    )
    return knowledge.evaluator.solve(record, Budget())


def _trees(asker: Asker, answered: Answered, told: Iterable[tuple[Card, Sequence[Finding]]]) -> Iterable[Tree]:
    world = _world(asker, answered)
    for card, findings in told:
        tree = Tree(Text.assemble(("card ", "dim"), level(card.indicator), f" {plain(card.body['summary'])}"))
        for finding in findings:
            step = trace(asker.knowledge.evaluator, world, finding)
            branch = tree.add(Text.assemble(("rule ", "dim"), (step.rule, "bold"), f" {'asks' if finding.asks else 'fires'}"))
            _grow(branch, step)
            for chained in finding.chain:
                if chained.rule == finding.rule.id and chained.concluded.startswith("blocked:"):
                    branch.add(
                        Text.assemble(("blocks ", "red"), asker.knowledge.terminology.label(chained.concluded.removeprefix("blocked:")))
                    )
            for one in finding.suggestions:
                branch.add(Text.assemble(("proposes ", "green"), plain(one.label)))
            for held in finding.withheld:
                branch.add(
                    Text.assemble(("withholds ", "yellow"), f"{plain(held.what)}, because of rule {held.rule}: {plain(held.reason)}")
                )
            for gap in _gaps(finding.not_checked):
                branch.add(Text.assemble(("not checked ", "yellow"), gap))
        yield tree


def _grow(branch: Tree, step: Step) -> None:
    for fact in step.facts:
        branch.add(Text.assemble(("fact ", "cyan"), _fact(fact)))
    for earlier in step.after:
        _grow(branch.add(Text.assemble(("rule ", "dim"), (earlier.rule, "bold"), f" concluded {plain(earlier.concluded)}")), earlier)


def _fact(fact: Because) -> str:
    where: Mapping[str, str | None] = {"in": fact.resource, "of": fact.date}
    said = "".join(f" {word} {plain(value)}" for word, value in where.items() if value)
    return plain(fact.fact) + said + (" (by its name only)" if fact.by_name else "") + (f" ({fact.more} more)" if fact.more else "")
