"""`python -m bench`: measure, print, keep the results."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console

from bench.codes import codes
from bench.cpu import cpu
from bench.latency import latency
from bench.pages import pages
from bench.report import PAGE, RESULTS, page, save
from bench.soak import one_patient, soak
from bench.start import start

WHAT = ("cpu", "latency", "start", "soak", "one-patient", "codes", "pages")


def main(
    what: Annotated[list[str] | None, typer.Argument(help=f"Which of {', '.join(WHAT)}. Without any: cpu, latency and start.")] = None,
    calls: Annotated[int, typer.Option(min=1, help="Calls per measurement of cpu and latency.")] = 300,
    soak_calls: Annotated[int, typer.Option(min=10, help="Calls of soak and one-patient.")] = 100_000,
) -> None:
    """Measure the service: CPU per call, latency against a constant card, start, memory and mixed-up patients,
    building an index of vocabulary releases of full size, and opening every page.

    Results: bench/results/latest.json and docs/reference/performance.md.

    Examples: python -m bench | python -m bench cpu --calls 1000 | python -m bench soak | python -m bench codes
    | python -m bench pages
    """
    chosen = what or ["cpu", "latency", "start"]
    unknown = [name for name in chosen if name not in WHAT]
    if unknown:
        raise typer.BadParameter(f"found {', '.join(unknown)}, expected {', '.join(WHAT)}")
    results: dict[str, Mapping[str, object]] = {}
    for name in chosen:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        match name:
            case "cpu":
                results[name] = cpu(calls)
            case "latency":
                results[name] = latency(calls)
            case "start":
                results[name] = start()
            case "codes":
                results[name] = codes()
            case "pages":
                results[name] = pages()
            case "one-patient":
                results[name] = one_patient(soak_calls)
            case _:
                results[name] = soak(soak_calls)
    save(results)
    PAGE.write_text(page(), encoding="utf-8")
    Console().print(page(), highlight=False, soft_wrap=True, markup=False)
    print(f"written: {RESULTS.relative_to(RESULTS.parents[2])}, {PAGE.relative_to(PAGE.parents[2])}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
