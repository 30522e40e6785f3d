"""`nmcds fixtures`: the invented patients that come with the service."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from cds_hooks.commands.output import Exit, as_json, console
from fhir_fixtures import Expectation, patients

__all__ = ["list_fixtures"]


def list_fixtures(*, json: bool) -> Exit:
    """List the patients: who they are and what the service promises to say."""
    found = patients()
    if json:
        as_json(
            [
                {
                    "name": one.name,
                    "who": " ".join(one.who.split()),
                    "on": one.on.isoformat(),
                    "patient": one.patient_id,
                    "resources": len(one.resources),
                    "hooks": {
                        hook: {
                            "expects": list(promise.expects),
                            "asks": list(promise.asks),
                            "quiet": list(promise.quiet),
                            "silent": promise.silent,
                        }
                        for hook, promise in one.hooks.items()
                    },
                }
                for one in found
            ]
        )
        return Exit.OK
    table = Table("fixture", "who", "promised", show_lines=True, header_style="bold")
    for one in found:
        promised = "\n".join(f"{hook}: {_promise(promise)}" for hook, promise in one.hooks.items())
        table.add_row(Text(one.name, no_wrap=True), Text(" ".join(one.who.split())), Text(promised))
    out = console()
    out.print(table)
    out.print(Text(f"{len(found)} invented patients; `nmcds check --fixture NAME --why` asks about one", style="dim"))
    return Exit.OK


def _promise(promise: Expectation) -> str:
    said = [*promise.expects, *(f"{rule} asks" for rule in promise.asks), *(f"{rule} quiet" for rule in promise.quiet)]
    return "no card" if promise.silent else ", ".join(said)
