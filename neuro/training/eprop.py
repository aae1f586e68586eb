"""E-prop: the gradient of a layer computed forward in time, from a signal and a trace at each synapse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuro.errors import InputError
from neuro.training.kernels import Cells, online
from neuro.training.library import import_torch
from neuro.validation import Floats

if TYPE_CHECKING:
    from neuro.training.layer import SpikingLayer

__all__ = ["online_gradient"]


def online_gradient(layer: SpikingLayer, inputs: NDArray[Any], signal: NDArray[Any]) -> tuple[Floats, Floats | None]:
    """The gradients by the input and the recurrent weights that a synapse can compute by itself (e-prop).

    Each synapse has a trace of v and one of each slow current of its target. In every step the trace, times the
    surrogate derivative, times the learning signal of the target, is added up. This is the backward pass without the
    path through recurrent weights (`Surrogate(recurrent=False)`), which takes far less time and is what tasks train
    with. Source: Bellec et al., Nature Communications 2020. The penalty on potentials is not in it.

    Parameters
    ----------
    layer
        A layer in doubles.
    inputs
        Spikes of the inputs, (steps, sequences, inputs).
    signal
        Derivatives of the loss by each spike, (steps, sequences, neurons).

    Raises
    ------
    InputError
        If the shapes do not fit.
    """
    torch = import_torch()
    steps, batch, _ = np.shape(inputs)
    if np.shape(signal) != (steps, batch, layer.size):
        raise InputError("must have the shape (steps, sequences, neurons)", where="signal", value=np.shape(signal))
    with torch.no_grad():
        spikes = layer(torch.from_numpy(np.asarray(inputs, np.float64))).numpy()
        parts = (layer.drive, layer.dt / layer.tau_m, layer.v_th, 1.0 - layer.dt / layer.tau, layer.jump * layer.jumps)
        follow = layer.jump.new_empty((0, layer.size)) if layer.follow is None else layer.follow
        cells = Cells(*(each.contiguous().numpy() for each in (*parts, follow)))
    sources = [np.asarray(inputs, np.float64)]
    if layer.r is not None:
        sources.append(np.concatenate([np.zeros_like(spikes[:1]), spikes[:-1]]))
    heard = np.ascontiguousarray(np.concatenate(sources, axis=2))
    grad, how = np.zeros((heard.shape[2], layer.size)), layer.surrogate
    online(heard, np.asarray(signal, np.float64), cells, how.currents, how.height, spikes, layer.margin.numpy(), grad)
    first = np.shape(inputs)[2]
    by_w = grad[:first] * layer.w_mask.numpy()
    return by_w, None if layer.r is None else grad[first:] * layer.r_mask.numpy()
