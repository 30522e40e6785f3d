"""The tutorial, followed word for word: its commands run against a service that really started, and say what the page says they do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "first-call.md"
ADDRESS = "http://127.0.0.1:8000"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
START = "make serve\n"


class Step(NamedTuple):
    """One command of the page, and the lines that the page shows after it."""

    command: str
    shown: str


def steps() -> list[Step]:
    """All commands of the page in order. Every fenced block must be a command or what the command before it prints."""
    found: list[Step] = []
    for kind, body in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sh":
            found.append(Step(body, ""))
        else:
            assert kind in {"json", "text"}, f"a block of kind {kind!r}: the test would skip it"
            assert found, "output without a command"
            assert not found[-1].shown, f"two outputs after {found[-1].command}"
            found[-1] = found[-1]._replace(shown=body)
    return found


def environment(folder: Path) -> dict[str, str]:
    """What a shell in a clean place has, with the test's own Python as `python3`."""
    (folder / "bin").mkdir(exist_ok=True)
    python = folder / "bin" / "python3"
    if not python.exists():
        python.symlink_to(sys.executable)
    return {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of a started service, and what it printed until it was ready."""
    command = [sys.executable, "-m", "cds_hooks", "serve", "--port", "0"]
    database = {"NMCDS_DATABASE_URL": f"sqlite:///{tmp_path}/nmcds.sqlite3"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**environment(tmp_path), **database}) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if line.startswith("Ctrl+C"):
                    break
            yield re.findall(r"^Try it +(\S+)/$", said, re.MULTILINE)[0], said
        finally:
            process.terminate()


def test_each_command_of_the_tutorial_does_what_the_page_says(service: tuple[str, str], tmp_path: Path) -> None:
    address, said = service
    start, *commands = steps()
    assert start.command == START, "the tutorial begins with the start of the service"
    for line in start.shown.splitlines():
        assert line.replace(ADDRESS, address) in said
    assert len(commands) >= 6
    place = tmp_path / "clone"  # the commands write beside the files that they read
    place.mkdir()
    for name in ("fhir_fixtures", ".venv"):
        (place / name).symlink_to(ROOT / name if name != ".venv" else Path(sys.executable).parents[1])
    for step in commands:
        command = step.command.replace(ADDRESS, address)
        done = subprocess.run(
            ["sh", "-euc", command], cwd=place, env=environment(tmp_path), capture_output=True, text=True, timeout=40, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout, f"{command}: said nothing"
        for line in step.shown.splitlines():
            assert line in done.stdout.splitlines(), f"{command}\nthe page shows\n{line}\nbut it says\n{done.stdout}"
        if '"cards":[]' in step.shown:
            assert done.stdout.strip() == step.shown.strip()


def test_make_serve_runs_that_service() -> None:
    assert re.search(r"^serve: .*\n\t@\$\(BIN\)/nmcds serve ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
