"""`nmcds rules`: lint, list, show and test the knowledge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from cds_hooks.commands.hints import hints_of, say_hints
from cds_hooks.commands.loading import find_rule, load_knowledge, rule_file, rules_folder
from cds_hooks.commands.output import Exit, as_json, console, level, plain, say_problems
from rules.check import VignetteResult, run_vignettes
from rules.code_lists import CodeListError
from rules.knowledge import Knowledge
from rules.load import KnowledgeError
from rules.model import Rule
from rules.site import SiteError

__all__ = ["lint", "list_rules", "show", "test"]


def lint(*, rules: Path | None, json: bool) -> Exit:
    """Report every problem of every rule file at once, and every review that is overdue today."""
    try:
        knowledge = load_knowledge(rules)
    except (KnowledgeError, CodeListError, SiteError) as error:
        problems: Sequence[str] = getattr(error, "problems", None) or str(error).splitlines()
        counted = ""
    else:
        problems = overdue(knowledge, datetime.now(UTC).date()) + untried(knowledge)
        vignettes = sum(len(rule.vignettes) for rule in knowledge.every)
        counted = f"{len(knowledge.every)} rules ({len(knowledge.rules)} active), {vignettes} vignettes"
    if json:
        as_json({"problems": list(problems)})
    else:
        say_problems(problems)
        say_hints(hint for problem in problems for hint in hints_of(problem))
        out = console(error=bool(problems))
        out.print(Text(f"{len(problems)} problems" if problems else f"no problems: {counted}", style="red" if problems else "green"))
    return Exit.FOUND if problems else Exit.OK


def overdue(knowledge: Knowledge, today: date) -> list[str]:
    """One line for each rule whose next review lies before `today`."""
    return [
        f"{rule.area}/{rule.id}.toml: review.next: found {rule.review.next}, expected today or later; review the rule and move the date"
        for rule in knowledge.every
        if rule.status == "active" and rule.review.next < today
    ]


def untried(knowledge: Knowledge) -> list[str]:
    """One line for each active rule with a card that has no patient for whom it speaks, or none for whom it is silent."""
    found = []
    for rule in knowledge.every:
        expected = {vignette.expect for vignette in rule.vignettes}
        lacking = [word for word in ("fires", "silent") if word not in expected]
        if rule.status == "active" and rule.card is not None and lacking:
            found.append(f"{rule.area}/{rule.id}.toml: vignette: found none with expect = {' or '.join(lacking)}, expected one of each")
    return found


def list_rules(*, rules: Path | None, pathway: str | None, hook: str | None, json: bool) -> Exit:
    """List rules, perhaps only those of one pathway or hook."""
    knowledge = load_knowledge(rules)
    speaking = {rule.id for rule in knowledge.rules}
    found = [rule for rule in knowledge.every if pathway in (None, rule.pathway) and (hook is None or hook in rule.hooks)]
    if json:
        as_json([_row(rule, speaking) for rule in found])
        return Exit.OK
    table = Table("rule", "level", "pathway", "stage", "title", box=None, pad_edge=False, header_style="bold")
    for rule in found:
        strongest = level(rule.card.indicator) if rule.card else Text("no card", style="dim")
        off = "" if rule.id in speaking else f" ({rule.status if rule.status != 'active' else 'off'})"
        table.add_row(Text(rule.id), strongest, rule.pathway, rule.stage, Text(plain(rule.title) + off))
    out = console()
    out.print(table)
    out.print(
        Text(
            f"{len(found)} of {len(knowledge.every)} rules, knowledge {knowledge.version}; `nmcds explain RULE-ID` tells one in words",
            style="dim",
        )
    )
    return Exit.OK


def _row(rule: Rule, speaking: set[str]) -> dict[str, object]:
    return {
        "id": rule.id,
        "version": rule.version,
        "status": rule.status,
        "speaks": rule.id in speaking,
        "title": rule.title,
        "pathway": rule.pathway,
        "stage": rule.stage,
        "hooks": sorted(rule.hooks),
        "indicator": rule.card.indicator if rule.card else None,
        "summary": rule.card.summary if rule.card else None,
        "checkedBy": rule.review.checked_by or None,
        "nextReview": rule.review.next.isoformat(),
    }


def show(identifier: str, *, rules: Path | None, json: bool) -> Exit:
    """Print the file of one rule, or the rule as loaded."""
    knowledge = load_knowledge(rules)
    rule = find_rule(knowledge, identifier)
    if json:
        as_json(plain_data(asdict(rule)))
        return Exit.OK
    path = rule_file(rule, rules_folder(rules))
    out = console()
    out.print(Text(f"# {path}", style="dim"), soft_wrap=True)
    for line in path.read_text(encoding="utf-8").splitlines():
        out.print(Text(plain(line) if line.strip() == line else line), soft_wrap=True)
    return Exit.OK


def plain_data(value: object) -> object:
    """Loaded values as JSON can hold them: sets sorted, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): plain_data(one) for key, one in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain_data(one) for one in value)  # type: ignore[type-var]
    if isinstance(value, list | tuple):
        return [plain_data(one) for one in value]
    return value


def test(identifiers: Sequence[str], *, rules: Path | None, json: bool) -> Exit:
    """Run the vignettes of all or the named rules."""
    knowledge = load_knowledge(rules, drafts=frozenset(identifiers))
    chosen = tuple(find_rule(knowledge, identifier) for identifier in identifiers) or knowledge.rules
    total = sum(len(rule.vignettes) for rule in chosen)
    results: list[VignetteResult] = []
    with Progress(console=console(error=True), transient=True) as progress:
        results.extend(progress.track(run_vignettes(knowledge, chosen), total=total, description="Vignettes"))
    failed = [result for result in results if result.problem]
    if json:
        as_json({"vignettes": len(results), "failed": [asdict(result) for result in failed]})
        return Exit.FOUND if failed else Exit.OK
    out = console()
    for result in failed:
        out.print(Text.assemble((result.rule, "bold"), f": {plain(result.vignette)}"), soft_wrap=True)
        out.print(Text(f"  {plain(result.problem)}", style="red"), soft_wrap=True)
        for line in result.why:
            out.print(Text(f"    {plain(line)}"), soft_wrap=True)
    if failed:
        say_hints(hint for result in failed for hint in hints_of(result.problem, *result.why))
    silent = [rule.id for rule in chosen if rule not in knowledge.rules]
    if silent:
        out.print(Text(f"not active, so they stay silent: {', '.join(silent)}", style="yellow"))
    drafts = [rule.id for rule in chosen if rule.status == "draft" and rule in knowledge.rules]
    if drafts:
        out.print(Text(f"drafts, tested as if they were active: {', '.join(drafts)}", style="yellow"))
    out.print(
        Text(
            f"{len(results) - len(failed)} of {len(results)} vignettes of {len(chosen)} rules as expected",
            style="red" if failed else "green",
        )
    )
    return Exit.FOUND if failed else Exit.OK
