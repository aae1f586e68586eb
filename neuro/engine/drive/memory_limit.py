"""Refuses to take more memory than the machine has free."""

from __future__ import annotations

from math import inf
from pathlib import Path

from neuro.errors import NetworkError

__all__ = ["check_memory"]


def check_memory(needed: float, purpose: str) -> None:
    """Refuse to take more bytes than the machine has free.

    Raises
    ------
    NetworkError
        With the purpose, and the number of bytes.
    """
    free = _free_memory()
    if needed > free:
        raise NetworkError(
            "the events of one window must fit into memory",
            where=purpose,
            value=f"{needed / 1e9:.3g} GB needed, {free / 1e9:.3g} GB free",
            remedy="Set a lower run(max_rate=...), which refuses neurons that fire too often sooner; or use shorter "
            "delays, which make shorter windows",
        )


def _free_memory() -> float:
    """Bytes that the system reports as free; in a control group, at most those up to its limit."""
    free = inf
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = 1024.0 * float(line.split()[1])
        group = Path("/sys/fs/cgroup")
        limit, used = (group / name for name in ("memory.max", "memory.current"))
        if limit.exists() and limit.read_text().strip() != "max":
            free = min(free, float(limit.read_text()) - float(used.read_text()))
    except (OSError, ValueError, IndexError):
        pass
    return free
