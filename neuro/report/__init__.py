"""Reports of experiments: their record (open `record.py` first), tables on the terminal, and figures."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuro.report.origin import provenance
    from neuro.report.record import Report, Table, staged, write

__all__ = ["Report", "Table", "provenance", "staged", "write"]


def __getattr__(name: str) -> Any:
    # A record needs numpy, which the help of the command line does not wait for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.record" if name != "provenance" else f"{__name__}.origin")
    return getattr(module, name)
