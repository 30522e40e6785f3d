"""Spark for the tests that need it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cds_hooks import cli
from cds_hooks.population.spark import missing
from tests.population.support import SECRET, Screen

LEAK = "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"  # py4j leaves its sockets to the collector


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of this folder live with py4j."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(LEAK))


@pytest.fixture(autouse=True)
def spark() -> None:
    """Skip, saying what to do, where Spark cannot run."""
    problem = missing()
    if problem is not None:
        pytest.skip(f"{problem[0]}; {problem[1]}")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Screen:
    """Run `nmcds screen`; (exit code, what was said on standard error, summary)."""
    monkeypatch.setenv("NMCDS_SECRET", SECRET)

    def run(source: Path, out: Path, *more: str) -> tuple[int, str, dict[str, Any]]:
        arguments = ["nmcds", "screen", str(source), "--out", str(out), "--on", "2026-11-22", "--master", "local[2]", *more]
        monkeypatch.setattr("sys.argv", arguments)
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr().err
        summary = out / "summary.json"
        return int(stopped.value.code or 0), said, json.loads(summary.read_text()) if summary.is_file() else {}

    return run
