"""Results as a file for machines and as the page docs/reference/performance.md."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

__all__ = ["RESULTS", "page", "save"]

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "latest.json"
PAGE = ROOT / "docs" / "reference" / "performance.md"
Results = dict[str, Mapping[str, object]]


def save(results: Results, into: Path = RESULTS) -> None:
    """Merge into the file: a run of one measurement keeps the others, each with its own date."""
    into.parent.mkdir(parents=True, exist_ok=True)
    known: dict[str, object] = json.loads(into.read_text(encoding="utf-8")) if into.is_file() else {}
    about = {"on": datetime.now(UTC).date().isoformat(), "version": version("neuromuscular-cds"), "python": platform.python_version()}
    for name, result in results.items():
        known[name] = {"about": about, "result": result}
    into.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _number(value: object) -> str:
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.0f}" if (value == int(value) and abs(value) >= 1) or value == 0 else f"{value:.2f}"


def _table(rows: Mapping[str, Mapping[str, object]], first: str) -> list[str]:
    columns = list(next(iter(rows.values())))
    for row in rows.values():
        columns += [name for name in row if name not in columns]
    lines = [f"| {first} | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    lines += [f"| {name} | " + " | ".join(_number(row.get(column, "")) for column in columns) + " |" for name, row in rows.items()]
    return lines


def page(source: Path = RESULTS) -> str:
    """The page in Markdown."""
    known = json.loads(source.read_text(encoding="utf-8"))
    lines = [
        "# Performance",
        "",
        "Measured by `make bench` on whatever machine ran it last, often a shared one: read ratios, not milliseconds. `times_constant`",
        "compares with an endpoint of the same server that reads the same body and always answers the same card. Two sections have",
        "commands of their own: `python -m bench.profile` and `python -m bench.growth`. Generated: do not edit.",
    ]
    titles = {
        "cpu": ("CPU per call in one process, ms", "patient"),
        "profile": ("Where the CPU time of a call goes, microseconds", "stage"),
        "growth": ("Growth", "with more"),
        "latency": ("Over a real socket", "call"),
        "start": ("Start", "measured"),
        "overload": ("Three times more calls than it can answer", "measured"),
        "soak": ("Many patients at once", "measured"),
        "pages": ("The slowest pages by their first opening, CPU ms in one process", "page"),
        "codes": ("`nmcds codes build` on invented releases", "release"),
    }
    for name, (title, first) in titles.items():
        if name not in known:
            continue
        about, result = known[name]["about"], known[name]["result"]
        lines += ["", f"## {title}", "", f"{about['on']}, version {about['version']}, Python {about['python']}.", ""]
        rows = (
            result
            if all(isinstance(value, dict) for value in result.values())
            else {key: {"value": value} for key, value in result.items()}
        )
        lines += _table(rows, first)
        if name == "growth":
            lines += ["", "![CPU of a call by the number of rules, resources and connections](../images/growth.svg)"]
    return "\n".join(lines) + "\n"
