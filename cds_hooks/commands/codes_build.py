"""How `nmcds codes build`, `expand` and `about` are called; what they do is in `codes_index`, imported only when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["mount"]

Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="The index to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the index if it is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


def mount(app: typer.Typer) -> None:
    """Add the commands to `nmcds codes`."""
    app.command("build")(build)
    app.command("expand")(expand)
    app.command("about")(about)


def build(
    out: Out,
    snomed: Annotated[
        list[Path] | None, typer.Option("--snomed", metavar="RF2_DIR", help="Unpacked RF2 package; again for each extension.")
    ] = None,
    rxnorm: Annotated[Path | None, typer.Option("--rxnorm", metavar="RRF_DIR", help="Unpacked RxNorm full release.")] = None,
    icd10cm: Annotated[
        Path | None, typer.Option("--icd10cm", metavar="ORDER_FILE", help="ICD-10-CM order file; only to find retired codes.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Read the site's licensed releases, as published, and write one index of every subtype and product of our codes.

    A build that was broken off goes on where it stopped: run the same command again. NMCDS_CODES_FILE makes the service load the index.

    [bold]Examples[/]
    \b
      nmcds codes build --snomed SnomedCT_InternationalRF2_PRODUCTION_20260701 --rxnorm RxNorm_full_11022026 --out codes.sqlite3
      nmcds codes build --snomed International --snomed NationalExtension --out codes.sqlite3 --force
    """
    from cds_hooks.commands import codes_index  # noqa: PLC0415 - help must be quick

    raise typer.Exit(codes_index.build(out, snomed=snomed or [], rxnorm=rxnorm, icd10cm=icd10cm, force=force, json=as_json))


def expand(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The index to write.", show_default="NMCDS_TERMINOLOGY_CACHE")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="The FHIR base URL.", show_default="NMCDS_TERMINOLOGY_SERVER")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Ask a FHIR terminology server for the subtypes of our SNOMED CT codes, as the service does at its start, and keep the answer.

    [bold]Examples[/]
    \b
      nmcds codes expand --server https://terminology.example.org/fhir --out snomed.sqlite3
      nmcds codes expand --force
    """
    from cds_hooks.commands import codes_index  # noqa: PLC0415 - help must be quick

    raise typer.Exit(codes_index.expand(out, server=server, force=force, json=as_json))


def about(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="An index.", show_default="NMCDS_CODES_FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what an index holds: releases, codes, whether it fits this version, and the codes of ours that the releases lack.

    [bold]Example[/]
    \b
      nmcds codes about codes.sqlite3
    """
    from cds_hooks.commands import codes_index  # noqa: PLC0415 - help must be quick

    raise typer.Exit(codes_index.about(file, json=as_json))
