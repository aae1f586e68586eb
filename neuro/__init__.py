"""Event-exact simulation of spiking networks on memristor crossbars; `__init__.pyi` lists the public names.

Open `network/graph.py` first for what is simulated, `engine/run.py` for how. A public name is imported when it is
first used: numba, scipy and numpy take most of a second together.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def _public_names() -> dict[str, str]:
    """Each public name and its module, from the lines ``from MODULE import NAME as NAME`` of the stub."""
    with open(__file__.rpartition(".")[0] + ".pyi", encoding="utf-8") as stub:
        lines = [line.split() for line in stub if line.startswith("from ")]
    return {name: module for _, module, _, name, *_ in lines}


_MODULE_OF = _public_names()

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'neuro' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
