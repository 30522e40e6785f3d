"""`nmcds codes unmapped`: codes of watched chapters that this service saw and that mean nothing to it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import date

from rich.table import Table
from rich.text import Text

from cds_hooks.commands.loading import read_settings
from cds_hooks.commands.output import Exit, as_json, console, plain
from cds_hooks.store.database import Database
from cds_hooks.store.unmapped import LIMIT, seen_since

__all__ = ["unmapped"]


def unmapped(*, since: date | None, at_least: int, json: bool) -> Exit:
    """List them by how many calls had them. Raises SettingsError, StorageUnavailable."""
    settings = read_settings()
    with closing(Database(settings.database_url, settings.secret)) as database:
        found, full = seen_since(database, since, at_least=at_least)
        where = database.engine.url.render_as_string(hide_password=True)
    if json:
        as_json({"database": where, "codes": [asdict(one) for one in found], "full": full})
        return Exit.OK
    out = console()
    if found:
        table = Table("system", "code", "chapter", "calls", box=None, pad_edge=False, header_style="bold")
        for one in found:
            table.add_row(plain(one.system), plain(one.code), plain(one.chapter), str(one.calls))
        out.print(table)
    out.print(
        Text(
            f"{len(found)} codes in {plain(where)}. Calls, not patients, are counted. A code can be tied to a concept in the file of "
            "NMCDS_SITE_CODES_FILE (docs/how-to/map-site-codes.md).",
            style="dim",
        ),
        soft_wrap=True,
    )
    if full:
        out.print(Text(f"The table holds {LIMIT} rows, no more: codes may be missing, older days went first.", style="yellow"))
    return Exit.OK
