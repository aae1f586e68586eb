"""The command `neuro export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuro.commands.errors import plain_errors
from neuro.files.options import path_parser

__all__ = ["export_command"]


def export_command(
    source: Annotated[
        Path,
        typer.Argument(parser=path_parser, metavar="FILE", help="A recording, a placement, a report or its folder."),
    ],
    target: Annotated[Path, typer.Argument(parser=path_parser, metavar="TABLE", help="A .csv or .parquet file.")],
    population: Annotated[str | None, typer.Option(metavar="NAME", help="Only this population.")] = None,
) -> None:
    """Write spikes, cores or metrics as a table, in CSV or Parquet."""
    with plain_errors():
        from neuro.exchange.export import export

        typer.echo(export(source, target, population))
