"""`nmcds codes build` on invented releases of full size and beyond: seconds and peak memory of the real command."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.releases import Rxnorm, Snomed, write_rxnorm, write_snomed
from cds_hooks.vocabularies.seeds import Seeds, packaged_lists

__all__ = ["codes"]

# A full release is about the first: 370,000 concepts, 3.5 million relationships, 1.1 million names, 7 million relations.
SIZES = {
    "full": (Snomed(370_000, 3_500_000), Rxnorm(1_100_000, 7_000_000)),
    "tens of millions": (Snomed(1_000_000, 20_000_000), Rxnorm(3_000_000, 30_000_000)),
}
RUN = """
import resource, sys
from cds_hooks import cli
try:
    cli.main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
LOAD = """
import resource, sys, time
from pathlib import Path
from cds_hooks.vocabularies import index
from rules.knowledge import Knowledge
began = time.perf_counter()
Knowledge.load(expansion=index.read(Path(sys.argv[1])) if sys.argv[1] else ())
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def codes(which: str | None = None) -> dict[str, dict[str, float]]:
    """By size: rows read, seconds, peak memory of the build in MB, codes and bytes of the index, what loading it adds."""
    seeds = Seeds.of(packaged_lists())
    found: dict[str, dict[str, float]] = {}
    for name, (snomed, rxnorm) in SIZES.items():
        if which not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            there = Path(folder)
            print(f"  writing a release: {name} ...", file=sys.stderr, flush=True)
            write_snomed(there / "snomed", snomed, [seed.code for seed in seeds.snomed])
            write_rxnorm(there / "rxnorm", rxnorm, [seed.code for seed in seeds.rxnorm])
            found[name] = _measured(there)
            found[name]["rows"] = snomed.concepts + snomed.relationships + rxnorm.names + rxnorm.relations
    return found


def _measured(there: Path) -> dict[str, float]:
    out = there / "codes.sqlite3"
    command = ["codes", "build", "--snomed", str(there / "snomed"), "--rxnorm", str(there / "rxnorm"), "--out", str(out), "--json"]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", RUN, *command], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"nmcds codes build ended with {done.returncode}: {done.stderr[-500:]}")
    releases = json.loads(done.stdout)["releases"]
    plain, loaded = _loading(""), _loading(str(out))
    return {
        "build_s": seconds,
        "build_peak_mb": int(done.stderr.strip().splitlines()[-1]) / 1024,
        "codes": sum(one["codes"] for one in releases),
        "index_mb": out.stat().st_size / 1e6,
        "load_adds_s": loaded[0] - plain[0],
        "load_adds_mb": loaded[1] - plain[1],
    }


def _loading(index: str) -> tuple[float, float]:
    """Seconds and peak MB of loading the knowledge with an index or without one: the best of three."""
    runs = [
        tuple(map(float, subprocess.run([sys.executable, "-c", LOAD, index], capture_output=True, text=True, check=True).stdout.split()))
        for _ in range(3)
    ]
    seconds, kilobytes = min(run[0] for run in runs), min(run[1] for run in runs)
    return seconds, kilobytes / 1024
