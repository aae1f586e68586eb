"""All steps of a layer as one function that torch can go back through."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neuro.training import kernels
from neuro.training.kernels import Cells
from neuro.training.library import import_torch

torch = import_torch()

__all__ = ["AllSteps", "Surrogate"]


class Surrogate(NamedTuple):
    """How the backward pass goes."""

    height: float = 0.3
    """Height of the triangle that stands for the derivative of a spike by (v - threshold)/v_th."""
    voltage_cost: float = 0.0
    """Weight of the penalty on potentials."""
    low: float = -2.0
    """Below this (v - threshold)/v_th a potential is penalised."""
    high: float = 0.4
    """Above this one too."""
    recurrent: bool = True
    """False: without the path through recurrent weights, which is e-prop."""
    currents: int = 0
    """Modes that drive the potential; the others raise the threshold."""


class AllSteps(torch.autograd.Function):  # type: ignore[misc,name-defined]
    """Spikes and margins, (steps, sequences, neurons), of a layer; only spikes have a gradient.

    Without weights `w`, None, the inputs are what each neuron gets in a step. Nothing but numbers is kept on `ctx`
    itself: an output that is kept there is a cycle that is never freed.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Any,
        w: Any,
        r: Any,
        drive: Any,
        gain: Any,
        threshold: Any,
        keep: Any,
        jump: Any,
        coupling: Any,
        how: Surrogate,
    ) -> Any:
        """Run the steps; without `coupling`, None, slow currents do not follow potentials."""
        steps, batch, _ = inputs.shape
        inputs = inputs.contiguous()
        spikes = inputs.new_empty((steps, batch, len(gain)))
        margin = torch.empty_like(spikes)
        ctx.coupled = coupling is not None
        coupling = coupling if ctx.coupled else jump.new_empty((0, len(gain)))
        learned = any(each.requires_grad for each in (keep, jump, coupling))
        slow = inputs.new_empty((steps, batch, *keep.shape) if learned else (1, 1, 1, 1))
        cells = Cells(*(_array(part) for part in (drive, gain, threshold, keep, jump, coupling)))
        direct = inputs.new_empty((0, len(gain)))
        matrices = _array(direct if w is None else w), _array(direct if r is None else r)
        kernels.forward(
            _array(inputs), *matrices, r is not None, cells, how.currents, spikes.numpy(), margin.numpy(), slow.numpy(),
            learned,
        )  # fmt: skip
        ctx.save_for_backward(inputs, w, r, drive, gain, threshold, keep, jump, coupling, spikes, margin, slow)
        ctx.how, ctx.learned = how, learned
        ctx.mark_non_differentiable(margin)
        return spikes, margin

    @staticmethod
    def backward(ctx: Any, given: Any, _: Any) -> Any:
        """Gradients by inputs, weights, drive, and, where they are learned, slow currents."""
        inputs, w, r, drive, gain, threshold, keep, jump, coupling, spikes, margin, slow = ctx.saved_tensors
        how: Surrogate = ctx.how
        steps, batch, size = spikes.shape
        cells = Cells(*(_array(part) for part in (drive, gain, threshold, keep, jump, coupling)))
        recurrent = r is not None and how.recurrent
        back = _array(r.t()) if recurrent else np.zeros((1, size), spikes.numpy().dtype)
        grad, by_keep, by_jump = torch.empty_like(spikes), torch.zeros_like(keep), torch.zeros_like(jump)
        by_coupling = torch.zeros_like(coupling)
        width = np.array([how.height, 2.0 * how.voltage_cost / (steps * batch), how.low, how.high])
        kernels.backward(
            _array(given), back, recurrent, cells, how.currents, width.astype(cells.gain.dtype), spikes.numpy(),
            margin.numpy(), slow.numpy(), ctx.learned, grad.numpy(), by_keep.numpy(), by_jump.numpy(),
            by_coupling.numpy(),
        )  # fmt: skip
        flat = grad.reshape(-1, size)
        if w is None:
            by_inputs, by_w = grad, None
        else:
            by_inputs = grad @ w.t() if ctx.needs_input_grad[0] else None
            by_w = inputs.reshape(-1, inputs.shape[2]).t() @ flat
        by_r = None if r is None else spikes[:-1].reshape(-1, size).t() @ grad[1:].reshape(-1, size)
        return (
            by_inputs,
            by_w,
            by_r,
            gain * flat.sum(0),
            None,
            None,
            by_keep,
            by_jump,
            by_coupling if ctx.coupled else None,
            None,
        )


def _array(tensor: Any) -> Any:
    """The numbers of a tensor as a whole array."""
    return tensor.detach().contiguous().numpy()
