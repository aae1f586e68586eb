"""Standard streams that are closed, as `neuro chips >&-` and some managers of services start a program."""

from __future__ import annotations

import os
import sys

__all__ = ["open_closed_streams"]


def open_closed_streams() -> None:
    """Connect each closed standard stream with nothing: what is written to it is dropped, and nothing is read from it.

    The next file that is opened would get its number, and with it all that is printed.

    >>> open_closed_streams()
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given; those below are open by now.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for the process
