"""The repository keeps its own promises: imports, purity, versions, help, skips."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import is_loopback
from tools import check_version, lint_fhir_import, lint_rules_purity

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "source",
    [
        "import fhir.resources",
        "from fhir import resources",
        "from fhir.resources.condition import Condition",
        "from fhir.resources import get_fhir_model_class",
        "from fhir.resources.STU3.patient import Patient",
        "import importlib\nimportlib.import_module('fhir.resources.patient')",
    ],
)
def test_an_import_of_fhir_models_other_than_r4b_is_refused(source: str) -> None:
    assert lint_fhir_import.problems(source, "a.py")


@pytest.mark.parametrize(
    "source", ["from fhir.resources.R4B.bundle import Bundle", "from fhir.resources import R4B", "import fhir.resources.R4B"]
)
def test_an_import_of_r4b_models_is_allowed(source: str) -> None:
    assert lint_fhir_import.problems(source, "a.py") == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now()",
        "import datetime as dt\ndt.date.today()",
        "import time\ntime.time()",
        "from time import monotonic",
        "import random",
        "import os\nos.environ['A']",
        "open('a.csv')",
        "from pathlib import Path\nPath('a').read_text()",
        "import uuid\nuuid.uuid4()",
    ],
)
def test_a_clock_file_dice_or_environment_in_rules_is_refused(source: str) -> None:
    assert lint_rules_purity.problems(source, "rules/facts.py")


def test_loading_may_read_files_but_not_the_clock() -> None:
    reading = "from pathlib import Path\nPath('a').read_text()"
    assert lint_rules_purity.problems(reading, "rules/load.py") == []
    assert lint_rules_purity.problems("import time\ntime.time()", "rules/load.py")


def test_the_engine_may_measure_its_deadline_but_not_read_the_time_of_day() -> None:
    assert lint_rules_purity.problems("from time import monotonic\nmonotonic()", "rules/engine/stages.py") == []
    assert lint_rules_purity.problems("import time\ntime.time()", "rules/engine/stages.py")


def test_no_other_way_to_the_network_is_taken() -> None:
    """The import contract sees whole packages; these are parts of packages that are needed for other things."""
    ways = ("urllib.request", "http.client", "PyJWKClient", "asyncio.open_connection", "create_connection")
    sources = [path for folder in ("cds_hooks", "rules", "fhir_fixtures") for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in sources if any(way in path.read_text(encoding="utf-8") for way in ways)] == []


def test_the_version_and_the_changelog_agree() -> None:
    pyproject, changelog = (ROOT / name for name in ("pyproject.toml", "CHANGELOG.md"))
    assert check_version.problems(pyproject.read_text(encoding="utf-8"), changelog.read_text(encoding="utf-8")) == []


def test_a_changelog_without_the_version_or_without_knowledge_is_refused() -> None:
    pyproject = '[project]\nversion = "2.0.0"\n'
    assert check_version.problems(pyproject, "# Changelog\n") == ["CHANGELOG.md: no heading `## X.Y.Z`, expected `## 2.0.0`"]
    assert len(check_version.problems(pyproject, "## 1.0.0\n### Service\n")) == 2


def test_every_make_target_has_one_line_of_help() -> None:
    shown = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = {line.split()[1] for line in shown.splitlines()}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY: help")).split()[1:]
    assert named == set(phony)


@pytest.mark.parametrize(
    ("address", "expected"), [(("127.0.0.1", 80), True), (("::1", 80), True), ("socket-file", True), (("192.0.2.1", 80), False)]
)
def test_only_loopback_addresses_count_as_this_machine(address: object, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_a_skip_fails_when_everything_is_required(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_it.py").write_text("import pytest\ndef test_it() -> None:\n    pytest.skip('no such program')\n", encoding="utf-8")
    (tmp_path / "test_module.py").write_text("import pytest\npytest.skip('no such module', allow_module_level=True)\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}  # conftest.py needs tests.support
    relaxed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    strict = subprocess.run(
        [*command, "--continue-on-collection-errors"],
        cwd=tmp_path,
        env={**environment, "REQUIRE_ALL": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 skipped" in relaxed.stdout
    assert strict.returncode == 1
    assert "no such program" in strict.stdout
    assert "no such module" in strict.stdout


def test_nothing_in_the_repository_mentions_the_place_where_it_was_written() -> None:
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    places = (b"/wo" + b"rk/", b"/ro" + b"ot/")
    found = [
        name
        for name in filter(None, files)
        if Path(name).suffix not in {".png", ".lock"}
        and (ROOT / name).is_file()
        and any(place in (ROOT / name).read_bytes() for place in places)
    ]
    assert found == []
