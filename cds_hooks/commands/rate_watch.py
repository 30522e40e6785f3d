"""`nmcds rules watch`: which rules fire more or less often than they used to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime

from rich.table import Table
from rich.text import Text

from cds_hooks.commands.output import Exit, as_json, console
from cds_hooks.commands.storage import reading_storage
from cds_hooks.store.rates import Rate, rates

__all__ = ["watch"]

STYLES = {"high": "bold red", "low": "bold red", "steady": "green", "learning": "dim"}


def watch(*, on: date | None, every: bool, json: bool) -> Exit:
    """Judge one day (UTC, default today) against the four weeks before it. FOUND when a rule is outside its limits."""
    with reading_storage() as database:
        found = rates(database, on or datetime.now(UTC).date())
    alarms = [rate for rate in found if rate.is_alarm]
    if json:
        as_json([{**asdict(rate), "alarm": rate.is_alarm} for rate in (found if every else alarms)])
    else:
        _table(found if every else alarms)
        learning = sum(rate.verdict.state == "learning" for rate in found)
        console().print(
            Text(f"{len(alarms)} alarms; {len(found)} rules fired, {learning} of them not yet long enough to judge", style="dim")
        )
    return Exit.FOUND if alarms else Exit.OK


def _table(found: Sequence[Rate]) -> None:
    if not found:
        return
    table = Table("rule", "day", "calls", "fired", "expected", "limits", "", box=None, pad_edge=False, header_style="bold")
    for rate in found:
        verdict = rate.verdict
        limits = "" if verdict.state == "learning" else f"{verdict.lower:.1f} to {verdict.upper:.1f}"
        expected = "" if verdict.state == "learning" else f"{verdict.expected:.1f}"
        table.add_row(
            rate.rule,
            rate.day.isoformat(),
            str(rate.counted.calls),
            str(rate.counted.fired),
            expected,
            limits,
            Text(verdict.state, style=STYLES[verdict.state]),
        )
    console().print(table)
