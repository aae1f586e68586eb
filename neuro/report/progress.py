"""How long work says how far it is: a callable, silent or drawn as a bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Progress", "bar", "silent"]


class Progress(Protocol):
    """Called by work as it goes on, as often as it likes."""

    def __call__(self, done: float, total: float, label: str) -> None:
        """`done` of `total` parts are finished, and `label` is being worked on."""


def silent(done: float, total: float, label: str) -> None:
    """Say nothing.

    >>> silent(1, 10, "epoch")
    """


@contextmanager
def bar(label: str, console: Console | None = None) -> Iterator[Progress]:
    """A progress bar for the time of a `with` block, on standard error unless a `console` is given.

    Where that is not a terminal nothing is drawn, so logs stay readable.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield silent
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as drawn:
        line = drawn.add_task(label, total=None)

        def tell(done: float, total: float, label: str) -> None:
            drawn.update(line, completed=done, total=total, description=label)

        yield tell
