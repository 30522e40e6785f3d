"""`nmcds export-from`: a population out of a FHIR server, ready for `nmcds screen`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from rich.progress import Progress
from rich.text import Text

from cds_hooks.bulk.door import Door
from cds_hooks.bulk.export import Exporter
from cds_hooks.bulk.token import Identity, Tokens, read_identity
from cds_hooks.commands.loading import load_knowledge, read_settings
from cds_hooks.commands.output import Exit, StopError, console
from rules.extract import TYPES

__all__ = ["export_from"]


def export_from(
    server: str, *, out: Path, client_id: str | None, key: Path | None, kid: str | None, token_url: str | None, scope: str,
    group: str | None, types: Sequence[str], hours: float, screen: str | None, on: date | None,
    pause: Callable[[float], None] = time.sleep,
) -> Exit:  # fmt: skip
    """Export, then screen when asked to."""
    identity = _identity(client_id, key, kid)
    wanted = _types(types)
    door = Door(read_settings(), server)
    try:
        with Progress(console=console(error=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            tokens = Tokens(door, identity, scope, endpoint=token_url)

            def told(step: str, done: int = 0, of: int = 0) -> None:
                bar.update(task, description=step, completed=done, total=of or None)

            manifest = Exporter(door, tokens, out, wanted, group, told, time.monotonic() + hours * 3600, pause).run()
    finally:
        door.close()
    output, errors = manifest["output"], manifest["error"]
    assert isinstance(output, list)  # noqa: S101 - as the exporter made it
    assert isinstance(errors, list)  # noqa: S101
    shell = console()
    shell.print(Text(f"{len(output)} file(s) of {len({one['type'] for one in output})} types in {out}"))
    if errors:
        shell.print(Text(f"the server reports errors in {len(errors)} file(s): types without a file count as unknown", style="yellow"))
    if screen is None:
        shell.print(Text(f"`nmcds screen {out} --out FOLDER` screens it", style="dim"))
        return Exit.FOUND if errors else Exit.OK
    from cds_hooks.commands.screen import screen as run  # noqa: PLC0415 - Spark only where it is needed

    return run(
        str(out),
        out=screen,
        hook="patient-view",
        on=on,
        master="local[*]",
        types=(),
        parts=None,
        conf=(),
        rules=None,
        fresh=False,
        json=False,
    )


def _identity(client_id: str | None, key: Path | None, kid: str | None) -> Identity | None:
    if client_id is None and key is None:
        return None
    if client_id is None or key is None:
        raise StopError(Exit.USAGE, "found one of --client-id and --key, expected both", "Without either no token is asked for.")
    return read_identity(client_id, key, kid)


def _types(types: Sequence[str]) -> tuple[str, ...]:
    """What the rules read at patient-view, and Medication: an export of everything would be many times as large."""
    wanted = {name.strip() for text in types for name in text.split(",") if name.strip()}
    if unknown := sorted(wanted - set(TYPES)):
        raise StopError(Exit.USAGE, f"--types: found {', '.join(unknown)}, expected some of {', '.join(TYPES)}")
    return tuple(sorted(wanted or {*load_knowledge(None).reads("patient-view"), "Medication"} & set(TYPES)))
