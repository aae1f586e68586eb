"""Constraints on the weights of layers in training: one sign for each neuron, and a fixed number of synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import ParameterError
from neuro.randomness import stream
from neuro.training.library import import_torch
from neuro.validation import number, positive, shown

__all__ = ["Constraint", "Dale", "Rewiring", "state_of"]


@dataclass(frozen=True, eq=False)
class Dale:
    """Dale's law: all synapses of a neuron have one sign, which training cannot change.

    Weights begin with their magnitude and that sign. A weight that a step of training takes beyond zero is set to zero.

    Parameters
    ----------
    excitatory
        Which neurons of the layer are excitatory, shape (neurons,); the others are inhibitory.
    inputs
        The same of the inputs, shape (inputs,); None: their synapses have any signs.

    Raises
    ------
    ParameterError
        If it is no flat array of True and False.

    >>> Dale([True, True, False]).excitatory
    [True, True, False]
    """

    excitatory: ArrayLike
    inputs: ArrayLike | None = None

    def __post_init__(self) -> None:
        for name in ("excitatory", "inputs"):
            given = getattr(self, name)
            if given is not None and (np.ndim(given) != 1 or np.asarray(given).dtype != np.bool_):
                raise ParameterError("must be flat, of True and False", where=f"Dale.{name}", value=shown(given))

    def start(self, layer: Any, seed: int) -> None:
        """Give each weight its neuron's sign.

        Raises
        ------
        ParameterError
            If there are more or fewer neurons in the layer.
        """
        torch = import_torch()
        for name, given in (("r", self.excitatory), ("w", self.inputs)):
            weight = getattr(layer, name)
            if given is None or weight is None:
                continue
            if len(np.asarray(given)) != len(weight):
                value = len(np.asarray(given))
                raise ParameterError(f"must have {len(weight)} entries", where="Dale", value=value)
            sign = torch.from_numpy(np.where(np.asarray(given), 1, -1).astype(np.int8))[:, None]
            layer.source_sign[name] = sign
            with torch.no_grad():
                weight.copy_(weight.abs() * sign)

    def after(self, layer: Any, optimizer: Any, draw: tuple[int, int]) -> None:
        """Set weights of the wrong sign to zero."""
        torch = import_torch()
        for name, sign in layer.source_sign.items():
            weight = getattr(layer, name)
            with torch.no_grad():
                weight.masked_fill_(weight * sign < 0, 0.0)


@dataclass(frozen=True, eq=False)
class Rewiring:
    """Few synapses, whose number stays the same: those that a step takes beyond zero are replaced by others.

    A synapse keeps the sign with which it was made. If its weight crosses zero it is removed, and another pair of
    neurons gets one, drawn from those that the network began with. Its weight is zero; its sign is that of its neuron
    if `Dale` is a constraint too, else a drawn one. Each step also brings every weight nearer to zero. Source: Bellec
    et al., Deep Rewiring, ICLR 2018; without the noise on weights.

    Parameters
    ----------
    density
        Share of the synapses that the layer begins with which it keeps, above 0 and at most 1.
    shrink
        What each step takes off the magnitude of a weight, in units of the learning rate.

    Raises
    ------
    ParameterError
        If a number is out of its range.

    >>> Rewiring(0.2).density
    0.2
    """

    density: float
    shrink: float = 1e-3

    def __post_init__(self) -> None:
        if number(self.density, "Rewiring.density", check=positive) > 1.0:
            raise ParameterError("must be at most 1", where="Rewiring.density", value=self.density)
        number(self.shrink, "Rewiring.shrink", check=positive, zero=True)

    def start(self, layer: Any, seed: int) -> None:
        """Draw the synapses to begin with, from those of the layer; weights grow so that sums keep their spread."""
        torch = import_torch()
        for name in ("w", "r"):
            weight, mask = getattr(layer, name), getattr(layer, f"{name}_mask")
            if weight is None:
                continue
            allowed = np.flatnonzero(mask.numpy().ravel())
            kept = max(1, round(self.density * len(allowed))) if len(allowed) else 0
            chosen = stream(seed, "rewiring", name, "start").permutation(allowed)[:kept]
            layer.allowed[name] = mask.clone()
            mask.zero_()
            mask.view(-1)[torch.from_numpy(chosen)] = True
            with torch.no_grad():
                weight.mul_(mask * self.density**-0.5)
            sign = layer.source_sign.get(name, torch.sign(weight.detach()).to(torch.int8))
            layer.sign[name] = sign.expand(weight.shape).clone()

    def after(self, layer: Any, optimizer: Any, draw: tuple[int, int]) -> None:
        """Replace synapses whose weights have crossed zero."""
        torch = import_torch()
        rate = optimizer.param_groups[0]["lr"]
        for name, allowed in layer.allowed.items():
            weight, mask, sign = getattr(layer, name), getattr(layer, f"{name}_mask"), layer.sign[name]
            with torch.no_grad():
                weight.sub_(self.shrink * rate * torch.sign(weight))
                crossed = mask & (weight * sign < 0)
                count = int(crossed.sum())
                if not count:
                    continue
                rng = stream(draw[0], "rewiring", name, str(draw[1]))
                free = np.flatnonzero((allowed & ~mask).numpy().ravel())
                new = torch.from_numpy(rng.permutation(free)[:count])
                # Where fewer pairs are free, some synapses stay, with a weight of zero.
                gone = torch.from_numpy(np.flatnonzero(crossed.numpy().ravel()))
                weight.view(-1)[gone] = 0.0
                mask.view(-1)[gone[: len(new)]] = False
                mask.view(-1)[new] = True
                weight.view(-1)[new] = 0.0
                if name not in layer.source_sign:
                    drawn = rng.integers(0, 2, len(new)) * 2 - 1
                    sign.view(-1)[new] = torch.from_numpy(drawn.astype(np.int8))
                for moment in ("exp_avg", "exp_avg_sq"):
                    optimizer.state[weight][moment].view(-1)[torch.cat([gone, new])] = 0.0


Constraint = Dale | Rewiring


def state_of(module: Any) -> list[tuple[str, Any]]:
    """What rewiring changes beside weights: names and tensors of the synapses that there are, and of their signs."""
    found = []
    for place, layer in module.named_modules():
        for name in getattr(layer, "allowed", {}):
            found += [
                (f"{place}.{name}_mask", getattr(layer, f"{name}_mask")),
                (f"{place}.{name}_sign", layer.sign[name]),
            ]
    return found
