"""`nmcds serve`: one socket, a supervisor and its workers, until it is told to stop."""

from __future__ import annotations

import os
import socket
from importlib.metadata import version

from fastapi import FastAPI
from rich.text import Text

from cds_hooks.app import Parts, from_environment
from cds_hooks.commands.db import refuse_newer
from cds_hooks.commands.loading import read_settings
from cds_hooks.commands.output import Exit, StopError, console
from cds_hooks.supervisor import supervise
from cds_hooks.worker import work

__all__ = ["serve"]


def serve(*, host: str | None, port: int | None, workers: int | None) -> Exit:
    """Run the service; the options win over the NMCDS_ variables. Raises SettingsError, KnowledgeError, StopError."""
    given = {"NMCDS_HOST": host, "NMCDS_PORT": port, "NMCDS_WORKERS": workers}
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    settings = read_settings()
    refuse_newer(settings)
    listening = _bind(settings.host, settings.port)
    os.environ["NMCDS_PORT"] = str(listening.getsockname()[1])  # port 0 asks for any free one; links must name it
    service = from_environment()
    parts: Parts = service.state.parts
    _greet(service)
    return Exit.OK if supervise(lambda beat: work(service, listening, beat), listening, parts.settings.workers) else Exit.FAILED


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=2048)
    except OSError as error:
        remedy = "Choose another with --port, or stop what uses it." if port else "Give an address of this machine with --host."
        raise StopError(Exit.FAILED, f"cannot listen on {host}, port {port}: {error.strerror}", remedy) from None


def _greet(service: FastAPI) -> None:
    parts: Parts = service.state.parts
    rules = parts.knowledge.rules
    out = console()
    out.print(
        Text(f"neuromuscular-cds {version('neuromuscular-cds')}, knowledge {parts.knowledge.version}, {len(rules)} rules", style="bold")
    )
    for one in parts.vocabularies.releases:
        out.print(Text(f"Vocabulary  {one.system} {one.version} from {one.source}, {one.codes:,} codes"), soft_wrap=True)
    for note in parts.vocabularies.notes:
        out.print(Text(f"Note: {note}", style="yellow"), soft_wrap=True)
    for problem in parts.vocabularies.problems:
        out.print(Text(f"Not ready: {problem}", style="red"), soft_wrap=True)
    out.print(Text("Draft knowledge, not clinically reviewed: not for the care of real patients.", style="yellow"))
    registry = parts.settings.registry_file
    first = (
        f"Try it      {parts.settings.url}/" if registry is None else f"Callers     those of {registry.name}, with a token for each call"
    )
    out.print(Text(f"{first}\nDiscovery   {parts.settings.url}/cds-services\nCtrl+C stops it."), soft_wrap=True)
