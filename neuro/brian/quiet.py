"""Keeps silent what Brian2's imports say of pyparsing's new names, which is no concern of a user."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Brian2 without warnings of old names; those of others stay."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*deprecated", category=DeprecationWarning)
        yield
