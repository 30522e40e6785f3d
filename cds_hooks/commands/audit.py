"""`nmcds audit`: what the service said about one patient, and the audit as FHIR AuditEvents."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO

import orjson
import typer
from rich.table import Column, Table
from rich.text import Text

from cds_hooks.audit_event import audit_event
from cds_hooks.commands.output import Exit, StopError, as_json, console, plain
from cds_hooks.commands.storage import reading_storage
from cds_hooks.store.audit import about, between

__all__ = ["export", "whose"]


def export(*, out: Path, since: date | None, until: date | None) -> Exit:
    """Write one AuditEvent a line. Days are UTC, `until` included; a file that exists is not overwritten."""
    first = datetime.combine(since, time(), tzinfo=UTC) if since else None
    end = datetime.combine(until, time(), tzinfo=UTC) + timedelta(days=1) if until else None
    count = 0
    with reading_storage() as database, _writing(out) as file:
        for row in between(database, first, end):
            file.write(orjson.dumps(audit_event(row)) + b"\n")
            count += 1
    console(error=True).print(Text(f"{count} audit events"))
    return Exit.OK


@contextmanager
def _writing(out: Path) -> Iterator[BinaryIO]:
    if str(out) == "-":
        yield sys.stdout.buffer
        return
    try:
        number = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise StopError(Exit.USAGE, f"{out} exists", "Name a file that does not, or - for standard output.") from None
    except OSError as error:
        raise StopError(Exit.FAILED, f"cannot write {out}: {error.strerror}") from None
    with os.fdopen(number, "wb") as file:
        yield file


def whose(*, json: bool) -> Exit:
    """Read a patient's FHIR id from standard input and list the calls about this patient; the id itself is not kept or shown."""
    identifier = _asked().removeprefix("Patient/")
    if not identifier:
        raise StopError(Exit.USAGE, "found no id, expected the FHIR id of a patient on standard input")
    with reading_storage() as database:
        rows = about(database, identifier)
    if json:
        as_json([asdict(row) for row in rows])
        return Exit.OK
    fixed = (Column("when (UTC)", no_wrap=True), "hook", "caller", Column("outcome", no_wrap=True), "cards", "rules")
    table = Table(*fixed, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        rules = Text("\n").join(Text(f"{rule} {version}") for rule, version in row.rules)
        outcome = " ".join(one for one in (row.outcome, row.number) if one)
        cards = f"{row.cards}" + (f" (+{row.suppressed} suppressed)" if row.suppressed else "")
        table.add_row(row.at[:19], row.service.removeprefix("neuromuscular-"), plain(row.caller), outcome, cards, rules)
    out = console()
    if rows:
        out.print(table)
    out.print(Text(f"{len(rows)} calls about this patient in the audit", style="dim"))
    return Exit.OK


def _asked() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("FHIR id of the patient (not shown)", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()
