"""`nmcds codes`: the group of commands about codes; each command is registered in `cds_hooks.cli`."""

from __future__ import annotations

import typer

__all__ = ["codes"]

codes = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Check the shipped codes, map a site's own, publish ours.")
