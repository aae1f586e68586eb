"""How commands end: errors that a user can mend are one sentence and a code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from neuro.errors import NeuroError, SweepError, WorkerDied
from neuro.system.interrupts import exit_code

__all__ = ["plain_errors", "say_stopped"]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors that the user can mend end in a sentence and code 2, lost workers in 1, Ctrl-C and SIGTERM in 130.

    Other errors are bugs of ours: their traceback stays.
    """
    try:
        yield
    except (WorkerDied, SweepError) as error:
        print("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
        raise SystemExit(1) from None
    except (NeuroError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except MemoryError as error:
        print(f"error: there is not enough memory for this{f': {error}' if str(error) else ''}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt as interrupt:
        say_stopped()
        raise SystemExit(exit_code(getattr(interrupt, "number", signal.SIGINT))) from None


def say_stopped() -> None:
    """Say on standard error what became of the work of a command that was stopped."""
    print("stopped; what was not finished was not written", file=sys.stderr)
