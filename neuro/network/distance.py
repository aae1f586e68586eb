"""Distances between neurons with positions, and functions of distance: `Gaussian`, `Exponential`, `Linear`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import ParameterError
from neuro.validation import SMALLEST, Floats, finite, frozen, number_field, positive

__all__ = ["Exponential", "Gaussian", "Linear", "OfDistance", "check_extent", "distances", "positions_of"]

OfDistance = Callable[[Floats], ArrayLike]
"""A function of an array of distances, m, that gives an array of one number for each."""


@dataclass(frozen=True)
class Gaussian:
    """peak exp(-d^2 / (2 sd^2)) at the distance d: NEST's ``nest.spatial_distributions.gaussian``.

    >>> float(Gaussian(sd=1e-3, peak=0.5)(np.array([0.0]))[0])
    0.5
    """

    sd: float
    """Width, m."""
    peak: float = 1.0
    """Value at distance zero."""

    def __post_init__(self) -> None:
        _check(self)

    def __call__(self, distance: Floats) -> Floats:
        """The value at each distance, m."""
        return self.peak * np.exp(-0.5 * (distance / self.sd) ** 2)


@dataclass(frozen=True)
class Exponential:
    """peak exp(-d / length) at the distance d: NEST's ``nest.spatial_distributions.exponential``.

    >>> float(Exponential(length=1e-3, peak=0.5)(np.array([0.0]))[0])
    0.5
    """

    length: float
    """Distance over which the value falls to 1/e, m."""
    peak: float = 1.0
    """Value at distance zero."""

    def __post_init__(self) -> None:
        _check(self)

    def __call__(self, distance: Floats) -> Floats:
        """The value at each distance, m."""
        return self.peak * np.exp(-distance / self.length)


@dataclass(frozen=True)
class Linear:
    """offset + per_metre d at the distance d; as a delay, `per_metre` is one over the speed of conduction.

    >>> (Linear(offset=1e-3, per_metre=1 / 0.3)(np.array([0.0, 3e-3])) * 1e3).round(6).tolist()
    [1.0, 11.0]
    """

    offset: float
    """Value at distance zero."""
    per_metre: float
    """What each metre adds."""

    def __post_init__(self) -> None:
        _check(self)

    def __call__(self, distance: Floats) -> Floats:
        """The value at each distance, m."""
        return self.offset + self.per_metre * distance


def _check(record: Gaussian | Exponential | Linear) -> None:
    for field in fields(record):
        if field.name in ("sd", "length"):
            number_field(record, field.name, positive, unit="m")
        else:
            number_field(record, field.name)


def positions_of(value: ArrayLike, size: int, where: str) -> Floats:
    """Positions as an array of shape (size, 1..3), m, read-only; a flat array is one dimension.

    >>> positions_of([0.0, 1e-3], 2, "positions").shape
    (2, 1)
    """
    array = np.array(finite(value, where))
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != size or array.shape[1] not in (1, 2, 3):
        rule = f"positions must have shape ({size}, 1), ({size}, 2) or ({size}, 3), in metres"
        raise ParameterError(rule, where=where, value=f"shape {np.shape(value)}")
    return frozen(array)


def check_extent(value: ArrayLike | None, where: str) -> Floats | None:
    """The extent of periodic space: one length, or one for each dimension, m; None: space does not repeat."""
    if value is None:
        return None
    extent = finite(value, where, infinite=True)
    if extent.ndim > 1 or not extent.size or np.any(extent < SMALLEST):
        raise ParameterError("must be one length above zero, or one for each dimension", where=where, value=value)
    return extent


def distances(one: Floats, other: Floats, extent: Floats | None = None) -> Floats:
    """Distances of positions, whose last axis is the dimension; in periodic space, those of the nearest images.

    >>> float(distances(np.array([0.1, 0.0]), np.array([0.9, 0.0]), np.array(1.0)).round(6))
    0.2
    """
    apart = one - other
    if extent is not None:
        apart -= np.where(np.isinf(extent), 0.0, extent) * np.rint(apart / extent)
    far: Floats = np.sqrt(np.einsum("...d,...d->...", apart, apart))
    return far
