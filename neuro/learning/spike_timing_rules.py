"""Rules for spiking layers that learn from single spikes while the network runs, not from counts of whole phases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from neuro.engine.plasticity.state import Rule
from neuro.engine.recording import Spikes
from neuro.engine.trials.run import run_trials
from neuro.errors import ParameterError
from neuro.learning.clamp import Clamp
from neuro.learning.layer_rules import Changes, Phase
from neuro.learning.layers import Answer, LayerWeights, SpikingLayers
from neuro.learning.spike_pairs import change_of_pairs, change_of_steady_source
from neuro.learning.spike_rules import STDP, EventLocal
from neuro.validation import Floats, field_of, number, positive

__all__ = ["EventPropagation", "GatedSTDP"]


@dataclass(frozen=True, kw_only=True)
class _FromSpikes(ABC):
    """What both rules have: spikes of all phases, and the sum of what they change by a rule for pairs in each."""

    network: ClassVar[type] = SpikingLayers
    """The networks that learn by it."""

    @abstractmethod
    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """The phases that go on from the free one."""

    @abstractmethod
    def gates(self, network: SpikingLayers, phases: Sequence[Phase]) -> list[tuple[Rule, float, float]]:
        """For each phase its rule for pairs, and in which part of the phase it is at work, s from the phase's start."""

    def learn(
        self,
        network: SpikingLayers,
        weights: LayerWeights,
        inputs: Floats,
        targets: Floats,
        rng: np.random.Generator,
        workers: int = 1,
    ) -> tuple[Answer, Changes, Floats]:
        """As `LearnsFromSpikes.learn`."""
        phases = self.phases(rng)
        free, _ = network.learn(weights, inputs, targets, (), workers=workers)
        outputs = free.activities[-1]
        began, full = network.free[0] * network.tick, 1.0 / network.tick
        sizes, count = network.sizes[1:], len(inputs)
        matrices = [np.zeros(shape) for shape in pairwise(network.sizes)]
        biases, spoken = [np.zeros(size) for size in sizes], np.zeros(sizes[-1])
        gates = [(gate.pair_rule(), began + start, began + stop) for gate, start, stop in self.gates(network, phases)]
        shown = recorded(network, weights, inputs, targets, outputs, phases, workers)
        for x, found in zip(inputs, shown, strict=True):
            for (rule, start, stop), layers in zip(gates, found, strict=True):
                for layer, (spikes, size) in enumerate(zip(layers, sizes, strict=True)):
                    steady = change_of_steady_source(rule, spikes, size, full, start, stop) / count
                    biases[layer] += steady
                    if layer == 0:
                        matrices[0] += np.outer(x, steady)
                    else:
                        shape = sizes[layer - 1], size
                        moved = change_of_pairs(rule, layers[layer - 1], spikes, shape, start, stop)
                        matrices[layer] += moved / count
                spoken += layers[-1].window(start, stop).counts(sizes[-1])
        return free, (matrices, biases), spoken


@dataclass(frozen=True, kw_only=True)
class EventPropagation(_FromSpikes):
    """Equilibrium propagation event by event: every spike of a nudged phase changes the weights, by `EventLocal`.

    From the free state the outputs are nudged to either side. All the while each spike changes the weights of its
    neuron by the difference of two traces of the other's: a fast one, which follows the nudge, and a slow one, which
    remembers what was before. No phase has to be kept for comparison: a synapse needs nothing but these traces. The
    changes go to registers, and are written after a mini-batch; until then weights stay as they are. Inputs and biases
    are constant currents, and count as steady sources.

    >>> EventPropagation(beta=0.5).phases(np.random.default_rng(0))
    (Phase(nudge=0.5, weight=1.0, held=1.0), Phase(nudge=-0.5, weight=-1.0, held=1.0))
    """

    beta: float = 1.0
    """Strength of the nudge, in drive for each unit of activity."""
    fast: float = 3.0
    """Time constant of the traces that follow a nudge, ticks."""
    slow: float = 30.0
    """Time constant of the traces that remember what was before, ticks."""

    def __post_init__(self) -> None:
        for key in ("beta", "fast", "slow"):
            field_of(self, key, number, check=positive)
        if self.fast > self.slow:
            rule = "`fast` must not be longer than `slow`: changes would have the wrong sign"
            raise ParameterError(rule, where="EventPropagation", value=f"{self.fast} and {self.slow} ticks")

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`."""
        return Phase(self.beta, 0.5 / self.beta), Phase(-self.beta, -0.5 / self.beta)

    def gates(self, network: SpikingLayers, phases: Sequence[Phase]) -> list[tuple[Rule, float, float]]:
        """`EventLocal` during each nudge, half as fast in each."""
        tick, length = network.tick, network.nudged[0] * network.tick
        rules = [
            EventLocal(
                rate=0.5,
                beta=float(phase.nudge or 0.0),
                tau_fast=self.fast * tick,
                tau_slow=self.slow * tick,
                full=1.0 / tick,
                window=length,
            )
            for phase in phases
        ]
        return [(rule, 0.0, length) for rule in rules]


@dataclass(frozen=True, kw_only=True)
class GatedSTDP(_FromSpikes):
    """Contrastive divergence by gated STDP: its sign says if outputs are held or free.

    Two spikes dt apart change their weight by exp(-dt/tau), in either order. A global signal gates this: +1 while the
    outputs are held to the target, -1 while they are free, 0 in the first part of each phase, in which the network
    finds its new state. For steady activities that is r_i r_j held - r_i r_j free, which `ContrastiveHebbian` has from
    counts; spikes that come close together count for more. Inputs stay as they are in both phases, so the network
    learns the outputs that belong to an input, and not how likely the input is. Changes are written after a mini-batch.
    Inputs and biases are constant currents, and count as steady sources.

    Source: Neftci et al., Frontiers in Neuroscience 2014.

    >>> GatedSTDP().phases(np.random.default_rng(0))
    (Phase(nudge=None, weight=1.0, held=1.0), Phase(nudge=0.0, weight=-1.0, held=1.0))
    """

    tau: float = 2.0
    """Time constant of pairs, ticks."""

    def __post_init__(self) -> None:
        field_of(self, "tau", number, check=positive)

    def phases(self, rng: np.random.Generator) -> tuple[Phase, ...]:
        """As `LayerRule.phases`."""
        return Phase(None, 1.0), Phase(0.0, -1.0)

    def gates(self, network: SpikingLayers, phases: Sequence[Phase]) -> list[tuple[Rule, float, float]]:
        """`STDP`, alike in both orders, with the sign of the gate; steady activities count as their product."""
        start, stop = network.nudged[1] * network.tick, network.nudged[0] * network.tick
        tau = self.tau * network.tick
        unit = network.tick**2 / (2.0 * tau * (stop - start))
        found: list[tuple[Rule, float, float]] = []
        for phase in phases:
            jump = phase.weight * unit
            found.append((STDP(a_plus=jump, a_minus=-jump, tau_plus=tau, tau_minus=tau), start, stop))
        return found


def recorded(
    network: SpikingLayers,
    weights: LayerWeights,
    inputs: Floats,
    targets: Floats,
    outputs: Floats,
    phases: Sequence[Phase],
    workers: int = 1,
) -> Iterator[list[list[Spikes]]]:
    """For each example, by phase and layer, all spikes from the start of the free phase to the end of the phase.

    Parameters
    ----------
    outputs
        Activities of the outputs in the free phases, shape (examples, outputs), on which nudges depend.
    """
    program, currents = network.programmed(weights), network.currents(weights, inputs)
    names = [f"layer{layer}" for layer in range(1, len(network.sizes))]
    start, length = network.free[0] * network.tick, network.nudged[0] * network.tick
    clamp = Clamp(names[-1], "hard", 1.0 / network.tick)

    away = (targets - outputs) / network.tick
    nudged = [[*currents[:-1], currents[-1] + (phase.nudge or 0.0) * away] for phase in phases]

    def trial(k: int) -> dict[str, Any]:
        branches: list[dict[str, Any]] = []
        for phase, moved in zip(phases, nudged, strict=True):
            branch: dict[str, Any] = {"inputs": network.inputs_of(moved, k), "duration": length}
            if phase.nudge is None:
                branch["clamp"] = clamp.toward(targets[k], start=start, stop=start + length)
            branches.append(branch)
        return {"inputs": network.inputs_of(currents, k), "then": branches}

    trials = (trial(k) for k in range(len(inputs)))
    for free, *found in run_trials(program, start, trials, workers=workers):
        before = [free.spikes[name] for name in names]
        yield [[_joined(old, each.spikes[name]) for old, name in zip(before, names, strict=True)] for each in found]


def _joined(first: Spikes, second: Spikes) -> Spikes:
    """Spikes of one run and of the one that goes on from its end."""
    return Spikes.in_order(np.concatenate([first.times, second.times]), np.concatenate([first.ids, second.ids]))
