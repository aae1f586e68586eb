"""How much memory is free, and the refusal of what does not fit."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

from neuro.errors import NeuroError, ParameterError

__all__ = ["available_bytes", "require_memory"]

CONTROL_GROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows them."""
NEGLIGIBLE = 2.0**26
"""Bytes that are taken without asking how many there are."""


def available_bytes() -> float:
    """Bytes that this process can still take: what the system reports as free, and what the limits leave.

    Limits are those of its control group (cgroup), and of its address space (RLIMIT_AS).
    Infinite where nothing is known.
    """
    return max(0.0, min(_system(), _control_groups(), _address_space()))


def require_memory(
    needed: float,
    where: str,
    *,
    rule: str = "must fit into memory",
    value: str = "",
    remedy: str = "",
    error: type[NeuroError] = ParameterError,
) -> None:
    """Refuse to take more bytes than there are.

    Raises
    ------
    NeuroError
        Of the class `error`, with the number of bytes; `value` says what takes them.

    >>> require_memory(8e30, "Population('cell')", value="1e+30 neurons")
    Traceback (most recent call last):
    ...
    neuro.errors.ParameterError: Population('cell'): must fit into memory; got 1e+30 neurons: 8e+21 GB needed, ...
    """
    if needed < NEGLIGIBLE:
        return
    free = available_bytes()
    if needed > free:
        found = f"{needed / 1e9:.3g} GB needed, {free / 1e9:.3g} GB free"
        raise error(rule, where=where, value=f"{value}: {found}" if value else found, remedy=remedy)


def _system() -> float:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * float(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * float(os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return inf


def _control_groups() -> float:
    """The least that the control groups of this process leave, of version 2 or 1."""
    root, groups = CONTROL_GROUPS, [("", ""), ("memory", "")]
    try:
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            groups.append((controllers, path.strip("/")))
    except (OSError, ValueError):
        pass
    free = inf
    for controllers, path in groups:
        if controllers and "memory" not in controllers.split(","):
            continue
        home = root / "memory" if controllers else root
        limit, used = ("limit_in_bytes", "usage_in_bytes") if controllers else ("max", "current")
        for folder in {home, home / path}:
            try:
                most = float((folder / f"memory.{limit}").read_text())
                free = min(free, most - float((folder / f"memory.{used}").read_text()))
            except (OSError, ValueError):  # There is no such group here, or it has no limit: "max".
                continue
    return free


def _address_space() -> float:
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most == resource.RLIM_INFINITY:
            return inf
        pages = float(Path("/proc/self/statm").read_text().split()[0])
        return most - pages * resource.getpagesize()
    except (ImportError, OSError, ValueError, IndexError):
        return inf
