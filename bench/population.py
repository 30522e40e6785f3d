"""Screening a synthetic population: patients a minute and core, peak memory, bytes, and how they grow.

`python -m bench.population 1000 10000` writes bench/results/population.json. CPU is that of all processes of the run (Spark's Java, its
Python workers, the command), from /proc every quarter of a second, because wall time says little on a shared machine. Linux only.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

RESULTS = Path(__file__).parent / "results" / "population.json"
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
ENGINES = ("checked", "reference")


def main(
    sizes: Annotated[list[int], typer.Argument(help="How many patients, such as 1000 10000 100000.")],
    cores: Annotated[int, typer.Option(min=1, help="Cores that Spark may use.")] = os.cpu_count() or 1,
    keep: Annotated[Path | None, typer.Option(help="Folder for exports and outputs, kept; else a temporary one.")] = None,
) -> None:
    """Measure and keep; sizes measured before stay in the file."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {"runs": {}}
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        for size in sizes:
            source = folder / f"export-{size}"
            if not source.exists():
                subprocess.run([sys.executable, "-m", "cds_hooks", "population", "--patients", str(size), "--out", str(source)], check=True)
            known["runs"][str(size)] = measured(source, folder / f"found-{size}", size, cores)
            print(size, json.dumps(known["runs"][str(size)]), flush=True)
    known["about"] = {
        "on": datetime.now(UTC).date().isoformat(),
        "version": version("neuromuscular-cds"),
        "python": platform.python_version(),
        "pyspark": version("pyspark"),
        "cores of the machine": os.cpu_count(),
    }
    RESULTS.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def measured(source: Path, out: Path, size: int, cores: int) -> dict[str, float]:
    """One run."""
    shutil.rmtree(out, ignore_errors=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "cds_hooks", "screen", str(source), "--out", str(out), "--types", "all", "--on", "2026-11-22"]
    run = subprocess.Popen(
        [*command, "--master", f"local[{cores}]", "--fresh"],
        env={**os.environ, "NMCDS_SECRET": "bench"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    cpu: dict[tuple[int, int], tuple[str, float]] = {}
    peak = java = 0.0
    work = Path(f"{out}.unfinished")
    bytes_kept = 0
    while run.poll() is None:
        family = descendants(run.pid)
        for key, (name, seconds, _) in family.items():
            cpu[key] = (name, seconds)
        peak = max(peak, sum(memory for _, _, memory in family.values()))
        java = max(java, sum(memory for name, _, memory in family.values() if name == "java"))
        if work.exists():
            bytes_kept = max(bytes_kept, size_of(work / "rows"))
        time.sleep(0.25)
    assert run.returncode in (0, 1), run.returncode
    wall = time.monotonic() - started
    total = sum(seconds for _, seconds in cpu.values())
    in_java = sum(seconds for name, seconds in cpu.values() if name == "java")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["patients"]["all"] == size
    return {
        "wall_s": round(wall, 1), "cpu_s": round(total, 1), "java_cpu_s": round(in_java, 1), "python_cpu_s": round(total - in_java, 1),
        "cpu_ms_per_patient": round(total / size * 1000, 2), "patients_per_minute_and_core": round(size / total * 60, 1),
        "peak_mb": round(peak / 1e6), "peak_java_mb": round(java / 1e6), "resources": summary["patients"]["resources"],
        "export_bytes": size_of(source), "gathered_bytes": bytes_kept, "output_bytes": size_of(out), "cores": cores,
    }  # fmt: skip


def descendants(root: int) -> dict[tuple[int, int], tuple[str, float, float]]:
    """(pid, start time) -> name, CPU seconds, proportional memory in bytes, of a process and everything below it."""
    table: dict[int, tuple[int, str, float, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                head, _, tail = (entry / "stat").read_text().rpartition(")")
            except OSError:
                continue
            part = tail.split()
            table[int(entry.name)] = (int(part[1]), head.partition("(")[2], (int(part[11]) + int(part[12])) / TICK, int(part[19]))
    family, waiting = set[int](), [root]
    while waiting:
        pid = waiting.pop()
        if pid in table and pid not in family:
            family.add(pid)
            waiting += [child for child, (parent, *_) in table.items() if parent == pid]
    return {(pid, table[pid][3]): (table[pid][1], table[pid][2], memory_of(pid)) for pid in family}


def memory_of(pid: int) -> float:
    """Proportional set size: pages that processes share count once among them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0.0
    return 0.0


def size_of(path: Path) -> int:
    """Bytes of all files below."""
    try:
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    except OSError:  # files come and go while Spark works
        return 0


if __name__ == "__main__":
    typer.run(main)
