"""How much memory is free, and the refusal of what does not fit."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

from neuro.errors import NeuroError, OutOfMemory, ParameterError
from neuro.validation import number, positive, shown

__all__ = ["Budget", "available_bytes", "byte_count", "require_memory"]

CONTROL_GROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows them."""
NEGLIGIBLE = 2.0**26
"""Bytes that are taken without asking how many there are."""
UNITS = {"": 1.0, "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
UNITS |= {"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40}


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


def byte_count(value: float | str, where: str) -> float:
    """A number of bytes, from a number or a text such as "1 GB" or "512 MiB".

    Raises
    ------
    ParameterError
        If it is neither, or not above zero.

    >>> byte_count("1.5 GB", "memory"), byte_count(2**20, "memory")
    (1500000000.0, 1048576.0)
    """
    if isinstance(value, str):
        digits = value.rstrip("BiKMGTk ")
        try:
            return number(float(digits) * UNITS[value[len(digits) :].strip()], where, check=positive)
        except (ValueError, KeyError):
            remedy = f"Units are {', '.join(unit for unit in UNITS if unit)}"
            rule = "must be a number of bytes above zero, or a text such as '1 GB'"
            raise ParameterError(rule, where=where, value=shown(value), remedy=remedy) from None
    return number(value, where, check=positive)


def amount_of_bytes(count: float) -> str:
    """A number of bytes in words.

    >>> amount_of_bytes(1.5e9), amount_of_bytes(20_400), amount_of_bytes(7)
    ('1.5 GB', '20.4 kB', '7 bytes')
    """
    for unit in ("GB", "MB", "kB"):
        if count >= UNITS[unit]:
            return f"{count / UNITS[unit]:.4g} {unit}"
    return f"{count:.0f} bytes"


class Budget:
    """The bytes that the buffers of a run may take: `limit` altogether, and no more than there are.

    >>> budget = Budget(100.0)
    >>> budget.require("the state", 60.0)
    >>> budget.require("the recording", 50.0, remedy="Record less")
    Traceback (most recent call last):
    ...
    neuro.errors.OutOfMemory: run: the recording must fit into memory; got 110 bytes needed, 100 bytes allowed by ...
    """

    def __init__(self, limit: float = inf) -> None:
        self.limit = limit
        self.granted: dict[str, float] = {}
        """Bytes by buffer."""

    def require(self, buffer: str, needed: float, *, held: float = 0.0, value: str = "", remedy: str = "") -> None:
        """Refuse a buffer that is to take `needed` bytes, of which it holds `held` already.

        Raises
        ------
        OutOfMemory
            With the number of bytes; `value` says what takes them.
        """
        total = needed + sum(granted for name, granted in self.granted.items() if name != buffer)
        found, allowed = f"{amount_of_bytes(total)} needed", self.limit
        if total > self.limit:
            found += f", {amount_of_bytes(self.limit)} allowed by run(memory=...)"
        elif needed - held >= NEGLIGIBLE and needed - held > (allowed := available_bytes()):
            total = needed - held
            found = f"{amount_of_bytes(total)} needed, {amount_of_bytes(allowed)} free"
        else:
            self.granted[buffer] = needed
            return
        raise OutOfMemory(buffer, total, allowed, value=f"{value}: {found}" if value else found, remedy=remedy)


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
