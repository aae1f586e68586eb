"""Modules of torch: a recurrent layer of spiking neurons, and a classifier that reads it in windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.engine.lower.currents import self_currents
from neuro.errors import ParameterError
from neuro.network.graph import Population
from neuro.network.neurons import ALIF
from neuro.randomness import stream
from neuro.training.batch import Output
from neuro.training.library import import_torch
from neuro.training.steps import AllSteps, Surrogate
from neuro.validation import Floats, finite

torch = import_torch()

__all__ = ["SequenceClassifier", "SpikingLayer"]


class SpikingLayer(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Populations of LIF, AHP and ALIF neurons that get spikes and their own ones, in steps of `dt`.

    A step is that of the clocked engine: slow currents decay, v moves toward bias minus slow currents by dt/tau_m and
    jumps by the weights of the spikes, and a neuron above threshold fires and is set to zero. In the backward pass a
    spike has the derivative  height max(0, 1 - |u|)/v_th  with  u = (v - threshold)/v_th, and the reset has none.

    With `couple` slow currents also follow v, as in adaptive neurons with oscillations below threshold:
    tau dx/dt = -x - a v. The step is symplectic Euler: v moves by the old x, x by the new v.

    `nr.to_module` makes one of a network; a weight of zero is no synapse and stays zero.

    Parameters
    ----------
    sources
        The population whose spikes come in.
    populations
        The neurons, in order: they are numbered one after the other.
    w, r
        Weights (inputs, neurons) and (neurons, neurons), units of v; r None: not recurrent.
    dt
        Time step, s.
    learn
        What is learned beside weights: of "bias", "tau", "jump", the latter of slow currents.
    """

    def __init__(
        self,
        sources: Population,
        populations: Sequence[Population],
        w: Floats,
        r: Floats | None,
        dt: float,
        learn: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.sources, self.populations, self.dt = sources, tuple(populations), dt
        self.surrogate = Surrogate()
        self.bits: int | None = None
        self.noise = 0.0
        self.draw = (0, 0)
        self.margin: Any = None
        self.w = torch.nn.Parameter(torch.tensor(w))
        self.r = None if r is None else torch.nn.Parameter(torch.tensor(r))
        self.register_buffer("w_mask", torch.tensor(w != 0))
        self.register_buffer("r_mask", None if r is None else torch.tensor(r != 0))
        for name in ("tau_m", "v_th"):
            self.register_buffer(name, torch.tensor(np.concatenate([p.parameter(name) for p in populations])))
        tau, jump, currents = _modes(populations)
        self.surrogate = self.surrogate._replace(currents=currents)
        self.register_buffer("tau_start", torch.tensor(tau))
        self.tau_shift = torch.nn.Parameter(torch.zeros(tau.shape, dtype=torch.float64), "tau" in learn)
        self.jump = torch.nn.Parameter(torch.tensor(jump), "jump" in learn)
        self.register_buffer("jumps", torch.tensor(jump != 0))
        self.coupling: Any = None
        # Of the weights "w" and "r", where training keeps to constraints (`constraints.py`).
        self.source_sign: dict[str, Any] = {}
        self.allowed: dict[str, Any] = {}
        self.sign: dict[str, Any] = {}
        bias = np.concatenate([p.parameter("bias") / p.parameter("tau_m") for p in populations]) * dt
        self.bias = torch.nn.Parameter(torch.tensor(bias), "bias" in learn)
        self.learn = tuple(learn)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(self.w.shape[1])

    @property
    def tau(self) -> Any:
        """Time constants of the slow currents, (modes, neurons), s."""
        return self.tau_start * torch.exp(self.tau_shift)

    @property
    def drive(self) -> Any:
        """Bias of each neuron as its model has it, units of v; `bias` is what it adds to v in a step."""
        return self.bias / (self.dt / self.tau_m)

    def couple(self, strength: ArrayLike, *, learned: bool = False) -> None:
        """Let slow currents follow v, with strength a: x gains -a (dt/tau) v in each step; a threshold gains as much.

        The engines have no such neuron, so `nr.to_network` refuses a layer with a strength other than zero.

        Parameters
        ----------
        strength
            a of each slow current, without unit: a number, or of shape (modes, neurons).
        learned
            Is it learned?

        Raises
        ------
        ParameterError
            If it has another shape, or the layer has no slow currents.
        """
        given = finite(strength, "couple, strength")
        shape = tuple(self.tau_start.shape)
        if not shape[0] or given.shape not in ((), shape):
            raise ParameterError(f"must be one number or of shape {shape}", where="couple, strength", value=given.shape)
        start = torch.tensor(np.broadcast_to(given, shape).copy(), dtype=self.w.dtype)
        self.coupling = torch.nn.Parameter(start, learned)

    @property
    def follow(self) -> Any:
        """What v adds to each slow current in a step, (modes, neurons), of v; None: nothing."""
        if self.coupling is None:
            return None
        sign = torch.ones(len(self.coupling), 1, dtype=self.w.dtype)
        sign[: self.surrogate.currents] = -1.0
        return sign * self.coupling * (self.dt / self.tau)

    def weights(self) -> tuple[Any, Any]:
        """The weights as they act: without synapses that are not there, rounded to `bits`, with the noise of a step."""
        w = self._as_used(self.w, self.w_mask, "w")
        return w, None if self.r is None else self._as_used(self.r, self.r_mask, "r")

    def forward(self, inputs: Any) -> Any:
        """Spikes (steps, sequences, neurons) to inputs (steps, sequences, inputs).

        `margin` has v - threshold before each reset afterwards.
        """
        w, r = self.weights()
        slow = 1.0 - self.dt / self.tau, self.jump * self.jumps
        spikes, margin = AllSteps.apply(
            inputs, w, r, self.drive, self.dt / self.tau_m, self.v_th, *slow, self.follow, self.surrogate
        )
        self.margin = margin.detach()
        return spikes

    def _as_used(self, weight: Any, mask: Any, name: str) -> Any:
        used = weight * mask
        if self.bits is not None:
            most = 2 ** (self.bits - 1) - 1
            scale = used.detach().abs().max() / most
            used = used + ((used / scale).round() * scale - used).detach()
        if self.training and self.noise:
            drawn = stream(self.draw[0], "weight noise", name, str(self.draw[1])).normal(size=tuple(weight.shape))
            used = used + self.noise * used.detach().abs().max() * torch.tensor(drawn, dtype=weight.dtype) * mask
        return used


class SequenceClassifier(torch.nn.Module):  # type: ignore[misc,name-defined]
    """A layer, and leaky readouts that are read once in each window.

    The score of a class in a window of n steps is  b + sum_t (1 - dt/tau)^(n - 1 - t) s W z_t  over the spikes z of the
    window: what a potential that leaks with `tau` has gained in it.

    Parameters
    ----------
    layer
        The neurons.
    w, b
        Readout weights (neurons, classes) and biases (classes,).
    tau
        Time constant of the readouts, s.
    window
        Steps of a window; None: the whole sequence is one.
    scale
        The factor s; it sets how fast the readout learns.
    """

    def __init__(
        self,
        layer: SpikingLayer,
        w: Floats,
        b: Floats,
        tau: float,
        window: int | None = None,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.layer, self.tau_out, self.window, self.scale = layer, tau, window, scale
        self.readout = torch.nn.Parameter(torch.tensor(w))
        self.offset = torch.nn.Parameter(torch.tensor(b))

    def forward(self, inputs: Any) -> Output:
        """Scores and spikes for inputs (steps, sequences, inputs)."""
        spikes = self.layer(inputs)
        steps, batch, size = spikes.shape
        window = steps if self.window is None else self.window
        leak = (1.0 - self.layer.dt / self.tau_out) ** np.arange(window - 1, -1, -1)
        kernel = torch.tensor(leak * self.scale, dtype=spikes.dtype)
        sums = torch.einsum("swbn,w->sbn", spikes.view(steps // window, window, batch, size), kernel)
        return Output(sums @ self.readout + self.offset, spikes)


def _modes(populations: Sequence[Population]) -> tuple[Floats, Floats, int]:
    """Time constants and jumps, (modes, neurons), with those that are currents first, and the number of these."""
    found = [(isinstance(p.model, ALIF), self_currents(p)) for p in populations]
    currents = max((len(own) for raises, own in found if not raises), default=0)
    raising = max((len(own) for raises, own in found if raises), default=0)
    size = sum(p.size for p in populations)
    tau, jump, first = np.ones((currents + raising, size)), np.zeros((currents + raising, size)), 0
    for p, (raises, own) in zip(populations, found, strict=True):
        for k, (taus, jumps) in enumerate(own, start=currents if raises else 0):
            tau[k, first : first + p.size], jump[k, first : first + p.size] = taus, jumps
        first += p.size
    return tau, jump, currents
