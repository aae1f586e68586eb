"""Progress of long work: told to a function, drawn as a bar, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

    It appears once the work has taken `after` seconds. Where that is not a terminal nothing is drawn, so logs stay
    readable.
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
