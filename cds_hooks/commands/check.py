"""`nmcds check`: what the service would say about one patient, or whether every invented patient gets what was promised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from cds_hooks.commands.case import Answered, Asker, from_file, from_fixture
from cds_hooks.commands.loading import find_fixture, load_knowledge, read_settings
from cds_hooks.commands.output import Exit, as_json, console, level, plain
from cds_hooks.commands.show_cards import as_data, show
from fhir_fixtures import Expectation, PatientFixture, patients
from rules.knowledge import Knowledge

__all__ = ["all_fixtures", "bundle", "differences", "fixture"]


def bundle(path: Path, *, hook: str, on: date | None, patient: str | None, rules: Path | None, why: bool, json: bool) -> Exit:
    """Answer about the patient of one file."""
    case = from_file(path, patient)
    asker = _asker(rules)
    answered = asker.ask(case, hook, _moment(on))
    if json:
        as_json(as_data(asker, answered, why=why))
    else:
        show(asker, answered, why=why)
    return Exit.OK


def fixture(name: str, *, hook: str | None, on: date | None, rules: Path | None, why: bool, json: bool) -> Exit:
    """Answer about one invented patient, for one hook or for all that its about file speaks of, and compare with its promises."""
    found = find_fixture(name)
    asker = _asker(rules)
    day = found if on is None else found.moved_to(on)
    answers = [asker.ask(from_fixture(day), one, day.as_of) for one in ([hook] if hook else found.hooks)]
    lines = [line for answered in answers for line in differences(asker.knowledge, answered, found.hooks.get(answered.hook))]
    if json:
        as_json([as_data(asker, answered, why=why) for answered in answers])
    else:
        out = console()
        out.print(Text(" ".join(found.who.split()), style="italic"))
        for answered in answers:
            show(asker, answered, why=why)
    _complain(found, lines)
    return Exit.FOUND if lines else Exit.OK


def all_fixtures(*, rules: Path | None, json: bool) -> Exit:
    """Compare the answer about every invented patient with what its about file promises."""
    asker = _asker(rules)
    rows: list[tuple[PatientFixture, Answered, list[str]]] = []
    everybody = patients()
    with Progress(console=console(error=True), transient=True) as progress:
        for found in progress.track(everybody, description="Fixtures"):
            for hook, promise in found.hooks.items():
                answered = asker.ask(from_fixture(found), hook, found.as_of)
                rows.append((found, answered, differences(asker.knowledge, answered, promise)))
    wrong = [row for row in rows if row[2]]
    if json:
        as_json(
            [
                {"fixture": found.name, "hook": answered.hook, "rules": _spoken(answered), "differences": lines}
                for found, answered, lines in rows
            ]
        )
    else:
        _table(rows)
    for found, _, lines in wrong:
        _complain(found, lines)
    if not json:
        console().print(
            Text(
                f"{len(rows) - len(wrong)} of {len(rows)} calls about {len(everybody)} patients as promised",
                style="red" if wrong else "green",
            )
        )
    return Exit.FOUND if wrong else Exit.OK


def differences(knowledge: Knowledge, answered: Answered, promise: Expectation | None) -> list[str]:
    """What is not as promised, one line each: hook, rule, expected, found."""
    if promise is None:
        return []
    found = {finding.rule.id: "a question" if finding.asks else "fires" for finding in answered.evaluation.findings}

    def said(rule: str) -> str:
        return found.get(rule) or ("silent" if knowledge.rule(rule) else "no rule of that name")

    lines = [f"{rule}: expected to fire, found {said(rule)}" for rule in promise.expects if found.get(rule) != "fires"]
    lines += [f"{rule}: expected to ask, found {said(rule)}" for rule in promise.asks if found.get(rule) != "a question"]
    lines += [f"{rule}: expected silence, found {said(rule)}" for rule in promise.quiet if rule in found]
    if promise.silent:
        lines += [f"{rule}: expected no card at all, found {said(rule)}" for rule in sorted(found)]
    return [f"{answered.hook}: {line}" for line in lines]


def _asker(rules: Path | None) -> Asker:
    return Asker(load_knowledge(rules), read_settings().url)


def _moment(on: date | None) -> datetime:
    return datetime.now(UTC) if on is None else datetime.combine(on, time(12), tzinfo=UTC)


def _spoken(answered: Answered) -> list[str]:
    return [finding.rule.id + (" (asks)" if finding.asks else "") for finding in answered.evaluation.findings]


def _complain(found: PatientFixture, lines: Sequence[str]) -> None:
    out = console(error=True)
    for line in lines:
        out.print(Text(f"{found.name}: {plain(line)}", style="red"))
    if lines:
        out.print(
            Text(
                f"  promised in fhir_fixtures/patients/{found.name}.about.toml; `nmcds check --fixture {found.name} --why` shows the chain"
            )
        )


def _table(rows: Sequence[tuple[PatientFixture, Answered, list[str]]]) -> None:
    table = Table("fixture", "hook", "", "cards", box=None, pad_edge=False, header_style="bold")
    for found, answered, lines in rows:
        cards = Text("\n").join(
            Text.assemble(level(card.indicator), " ", ", ".join(rule.id for rule in card.rules), overflow="fold") for card in answered.cards
        )
        table.add_row(
            found.name,
            answered.hook,
            Text("differs", style="red") if lines else Text("ok", style="green"),
            cards or Text("none", style="dim"),
        )
    console().print(table)
