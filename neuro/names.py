"""Dictionaries by name: an unknown name is refused with the names that resemble it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from neuro.errors import UnknownName

__all__ = ["Named"]

T = TypeVar("T")


class Named(dict[str, T]):
    """A dictionary whose ``[name]`` raises `UnknownName`, which is a KeyError, where it has no such name.

    >>> found = Named("population", {"input": 3, "cell": 5})
    >>> found["cell"], found.get("cel"), "cel" in found
    (5, None, False)
    >>> found["cel"]
    Traceback (most recent call last):
    neuro.errors.UnknownName: no population is called 'cel'. Did you mean 'cell'? Known: cell, input
    """

    def __init__(self, kind: str, entries: Mapping[str, T] | None = None) -> None:
        super().__init__(entries or {})
        self.kind = kind

    def __missing__(self, name: object) -> T:
        raise UnknownName(self.kind, name, self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, dict(self))
