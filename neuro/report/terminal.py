"""What the command line prints: JSON, tables, and where files were written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from neuro.report.record import Table

__all__ = ["print_files", "print_json", "print_tables", "warn_of_smoke"]


def print_json(value: object) -> None:
    """Print a value as JSON."""
    from neuro.report.record import plain

    typer.echo(json.dumps(plain(value), indent=2, allow_nan=False))


def print_tables(*tables: Table) -> None:
    """Print tables as wide as the terminal."""
    from rich.console import Console

    from neuro.report.tables import render

    console = Console()
    for table in tables:
        console.print(render(table))


def print_files(out: Path | None) -> None:
    """Say what was written, or how to have it written."""
    if out is None:
        typer.echo("Nothing was written; --out DIR keeps the report and its figures.")
        return
    names = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    typer.echo(f"Written to {out}: {', '.join(names)}")


def warn_of_smoke(task: str) -> None:
    """Say on standard error that a smoke run is no result."""
    from rich.console import Console

    Console(stderr=True).print(
        f"[bold reverse yellow] SMOKE RUN, NOT A RESULT [/] It shows that the task works, no more. "
        f"For the experiment itself: neuro run {task} --preset paper",
        highlight=False,
        soft_wrap=True,
    )
