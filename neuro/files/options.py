"""Options of the command line that are names of files and folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

__all__ = ["path_option", "path_parser"]


def path_parser(text: str) -> Path:
    """A path of the command line; that of an empty text would be the current folder."""
    if not text:
        raise typer.BadParameter("the name must not be empty.")
    return Path(text)


def path_option(help_: str, *names: str, metavar: str = "FILE") -> Any:
    """An option that is a path, with its help, and its names where they are not that of the parameter."""
    return typer.Option(*names, parser=path_parser, metavar=metavar, help=help_)
