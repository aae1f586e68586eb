"""Networks of layers that settle with symmetric weights: of spiking neurons, and of rates for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from neuro.engine.lower.program import Program, build
from neuro.engine.recording import Current
from neuro.engine.trials.requests import Counts, Nudge
from neuro.engine.trials.run import run_trials
from neuro.errors import ParameterError, WeightError
from neuro.learning.clamp import Clamp
from neuro.learning.layer_rules import Phase
from neuro.network.graph import Network, Population
from neuro.network.neurons import IF
from neuro.network.synapses import Dense
from neuro.randomness import stream
from neuro.units import ms
from neuro.validation import LONG, Floats, choice, field_of, finite, instance, number, positive, seconds, whole_number

__all__ = ["Answer", "LayerWeights", "Layers", "RateLayers", "SpikingLayers"]


class LayerWeights(NamedTuple):
    """Weights of a network of layers."""

    matrices: tuple[Floats, ...]
    """From each layer to the next, shape (pre, post); between layers of neurons they act both ways."""
    biases: tuple[Floats, ...]
    """Of each layer after the inputs, shape (neurons,)."""


class Answer(NamedTuple):
    """What a network does with some inputs."""

    activities: list[Floats]
    """By layer after the inputs, shape (examples, neurons), spikes per tick."""
    spikes: Floats
    """Number of spikes of each example; zero for rates."""


class Layers(Protocol):
    """What a network needs so that `fit` can train it."""

    sizes: tuple[int, ...]
    """Number of inputs, and of the neurons of each layer."""

    def answer(self, weights: LayerWeights, inputs: Floats, *, workers: int = 1) -> Answer:
        """Free phases that last as long as an inference."""

    def learn(
        self, weights: LayerWeights, inputs: Floats, targets: Floats, phases: Sequence[Phase], *, workers: int = 1
    ) -> tuple[Answer, list[list[Floats]]]:
        """The free phases, and the activities of each of the phases that go on from their ends, by layer."""


def first_weights(sizes: Sequence[int], seed: int, share: float = 0.7) -> LayerWeights:
    """Uniform weights of `share` times the width of Glorot and Bengio, and no biases.

    >>> [matrix.shape for matrix in first_weights((64, 128, 10), seed=0).matrices]
    [(64, 128), (128, 10)]
    """
    matrices = []
    for layer, (pre, post) in enumerate(pairwise(sizes)):
        width = share * np.sqrt(6.0 / (pre + post))
        matrices.append(stream(seed, "layers", "weights", str(layer)).uniform(-width, width, (pre, post)))
    return LayerWeights(tuple(matrices), tuple(np.zeros(size) for size in sizes[1:]))


@dataclass(frozen=True, kw_only=True)
class SpikingLayers:
    """Layers of integrate-and-fire neurons that reach each other both ways by the same weights; times in ticks.

    dv/dt = (gain x W_1 + b_1 for the first layer, b_l for the others) + one jump of W for each spike of a neighbouring
    layer after `delay`; threshold 1, reset by subtraction, `refractory` time, floor `v_min`, ceiling `v_max`. The
    inputs x are a constant current: one matrix product for each example, on a crossbar one read of all its rows.
    Activity is spikes per tick under a window of the phase, whose first part is left out.

    >>> layers = SpikingLayers(sizes=(2, 3, 2), free=(20, 5), nudged=(12, 3))
    >>> layers.network.populations["layer2"].size
    2
    """

    sizes: tuple[int, ...]
    """Number of inputs, and of the neurons of each layer; the last are the outputs."""
    tick: float = 1 * ms
    """Unit of time, s."""
    gain: float = 2.0
    """Factor of the inputs' drive."""
    delay: float = 0.5
    """From a spike to its effect, ticks."""
    refractory: float = 0.3
    """Absolute refractory time, ticks; without one, activity does not saturate, and learning fails."""
    v_min: float = -0.5
    """Floor of v."""
    v_max: float = 2.0
    """Ceiling of v."""
    free: tuple[float, float] = (18.0, 7.0)
    """Length of the free phase, and of its first part that is not counted, ticks."""
    nudged: tuple[float, float] = (12.0, 3.0)
    """The same of each phase that goes on from its end."""
    inference: tuple[float, float] = (30.0, 10.0)
    """The same of the free phase that gives an answer."""
    window: Literal["triangle", "flat"] = "triangle"
    """How spikes count between the first part of a phase and its end (see `Counts`)."""

    def __post_init__(self) -> None:
        sizes = check_sizes(self.sizes, "SpikingLayers.sizes")
        object.__setattr__(self, "sizes", sizes)
        field_of(self, "tick", number, check=seconds, long=LONG)
        for key in ("gain", "delay", "v_max"):
            field_of(self, key, number, check=positive)
        field_of(self, "refractory", number, check=positive, zero=True)
        field_of(self, "v_min", number)
        for key in ("free", "nudged", "inference"):
            given = finite(getattr(self, key), f"SpikingLayers.{key}")
            if given.shape != (2,) or not 0.0 <= given[0] - given[1] <= given[0] or given[0] <= given[1]:
                rule = "must be a length and a shorter first part, in ticks"
                raise ParameterError(rule, where=f"SpikingLayers.{key}", value=getattr(self, key))
        choice(self.window, "SpikingLayers.window", ("triangle", "flat"))

    @cached_property
    def network(self) -> Network:
        """The layers as a network, with weights of zero; names are layer1, layer2, ..., up1, down1, ..."""
        pairs = [*pairwise(self.sizes[1:])]
        up, down = [Dense(np.zeros(pair)) for pair in pairs], [Dense(np.zeros(pair[::-1])) for pair in pairs]
        return self.with_synapses(up, down)

    def with_synapses(self, up: Sequence[Any], down: Sequence[Any]) -> Network:
        """The network with these synapses from each layer of neurons to the next, and back."""
        network = Network()
        for layer, size in enumerate(self.sizes[1:], 1):
            model = IF(
                v_th=1.0,
                reset="subtract",
                refractory=self.refractory * self.tick,
                v_min=self.v_min,
                v_max=self.v_max,
            )
            # Neurons that begin alike would fire together.
            start = stream(0, "layers", "v", str(layer)).random(size)
            network.add(Population(f"layer{layer}", size, model, {"v": start}))
        for layer, (there, here) in enumerate(zip(up, down, strict=True), 1):
            low, high, delay = f"layer{layer}", f"layer{layer + 1}", self.delay * self.tick
            network.connect(low, high, there, delay=delay, name=f"up{layer}")
            network.connect(high, low, here, delay=delay, name=f"down{layer}")
        return network

    @cached_property
    def program(self) -> Program:
        """The network, lowered."""
        return build(self.network)

    def programmed(self, weights: LayerWeights) -> Program:
        """The program with these weights between its layers."""
        check_weights(weights, self.sizes)
        return self.joined(weights.matrices[1:])

    def joined(self, matrices: Sequence[Floats]) -> Program:
        """The program with these matrices from each layer of neurons to the next, and back."""
        given: dict[str, Floats] = {}
        for layer, matrix in enumerate(matrices, 1):
            given |= {f"up{layer}": matrix, f"down{layer}": matrix.T}
        return self.program.with_weights(given)

    def currents(self, weights: LayerWeights, inputs: Floats) -> list[Floats]:
        """The constant drive of each layer, per second, shape (examples, neurons)."""
        return self.timed(self.gain * (inputs @ weights.matrices[0]) + weights.biases[0], weights.biases[1:])

    def timed(self, first: Floats, biases: Sequence[Floats]) -> list[Floats]:
        """Drives per second, from those per tick: of the first layer by example, and the biases of the others."""
        rest = [np.broadcast_to(bias, (len(first), len(bias))) for bias in biases]
        return [each / self.tick for each in (first, *rest)]

    def inputs_of(self, currents: Sequence[Floats], example: int) -> dict[str, Current]:
        """What `run` takes for one example."""
        start = np.zeros(1)
        return {f"layer{k}": Current.in_order(start, each[example][None]) for k, each in enumerate(currents, 1)}

    def answer(self, weights: LayerWeights, inputs: Floats, *, workers: int = 1) -> Answer:
        """As `Layers.answer`."""
        currents = self.currents(weights, inputs)
        trials = _Trials(len(inputs), lambda k: {"inputs": self.inputs_of(currents, k)})
        length, request = self.inference[0] * self.tick, self._request(self.inference)
        results = run_trials(self.programmed(weights), length, trials, record=request, workers=workers)
        return self._answers(((each,) for each in results), [(0, self.inference)])[0]

    def learn(
        self, weights: LayerWeights, inputs: Floats, targets: Floats, phases: Sequence[Phase], *, workers: int = 1
    ) -> tuple[Answer, list[list[Floats]]]:
        """As `Layers.learn`: each phase goes on from the free phase's end, with a nudge that depends on its outputs."""
        program, currents = self.programmed(weights), self.currents(weights, inputs)
        before = None
        if any(phase.nudge is None and phase.held != 1.0 for phase in phases):
            # Where the outputs are held depends on their free activity, which is found first.
            before, _ = self.learn(weights, inputs, targets, (), workers=workers)
        held = [_held(phase, targets, before) for phase in phases]
        trials = _Trials(
            len(inputs), lambda k: self._trial(currents, k, targets[k], phases, [each[k] for each in held])
        )
        request = self._request(self.free, self.nudged)
        results = run_trials(program, self.free[0] * self.tick, trials, record=request, workers=workers)
        rows = [(0, self.free), *[(1, self.nudged) for _ in phases]]
        free, *found = self._answers(results if phases else ((each,) for each in results), rows)
        return free, [each.activities for each in found]

    def _trial(
        self, currents: Sequence[Floats], k: int, target: Floats, phases: Sequence[Phase], held: Sequence[Floats]
    ) -> dict[str, Any]:
        """One free phase, and the phases that go on from its end."""
        inputs, last, length = self.inputs_of(currents, k), f"layer{len(self.sizes) - 1}", self.nudged[0] * self.tick
        branches: list[dict[str, Any]] = []
        for phase, activity in zip(phases, held, strict=True):
            run: dict[str, Any] = {"inputs": inputs, "duration": length}
            if phase.nudge is None:
                start = self.free[0] * self.tick
                clamp = Clamp(last, "hard", 1.0 / self.tick)
                run["clamp"] = clamp.toward(activity, start=start, stop=start + length)
            else:
                counted = self.free[0] - self.free[1]
                run["nudge"] = Nudge.checked(last, target * counted, phase.nudge / (self.tick * counted))
            branches.append(run)
        return {"inputs": inputs, **({"then": branches} if branches else {})}

    def _request(self, *spans: tuple[float, float]) -> Counts:
        """Counts under the window of each kind of phase, and all spikes of the run."""
        windows = [(skip * self.tick, length * self.tick) for length, skip in spans]
        longest = 2.0 * max(length for length, _ in spans) * self.tick
        return Counts(window=[*windows, (0.0, longest)], shape=[*[self.window] * len(spans), "flat"])

    def _answers(
        self, results: Iterable[Sequence[Mapping[str, Any]]], rows: Sequence[tuple[int, tuple[float, float]]]
    ) -> list[Answer]:
        """What each phase of all examples gives, from its counts; `rows` has the window and the lengths of each."""
        parts: list[list[list[Floats]]] = [[[np.zeros((0, size)) for size in self.sizes[1:]]] for _ in rows]
        spikes = [[np.zeros(0)] for _ in rows]
        source = iter(results)
        # Counts take more memory than activities.
        while some := list(islice(source, 256)):
            for phase, (row, span) in enumerate(rows):
                names = [f"layer{layer}" for layer in range(1, len(self.sizes))]
                found = [np.array([each[phase][name] for each in some]) for name in names]
                parts[phase].append([each[:, row] / (span[0] - span[1]) for each in found])
                spikes[phase].append(sum((each[:, -1].sum(axis=1) for each in found), np.zeros(len(some))))
        joined = [[np.concatenate(layer) for layer in zip(*phase, strict=True)] for phase in parts]
        return [Answer(each, np.concatenate(total)) for each, total in zip(joined, spikes, strict=True)]


class _Trials:
    """Trials that are made as they are asked for, and whose number is known."""

    def __init__(self, count: int, make: Callable[[int], dict[str, Any]]) -> None:
        self.count, self.make = count, make

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.make, range(self.count))


@dataclass(frozen=True, kw_only=True)
class RateLayers:
    """The same layers with rates in place of spikes: r = f(W r of both neighbours + b), f(u) = max(u, 0) / (1 + q u).

    f is the rate of an integrate-and-fire neuron with the refractory time q. The rates are found by `steps` sweeps
    over the layers, each of which moves every rate by `damping` of its distance to f.

    >>> RateLayers(sizes=(2, 3, 2)).steps
    (40, 20)
    """

    sizes: tuple[int, ...]
    """As `SpikingLayers.sizes`."""
    gain: float = 2.0
    """Factor of the inputs' drive."""
    refractory: float = 0.3
    """Refractory time q, ticks."""
    steps: tuple[int, int] = (40, 20)
    """Sweeps of the free phase, and of each phase that goes on from its end."""
    damping: float = 0.5
    """Share of the way that a sweep moves a rate."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", check_sizes(self.sizes, "RateLayers.sizes"))
        for key in ("gain", "damping"):
            field_of(self, key, number, check=positive)
        field_of(self, "refractory", number, check=positive, zero=True)
        for key, steps in zip(("free", "nudged"), self.steps, strict=True):
            whole_number(steps, f"RateLayers.steps, {key}", least=1)

    def answer(self, weights: LayerWeights, inputs: Floats, *, workers: int = 1) -> Answer:
        """As `Layers.answer`; one thread does it."""
        rates = [np.zeros((len(inputs), size)) for size in self.sizes[1:]]
        return Answer(self._settle(weights, inputs, rates, 2 * self.steps[0]), np.zeros(len(inputs)))

    def learn(
        self, weights: LayerWeights, inputs: Floats, targets: Floats, phases: Sequence[Phase], *, workers: int = 1
    ) -> tuple[Answer, list[list[Floats]]]:
        """As `Layers.learn`; one thread does it."""
        rates = [np.zeros((len(inputs), size)) for size in self.sizes[1:]]
        free = self._settle(weights, inputs, rates, self.steps[0])
        found = []
        for phase in phases:
            rates = [each.copy() for each in free]
            if phase.nudge is None:
                rates[-1] = phase.held_at(free[-1], targets)
                found.append(self._settle(weights, inputs, rates, self.steps[1], held=True))
            else:
                push = phase.nudge * (targets - free[-1])
                found.append(self._settle(weights, inputs, rates, self.steps[1], push=push))
        return Answer(free, np.zeros(len(inputs))), found

    def _settle(
        self,
        weights: LayerWeights,
        inputs: Floats,
        rates: list[Floats],
        steps: int,
        *,
        push: Floats | float = 0.0,
        held: bool = False,
    ) -> list[Floats]:
        """Sweep over the layers, in place."""
        check_weights(weights, self.sizes)
        first = self.gain * (inputs @ weights.matrices[0]) + weights.biases[0]
        last = len(rates) - 1
        for _ in range(steps):
            for layer in range(len(rates) - int(held)):
                drive = first if layer == 0 else rates[layer - 1] @ weights.matrices[layer] + weights.biases[layer]
                if layer < last:
                    drive = drive + rates[layer + 1] @ weights.matrices[layer + 1].T
                else:
                    drive = drive + push
                up = np.maximum(drive, 0.0)
                rates[layer] += self.damping * (up / (1.0 + self.refractory * up) - rates[layer])
        return rates


def _held(phase: Phase, targets: Floats, free: Answer | None) -> Floats:
    """Activities at which a phase holds spiking outputs, shape (examples, outputs), between 0 and 1."""
    if free is None or phase.nudge is not None:
        return targets
    return np.clip(phase.held_at(free.activities[-1], targets), 0.0, 1.0)


def check_sizes(sizes: Sequence[int], where: str) -> tuple[int, ...]:
    """Sizes of layers: the inputs, and at least one layer of neurons."""
    found = tuple(whole_number(size, where, least=1) for size in instance(sizes, where, (tuple, list), "whole numbers"))
    if len(found) < 2:
        raise ParameterError("must be the number of inputs, and of the neurons of each layer", where=where, value=found)
    return found


def check_weights(weights: LayerWeights, sizes: Sequence[int]) -> None:
    """Refuse weights of other layers."""
    wanted = [*pairwise(sizes)], [(size,) for size in sizes[1:]]
    parts = [instance(part, "LayerWeights", (tuple, list), "arrays by layer", error=WeightError) for part in weights]
    found = tuple([finite(each, "LayerWeights", error=WeightError).shape for each in part] for part in parts)
    if found != wanted:
        raise WeightError(f"must fit layers of {tuple(sizes)}", where="LayerWeights", value=found)
