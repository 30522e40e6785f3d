"""`python -m tests.fuzz.keep TARGET`: what fuzzing learnt, made small (libFuzzer's merge), is kept in `tests/fuzz/corpus/TARGET.zip`.

Of all inputs in `build/fuzz/TARGET.corpus` and those kept before stays a small set that reaches the same places. `seeds` yields it to the
next run, and `make test` gives it to the target.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cds_hooks", "rules"]):
    from tests.fuzz.targets import KEPT, TARGETS, seeds

CORPUS = Path(__file__).resolve().parents[2] / "build" / "fuzz"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the same inputs make the same file


def main() -> None:
    """Keep one target's corpus; libFuzzer starts the launcher again for the merge, and that process is `merge`."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"found {' '.join(sys.argv[1:]) or 'nothing'}, expected one of {', '.join(TARGETS)}")
    name = sys.argv[1]
    if launcher := os.environ.get("NMCDS_FUZZ_LAUNCHER"):
        TARGETS[name](b"")
        atheris.Setup([launcher, *sys.argv[2:]], TARGETS[name])
        atheris.Fuzz()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        launcher = str(place / "merge")
        Path(launcher).write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.fuzz.keep {name} "$@"\n', encoding="ascii")
        Path(launcher).chmod(0o700)
        small, before = place / "small", place / "before"
        small.mkdir()
        before.mkdir()
        for number, seed in enumerate(seeds(name)):
            (before / str(number)).write_bytes(seed)
        command = [launcher, "-merge=1", "-max_len=8192", str(small), str(before), str(CORPUS / f"{name}.corpus")]
        subprocess.run(command, check=True, env={**os.environ, "NMCDS_FUZZ_LAUNCHER": launcher})
        KEPT.mkdir(exist_ok=True)
        with zipfile.ZipFile(KEPT / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as kept:
            for path in sorted(small.iterdir()):
                kept.writestr(zipfile.ZipInfo(path.name, EARLIEST), path.read_bytes(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
