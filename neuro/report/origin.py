"""Provenance of a result: enough to run it again, and to see why it may differ on another machine."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["Usage", "provenance", "versions"]


class Usage:
    """What a piece of work takes, from the moment that this is made.

    >>> Usage().cpu_seconds() >= 0
    True
    """

    def __init__(self) -> None:
        self.started = time.time()
        self._began = time.perf_counter()
        self._cpu = _cpu_seconds()
        with contextlib.suppress(OSError):
            # Linux forgets the most that the process has held so far.
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def wall_seconds(self) -> float:
        """Seconds since then."""
        return time.perf_counter() - self._began

    def cpu_seconds(self) -> float:
        """Processor seconds of this process, and of those that it has started and that have ended."""
        return _cpu_seconds() - self._cpu

    def peak_memory_bytes(self) -> int | None:
        """The most memory that this process has held since then, or the largest one that it has started.

        Outside of Linux: since the process began. None where the system does not say it.
        """
        try:
            import resource
        except ImportError:
            return None
        unit = 1 if sys.platform == "darwin" else 1024
        own, others = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        with contextlib.suppress(OSError, TypeError, ValueError):
            found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
            own = int(found[1]) if found else own
        return int(max(own, others) * unit)


def provenance(seed: int, *, started: float | None = None, usage: Usage | None = None) -> dict[str, Any]:
    """Provenance of a result: enough to run it again, and to see why it may differ on another machine.

    Parameters
    ----------
    seed
        Root of the run's random draws.
    started
        When the run began, as from `time.time`; without it and `usage`, start and duration are null.
    usage
        Made when the run began; without it, what the run took is null.

    >>> sorted(provenance(3))[:6]
    ['command', 'cpu_seconds', 'git_dirty', 'git_revision', 'machine', 'packages']
    >>> sorted(provenance(3))[6:]
    ['peak_memory_bytes', 'seed', 'started', 'versions', 'wall_seconds']
    """
    revision, dirty = _git()
    began = usage.started if usage is not None else started
    wall = usage.wall_seconds() if usage is not None else None if started is None else time.time() - started
    return {
        "seed": int(seed),
        "command": list(sys.argv),
        "versions": versions(),
        "packages": dict(_packages()),
        "git_revision": revision,
        "git_dirty": dirty,
        "machine": {
            "host": platform.node(),
            "platform": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_bytes": _memory_bytes(),
        },
        "started": None if began is None else datetime.fromtimestamp(began, UTC).isoformat(),
        "wall_seconds": wall,
        "cpu_seconds": None if usage is None else usage.cpu_seconds(),
        "peak_memory_bytes": None if usage is None else usage.peak_memory_bytes(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of what the results depend on, read without importing any of it."""
    found = {"python": platform.python_version()}
    for package in ("neuro-events", "numpy", "scipy", "numba"):
        name = package.removesuffix("-events")
        try:
            found[name] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    """Name and version of everything that is installed."""
    found = {each.metadata["Name"]: each.version for each in metadata.distributions()}
    return tuple(sorted((name, version) for name, version in found.items() if name and version))


def _cpu_seconds() -> float:
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def _memory_bytes() -> int | None:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _git() -> tuple[str | None, bool | None]:
    """Revision of the checkout of this module, and whether it was edited since; None outside of a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None, None
    try:
        revision, status = (
            subprocess.run(
                ["git", "-C", str(root), *command], capture_output=True, text=True, check=True, timeout=10
            ).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None, None
    return revision, bool(status)


def _processor() -> str:
    if sys.platform == "linux":
        # platform.processor() is empty or just the architecture there.
        with contextlib.suppress(OSError):
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
