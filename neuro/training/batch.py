"""What a module is trained on and what it gives: inputs and labels, and scores with the spikes behind them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.engine.recording import Spikes
from neuro.errors import InputError
from neuro.validation import Floats, number, seconds, whole_number

__all__ = ["Batch", "Output", "raster_of", "spikes_of"]


class Batch(NamedTuple):
    """Some sequences and what is asked of them."""

    inputs: NDArray[Any]
    """Spikes of the inputs, 0 or 1, of shape (steps, sequences, inputs)."""
    labels: NDArray[np.int64]
    """The right class in each window, of shape (windows, sequences); -1 where none is asked for."""


class Output(NamedTuple):
    """What a module makes of the inputs of a batch, as tensors of torch."""

    scores: Any
    """(windows, sequences, classes): the highest is the answer."""
    spikes: Any
    """(steps, sequences, neurons), 0 or 1; None of a module without spikes."""


def spikes_of(raster: NDArray[Any], dt: float) -> Spikes:
    """The spikes of a raster, (steps, neurons): step t is at t dt seconds.

    Raises
    ------
    InputError
        If the raster has another shape.
    ParameterError
        If `dt` is not above zero.

    >>> spikes_of(np.array([[0, 1], [0, 0], [1, 0]]), dt=1e-3).times
    array([0.   , 0.002])
    """
    step, cells = number(dt, "dt", check=seconds), np.asarray(raster)
    if cells.ndim != 2:
        raise InputError("must have the shape (steps, neurons)", where="raster", value=cells.shape)
    steps, ids = np.nonzero(cells)
    return Spikes(steps * step, ids)


def raster_of(spikes: Spikes, steps: int, size: int, dt: float) -> NDArray[np.bool_]:
    """The raster of spikes, (steps, neurons), with steps of `dt` seconds from time 0.

    Raises
    ------
    InputError
        If a spike lies outside.
    ParameterError
        If `dt`, `steps` or `size` is no such number.

    >>> raster_of(Spikes([0.0, 0.002], [1, 0]), 3, 2, dt=1e-3).astype(int)
    array([[0, 1],
           [0, 0],
           [1, 0]])
    """
    step = number(dt, "dt", check=seconds)
    shape = whole_number(steps, "steps"), whole_number(size, "size")
    raster = np.zeros(shape, np.bool_)
    at: Floats = np.floor(np.asarray(spikes.times) / step + 1e-6)
    ids = np.asarray(spikes.ids)
    if at.size and (at.min() < 0 or at.max() >= shape[0] or ids.min() < 0 or ids.max() >= shape[1]):
        raise InputError(f"must lie within {shape[0]} steps and {shape[1]} neurons", where="spikes")
    raster[at.astype(np.int64), ids] = True
    return raster
