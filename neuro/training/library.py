"""Imports torch, or says how to install it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from neuro.errors import MissingPackage

__all__ = ["import_torch"]


def import_torch() -> Any:
    """The package torch.

    Raises
    ------
    MissingPackage
        If it is not installed.
    """
    try:
        return import_module("torch")
    except ImportError as problem:
        raise MissingPackage(
            "training needs torch",
            where="neuro.training",
            value=str(problem),
            remedy='pip install "neuro-events[train]"',
        ) from None
