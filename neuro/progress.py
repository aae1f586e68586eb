"""Progress of long work: told to a function, drawn as a bar, or not at all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Protocol

from neuro.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Progress", "ProgressOption", "bar", "reporting", "silent"]

PATIENCE = 2.0
"""Seconds after which a bar appears."""


class Progress(Protocol):
    """Called by work as it goes on, as often as it likes."""

    def __call__(self, done: float, total: float, label: str) -> None:
        """`done` of `total` parts are finished, and `label` is being worked on."""


ProgressOption = Callable[[float, float, str], None] | Literal["bar"] | bool | None
"""The argument `progress` of functions: None, a callable, or True or "bar" for a bar."""


def silent(done: float, total: float, label: str) -> None:
    """Say nothing.

    >>> silent(1, 10, "epoch")
    """


@contextmanager
def bar(label: str, console: Console | None = None, *, after: float = 0.0) -> Iterator[Progress]:
    """A progress bar for the time of a `with` block, on standard error unless a `console` is given.

    It appears once the work has taken `after` seconds: on a terminal, or below the cell of a Jupyter notebook.
    Elsewhere nothing is drawn, so logs stay readable.
    """
    began, drawn, line = time.perf_counter(), None, None

    def tell(done: float, total: float, label: str) -> None:
        nonlocal drawn, line
        if drawn is None and time.perf_counter() - began >= after:
            drawn = _draw(console)
            line = drawn.add_task(label, total=None)
        if drawn is not None:
            drawn.update(line, completed=done, total=total, description=label)

    if after == 0.0:
        tell(0.0, 0.0, label)
    try:
        yield tell
    finally:
        if drawn is not None:
            drawn.stop()


def _draw(console: Console | None) -> Any:
    if console is None and _in_notebook():
        return NotebookBar()
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = console or Console(stderr=True)
    drawn = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    drawn.start()
    return drawn


def _in_notebook() -> bool:
    """Does this process answer a notebook? A shell of IPython in a terminal has no kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class NotebookBar:
    """A progress bar below the cell of a notebook, with the methods of rich's `Progress` that `bar` calls.

    It is plain HTML, which needs no widgets; it is drawn at most ten times a second, and vanishes at the end.
    """

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html, self._began, self._last = HTML, time.perf_counter(), 0.0
        self._handle = display(HTML(""), display_id=True)

    def add_task(self, description: str, total: float | None = None) -> int:
        """There is one task only."""
        return 0

    def update(self, task: int, *, completed: float, total: float, description: str) -> None:
        """Draw how far the task is, if the last drawing is old enough or all is done."""
        now = time.perf_counter()
        if now - self._last < 0.1 and completed < total:
            return
        self._last = now
        share = min(max(completed / total, 0.0), 1.0) if total > 0 else 0.0
        seconds = now - self._began
        left = f", {seconds * (1 - share) / share:,.0f} s left" if share > 0 else ""
        self._handle.update(
            self._html(
                f'<div>{escape(description)} <progress value="{share:.4f}" max="1"></progress> '
                f"{share:.0%}, {seconds:,.0f} s{left}</div>"
            )
        )

    def stop(self) -> None:
        """Take the bar away."""
        self._handle.update(self._html(""))


@contextmanager
def reporting(progress: ProgressOption, label: str) -> Iterator[Callable[[float, float, str], None] | None]:
    """The function that an argument `progress` stands for, for the time of a `with` block; None for silence.

    Raises
    ------
    InputError
        If it is not one of None, False, True, "bar" and a callable.

    >>> with reporting(None, "simulating") as tell:
    ...     tell is None
    True
    """
    if progress is None or progress is False:
        yield None
    elif progress is True or (isinstance(progress, str) and progress == "bar"):
        with bar(label, after=PATIENCE) as drawn:
            yield drawn
    elif callable(progress):
        yield progress
    else:
        raise InputError('must be None, a callable, True or "bar"', where="progress", value=repr(progress))
