"""The command `neuro report`: one HTML file of what runs have left in their folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuro.commands.errors import plain_errors
from neuro.files.options import path_option, path_parser
from neuro.report.terminal import print_json

__all__ = ["report_command"]


def report_command(
    runs: Annotated[
        list[Path],
        typer.Argument(parser=path_parser, metavar="DIR...", help="Folders that --out wrote, or one of a sweep."),
    ],
    out: Annotated[
        Path | None, path_option("The file to write; report.html in the first folder by default.", metavar="FILE")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the name of the file as JSON.")] = False,
) -> None:
    """Make one HTML file of the results of runs, to be opened in any browser without a network.

    It shows spikes, voltages, conductances, learning, energy and placements, as far as the folders have them, and
    compares several runs: the mean of each metric over seeds, with its standard error.
    """
    with plain_errors():
        from neuro.report.html.page import html_report

        page = html_report(out or runs[0] / "report.html", *runs, title=title)
        if as_json:
            print_json({"page": page, "bytes": page.stat().st_size})
        else:
            typer.echo(f"Written to {page} ({page.stat().st_size / 1e6:.1f} MB)")
