"""`python -m tests.fuzz.run TARGET [SECONDS]`: coverage-guided fuzzing with Atheris (libFuzzer) of one target of `tests.fuzz.targets`.

Ends with an error when anything but a meant refusal is raised, when one input takes longer than a second, or with 2 GB of memory; the input
is then in `build/fuzz/TARGET`. What was learnt (the corpus) stays in `build/fuzz/TARGET.corpus` for the next run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cds_hooks", "rules"]):
    from tests.fuzz.targets import TARGETS, seeds

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Fuzz until the time is over."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"found {' '.join(sys.argv[1:]) or 'nothing'}, expected one of {', '.join(TARGETS)} and perhaps seconds")
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "60"
    corpus, faults = ROOT / "build" / "fuzz" / f"{name}.corpus", ROOT / "build" / "fuzz" / name
    for folder in (corpus, faults):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    target = TARGETS[name]
    target(b"")  # what is built once does not count as a hang
    flags = [
        f"-max_total_time={seconds}",
        "-timeout=1",
        "-rss_limit_mb=2048",
        "-max_len=8192",
        f"-artifact_prefix={faults}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
