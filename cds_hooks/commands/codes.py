"""`nmcds codes`: the commands about codes, each in a module of its own. Nothing heavy is imported here: help must be quick."""

from __future__ import annotations

import typer

from cds_hooks.commands import codes_build

__all__ = ["codes_app"]

codes_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="Check the shipped codes, map a site's own, take in its vocabularies, publish ours."
)
codes_build.mount(codes_app)
