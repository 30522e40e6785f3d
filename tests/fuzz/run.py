"""`python -m tests.fuzz.run TARGET [SECONDS]`: coverage-guided fuzzing with Atheris (libFuzzer) of one target of `tests.fuzz.targets`.

Ends with an error when anything but a meant refusal is raised, when one input takes a second of CPU, or with 2 GB of memory; the input
is then in `build/fuzz/TARGET`. What was learnt (the corpus) stays in `build/fuzz/TARGET.corpus` for the next run.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import atheris

with atheris.instrument_imports(include=["cds_hooks", "rules"]):
    from tests.fuzz.targets import TARGETS, seeds

ROOT = Path(__file__).resolve().parents[2]
HANG_S = 1.0


def main() -> None:
    """Fuzz until the time is over; a hang that does not come again was the machine's, and the rest of the time is used."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"found {' '.join(sys.argv[1:]) or 'nothing'}, expected one of {', '.join(TARGETS)} and perhaps seconds")
    name, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    if "--here" in sys.argv:
        fuzz(name, seconds)
    ends = time.monotonic() + seconds
    while (left := round(ends - time.monotonic())) > 0:
        ended = subprocess.run([sys.executable, "-m", "tests.fuzz.run", name, str(left), "--here"], check=False)
        hangs = sorted((ROOT / "build" / "fuzz" / name).glob("timeout-*"))
        if ended.returncode and not hangs:
            sys.exit(ended.returncode)
        for path in hangs:
            again(TARGETS[name], path)


def again(target: Callable[[bytes], None], path: Path) -> None:
    """Try an input once more; this process is ended (SIGVTALRM) when it takes HANG_S of CPU, in Python or in C."""
    target(b"")
    sys.stderr.write(f"{path}: took {HANG_S:g} s by the clock; tried again, and this ends here when it takes as much CPU\n")
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S)
    target(path.read_bytes())
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    path.unlink()


def fuzz(name: str, seconds: float) -> NoReturn:
    """In this process, which libFuzzer ends."""
    corpus, faults = ROOT / "build" / "fuzz" / f"{name}.corpus", ROOT / "build" / "fuzz" / name
    for folder in (corpus, faults):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    target = TARGETS[name]
    target(b"")  # what is built once does not count as a hang
    flags = [
        f"-max_total_time={seconds:.0f}",
        f"-timeout={HANG_S:.0f}",
        "-rss_limit_mb=2048",
        "-max_len=8192",
        f"-artifact_prefix={faults}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], target)
    atheris.Fuzz()
    raise SystemExit


if __name__ == "__main__":
    main()
