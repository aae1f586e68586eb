"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuro.files.options import path_option

__all__ = ["Config", "Task"]


def _tasks(incomplete: str) -> list[tuple[str, str]]:
    """Tasks that begin with a text, each with its sentence, for a shell that completes a word."""
    from neuro.tasks import list_tasks

    return [(name, sentence) for name, sentence in list_tasks().items() if name.startswith(incomplete)]


Task = Annotated[
    str | None,
    typer.Argument(metavar="TASK", help="Which task of `neuro list`, or a file: PATH.py.", autocompletion=_tasks),
]
Config = Annotated[
    Path | None,
    path_option("A TOML file with task, preset, seed and a table of settings, `set`; options come on top of it."),
]
