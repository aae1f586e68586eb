"""`torch_function`: the loss of an exact run as a function of weights that torch differentiates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neuro.engine.lower.program import Program, build
from neuro.engine.recording import Spikes
from neuro.engine.run import run
from neuro.errors import InputError, UnknownName, WeightError
from neuro.gradients.gradient import gradient
from neuro.gradients.losses import Loss
from neuro.network.graph import Network
from neuro.training.library import import_torch
from neuro.validation import instance, mapping, number

__all__ = ["torch_function"]


def torch_function(
    program: Network | Program, loss: Loss | Mapping[str, Callable[[Spikes], tuple[float, Any]]]
) -> Callable[..., Any]:
    """A loss of a run as a function of weights that torch can differentiate, exactly (see `gradient`).

    It runs the program with the weights that it is given and returns the loss, as a tensor of one number. So weights
    may come from other modules of torch, be trained by its optimisers, and the loss be one part of another.

    Parameters
    ----------
    program
        What is run. A `Network` is built first.
    loss
        As for `gradient`.

    Returns
    -------
    Callable
        A function ``f(weights, duration, inputs=None)`` of a mapping of tensors (pre, post) by projection, of those
        whose synapses are a matrix; the duration, s; and inputs as for `run`. Projections that are left out keep their
        weights. It cannot be differentiated twice.

    Raises
    ------
    InputError
        If `program` is no network; in the function, if weights or inputs do not fit it.
    MissingPackage
        If torch is not installed.

    >>> import torch
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    >>> link = net.connect("cue", "cell", nr.Dense([[8.0]]), delay=1e-3)
    >>> first = nr.torch_function(net, nr.WeightedSum(nr.FirstSpike(population="cell")))
    >>> weight = torch.tensor([[8.0]], dtype=torch.float64, requires_grad=True)
    >>> time = first({"cue->cell": weight}, 0.05, {"cue": nr.Spikes([2e-3], [0])})
    >>> time.backward()
    >>> round(time.item(), 6), weight.grad.numpy().round(6).tolist()
    (0.007117, [[-0.000995]])
    """
    instance(program, "program", (Network, Program), "a Network or a Program", error=InputError)
    built = program if isinstance(program, Program) else build(program)
    torch = import_torch()

    class ExactLoss(torch.autograd.Function):  # type: ignore[misc,name-defined]
        """The loss of one run, by weights."""

        @staticmethod
        def forward(ctx: Any, duration: float, inputs: Any, names: tuple[str, ...], *weights: Any) -> Any:
            arrays = {name: weight.detach().cpu().numpy() for name, weight in zip(names, weights, strict=True)}
            own = built.with_weights({name: np.asarray(each, np.float64) for name, each in arrays.items()})
            found = gradient(own, run(own, duration, inputs=inputs), inputs=inputs, loss=loss)
            # Tensors that are kept on `ctx` itself would never be freed.
            pairs = zip(names, weights, strict=True)
            ctx.save_for_backward(*(torch.as_tensor(found.weights[name]).to(each) for name, each in pairs))
            return torch.tensor(found.value, dtype=torch.float64)

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(ctx: Any, by_value: Any) -> Any:
            return None, None, None, *(by_value.to(each) * each for each in ctx.saved_tensors)

    def function(weights: Mapping[str, Any], duration: float, inputs: Mapping[str, Any] | None = None) -> Any:
        given = mapping(weights, "weights", "tensors by projection", error=InputError)
        for name, each in given.items():
            if name not in built.weights_at:
                raise UnknownName("projection with a matrix of weights", name, built.weights_at)
            if not isinstance(each, torch.Tensor):
                rule = "must be a tensor of torch"
                raise WeightError(rule, where=f"weights of {name!r}", value=type(each).__name__)
        return ExactLoss.apply(number(duration, "duration", unit="s"), inputs, tuple(given), *given.values())

    return function
