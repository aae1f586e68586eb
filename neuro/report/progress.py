"""How far long work is, for those who write reports: the names of `neuro.progress`."""

from __future__ import annotations

from neuro.progress import Progress, bar, silent

__all__ = ["Progress", "bar", "silent"]
