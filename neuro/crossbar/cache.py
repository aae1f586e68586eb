"""`VersionCache`: a matrix that is computed once for each version of a crossbar."""

from __future__ import annotations

from collections.abc import Callable

from neuro.validation import Floats

__all__ = ["VersionCache"]


class VersionCache:
    """The last matrix, and the version of the crossbar that it belongs to."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._matrix: Floats | None = None

    def get(self, version: int, compute: Callable[[], Floats]) -> Floats:
        """The matrix of this version: one object until the version changes."""
        if self._matrix is None or self._version != version:
            self._version, self._matrix = version, compute()
        return self._matrix
