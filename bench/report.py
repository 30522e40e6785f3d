"""Results as a file for machines and as the page docs/reference/performance.md."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.limits import limits

__all__ = ["IMAGES", "PAGE", "RESULTS", "page", "save"]

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "latest.json"
PAGE = ROOT / "docs" / "reference" / "performance.md"
IMAGES = ROOT / "docs" / "images"
PICTURES = {
    "growth": "![CPU of a call by the number of rules, resources and connections](../images/growth.svg)",
    "latency": "![p99 by the number of connections](../images/latency.svg)",
}
Results = dict[str, Mapping[str, object]]


def save(results: Results, into: Path = RESULTS) -> None:
    """Merge into the file: a run of one measurement keeps the others, each with its own date."""
    into.parent.mkdir(parents=True, exist_ok=True)
    known: dict[str, object] = json.loads(into.read_text(encoding="utf-8")) if into.is_file() else {}
    about = {
        "on": datetime.now(UTC).date().isoformat(),
        "version": version("neuromuscular-cds"),
        "python": platform.python_version(),
        **_machine(),
    }
    for name, result in results.items():
        known[name] = {"about": about, "result": result}
    into.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _machine() -> dict[str, object]:
    """Cores, processor, GB of memory, and how many processes wanted to run in the last minute."""
    with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as lines:
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cores": os.cpu_count(), "processor": model, "memory_gb": round(memory), "load": round(os.getloadavg()[0], 1)}


def _when(about: Mapping[str, object]) -> str:
    machine = f" {about['cores']} cores ({about['processor']}), {about['memory_gb']} GB, load {about['load']}." if "cores" in about else ""
    return f"{about['on']}, version {about['version']}, Python {about['python']}.{machine}"


def _limits(known: Mapping[str, Mapping[str, object]]) -> list[str]:
    rows = [
        f"| {limit.what} | {limit.most:g} {limit.unit} | {_number(value)} | {'yes' if value <= limit.most else '**no**'} |"
        for limit, value in limits(known)
    ]
    return ["", "## The limits", "", "| what | at most | measured last | holds |", "| --- | ---: | ---: | --- |", *rows]


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
        "compares with an endpoint of the same server that reads the same body and always answers the same card. Sections with commands of",
        "their own: `python -m bench.profile`, `python -m bench.growth` and `python -m bench.overload`. Generated: do not edit.",
        *_limits(known),
    ]
    titles = {
        "cpu": ("CPU per call in one process, ms", "patient"),
        "profile": ("Where the CPU time of a call goes, microseconds", "stage"),
        "growth": ("Growth", "with more"),
        "latency": ("Over a real socket", "call, connections"),
        "start": ("Start", "measured"),
        "overload": ("Three times more calls than it can answer", "measured"),
        "soak": ("Many patients at once", "measured"),
        "one-patient": ("One chart, opened again and again by one user", "measured"),
        "pages": ("The slowest pages by their first opening, CPU ms in one process", "page"),
        "codes": ("`nmcds codes build` on invented releases", "release"),
    }
    for name, (title, first) in titles.items():
        if name not in known:
            continue
        about, result = known[name]["about"], known[name]["result"]
        lines += ["", f"## {title}", "", _when(about), ""]
        rows = (
            result
            if all(isinstance(value, dict) for value in result.values())
            else {key: {"value": value} for key, value in result.items()}
        )
        lines += _table(rows, first)
        if name in PICTURES:
            lines += ["", PICTURES[name]]
    return "\n".join(lines) + "\n"
