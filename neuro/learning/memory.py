"""A spiking associative memory: integrate-and-fire neurons, all connected to all by one crossbar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import Any, NamedTuple

import numpy as np

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.factory import Crossbar
from neuro.engine.lower.program import Program, build
from neuro.engine.recording import Current, Recording
from neuro.engine.run import run
from neuro.engine.trials.requests import Counts
from neuro.engine.trials.run import run_trials
from neuro.errors import ParameterError
from neuro.learning.clamp import AppliedClamp, Clamp
from neuro.learning.holders import Arrays, CrossbarHolder, DigitalHolder, Holder
from neuro.learning.layer_rules import Phase
from neuro.learning.layers import Answer, LayerWeights, check_weights
from neuro.network.graph import Network, Population
from neuro.network.neurons import IF
from neuro.system.interrupts import raise_interrupts
from neuro.units import ms
from neuro.validation import LONG, Floats, field_of, instance, number, positive, seconds, whole_number

__all__ = [
    "AssociativeMemory",
    "Recall",
    "clamped",
    "compile_recall",
    "lower",
    "present",
    "recall",
    "with_matrix",
]

NAME = "memory"
PROJECTION = "memory->memory"


@dataclass(frozen=True, kw_only=True)
class AssociativeMemory:
    """A recurrent memory of `size` neurons; times in seconds.

    dv_i/dt = (1 + u_i) / (2 tick),  u_i = gain (sum_j W_ij (2 y_j - 1) + c_i): threshold 1, reset to 0. y_j is
    neuron j's spike trace, which at one spike a tick comes to 1 just after each; c_i = +-1 is the cue while it lasts.
    The term -sum_j W_ij is a bias, which one read of all rows of the same devices gives.

    `fit` trains it by `ContrastiveHebbian` or `CoupledLearning` with s = 2 r - 1 in place of the activity r: inputs are
    cues and targets patterns, both of 0 and 1. One matrix (size, size) holds W in units of `unit`; as numbers it begins
    at zero. Learning rates are in units of W. There is no synapse from a neuron to itself.

    Source: Yi et al., Nature Electronics 2022, for the training on crossbars.

    >>> import neuro as nr
    >>> patterns = np.array([[1, 0, 1, 0, 1, 0], [1, 1, 1, 0, 0, 0]])
    >>> cues = np.abs(np.repeat(patterns, 6, axis=0) - np.tile(np.eye(6), (2, 1)))
    >>> examples = nr.Examples(cues, np.repeat([0, 1], 6), np.repeat(patterns, 6, axis=0))
    >>> plan = nr.Schedule(epochs=30, rates=(0.08,), last=0.25, fall="linear", batch=12, momentum=0.0)
    >>> memory = AssociativeMemory(size=6)
    >>> fitted = nr.fit(memory, examples, nr.ContrastiveHebbian(), plan)
    >>> fitted.training[0] < fitted.training[-1]
    True
    >>> memory.answer(fitted.weights, cues[:1]).activities[0].round().astype(int).tolist()
    [[1, 0, 1, 0, 1, 0]]
    """

    size: int
    tick: float = 1 * ms
    """Unit of time of the equations; one spike a tick, which takes u = 3, counts as full activity."""
    gain: float = 3.0
    """Factor of the sum of W (2 y - 1), and of a cue, in u."""
    tau: float = 2 * ms
    """Time constant of the spike traces."""
    delay: float = 0.25 * ms
    """From a spike to its effect."""
    refractory: float = 0.5 * ms
    """Absolute refractory time."""
    v_min: float = -0.5
    """Lowest v of a silent neuron."""
    cue_time: float = 5 * ms
    """How long the cue is on."""
    duration: float = 30 * ms
    """Of one recall."""
    counted: float = 15 * ms
    """The last part of it, in which spikes are counted; one a tick is full activity."""
    own_bias: bool = False
    """Does each neuron learn a bias in u of its own, as a weight from a neuron that is always active?"""

    def __post_init__(self) -> None:
        whole_number(self.size, "AssociativeMemory.size", least=1)
        for key in ("tick", "tau", "cue_time", "duration", "counted"):
            field_of(self, key, number, check=seconds, long=LONG)
        for key in ("delay", "refractory"):
            field_of(self, key, number, check=seconds, zero=True, long=LONG)
        field_of(self, "gain", number, check=positive)
        field_of(self, "v_min", number)
        instance(self.own_bias, "AssociativeMemory.own_bias", bool, "True or False")
        if not 0 < self.counted <= self.duration or not 0 < self.cue_time <= self.duration:
            raise ParameterError(
                "cue and count must fit into a recall",
                where="AssociativeMemory",
                value=f"cue_time={self.cue_time}, counted={self.counted}, duration={self.duration}",
            )

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """As `Layers.sizes`: each neuron has an input, its cue, and is an output."""
        return self.size, self.size

    @property
    def unit(self) -> float:
        """Synaptic weight, per second, that stands for W = 1: what a spike adds to dv/dt.

        >>> round(AssociativeMemory(size=60).unit * 1e-3, 6)
        1.180408
        """
        return self.gain * (1.0 - exp(-self.tick / self.tau)) / self.tick

    def programmed(self, weights: LayerWeights) -> Program:
        """The network with these weights, ready to run."""
        check_weights(weights, self.sizes)
        return with_matrix(self._untaught, self, weights.matrices[0], weights.biases[0])

    def answer(self, weights: LayerWeights, inputs: Floats, *, workers: int = 1) -> Answer:
        """As `Layers.answer`: recalls from cues."""
        found = recall(self.programmed(weights), self, inputs, workers=workers)
        return Answer([found.activity], found.spikes)

    def learn(
        self, weights: LayerWeights, inputs: Floats, targets: Floats, phases: Sequence[Phase], *, workers: int = 1
    ) -> tuple[Answer, list[list[Floats]]]:
        """As `Layers.learn`: a recall, and phases in which all neurons are held. These do not depend on the weights."""
        free, found = self.answer(weights, inputs, workers=workers), []
        for phase in phases:
            if phase.nudge is None:
                found.append([self._held(phase.held_at(free.activities[0], targets), workers)])
            elif phase.nudge == 0.0:
                found.append(free.activities)
            else:
                remedy = "Take ContrastiveHebbian or CoupledLearning"
                raise ParameterError(
                    "a memory is held at its target or free", where="rule", value=f"nudge={phase.nudge}", remedy=remedy
                )
        return free, found

    def holder(self, seed: int, weights: LayerWeights | None, arrays: Arrays | None) -> Holder:
        """As `OwnWeights.holder`."""
        if arrays is not None:
            return CrossbarHolder(self.sizes, arrays)
        none = LayerWeights((np.zeros(self.sizes),), (np.zeros(self.size),))
        return DigitalHolder(self.sizes, none if weights is None else weights)

    def change_of(
        self, phases: Sequence[Phase], inputs: Floats, found: Sequence[Sequence[Floats]]
    ) -> tuple[list[Floats], list[Floats]]:
        """As `OwnWeights.change_of`: sum_p w_p <s_i s_j>, with s = 2 r - 1."""
        signs = [(phase.weight, 2.0 * each[0] - 1.0) for phase, each in zip(phases, found, strict=True)]
        matrix = np.asarray(sum(weight * (s.T @ s) for weight, s in signs)) / len(inputs)
        np.fill_diagonal(matrix, 0.0)
        bias = np.zeros(self.size)
        if self.own_bias:
            bias = np.asarray(sum(weight * s.mean(axis=0) for weight, s in signs))
        return [self.unit * matrix], [bias]

    @cached_property
    def _untaught(self) -> Program:
        return lower(self, Crossbar(np.zeros(self.sizes)))

    @cached_property
    def _known(self) -> dict[bytes, Floats]:
        """Activities of patterns that were held before."""
        return {}

    def _held(self, wanted: Floats, workers: int) -> Floats:
        """Activities while neurons are held at those that are wanted, shape (examples, neurons)."""
        keys = [row.tobytes() for row in np.ascontiguousarray(wanted)]
        if len(self._known) + len(keys) > MOST_KNOWN:
            self._known.clear()
        new = dict(zip(keys, wanted, strict=True))
        new = {key: row for key, row in new.items() if key not in self._known}
        if new:
            shown = clamped(self._untaught, self, np.array([*new.values()]), workers=workers)
            self._known.update(zip(new, shown.activity, strict=True))
        return np.array([self._known[key] for key in keys])


MOST_KNOWN = 4096
"""Patterns whose activities a memory keeps."""


class Recall(NamedTuple):
    """Recalls from some cues: activity, shape (cues, neurons), and the number of spikes of each recall."""

    activity: Floats
    spikes: Floats

    @property
    def bits(self) -> Floats:
        """The recalled patterns, 0 or 1."""
        return (self.activity > 0.5).astype(np.float64)


def lower(memory: AssociativeMemory, crossbar: AbstractCrossbar) -> Program:
    """The memory's network on these devices, ready to run; its crossbar holds W in units of `unit`."""
    network = Network()
    cells = network.add(
        Population(
            NAME,
            memory.size,
            IF(v_th=1.0, tau_syn=memory.tau, refractory=memory.refractory, v_min=memory.v_min),
        )
    )
    network.connect(cells, cells, crossbar, delay=memory.delay, name=PROJECTION)
    return with_matrix(build(network), memory, crossbar.effective_weights())


def with_matrix(program: Program, memory: AssociativeMemory, weights: Floats, bias: Floats | float = 0.0) -> Program:
    """The same program with these weights, in units of `unit`, and the bias that a read of all rows of them gives.

    `bias` adds a number of its own to u of each neuron.
    """
    resting = 0.5 * memory.gain / (memory.unit * memory.tick) * weights.sum(axis=0)
    own = 0.5 * memory.gain / memory.tick * np.asarray(bias)
    return program.with_weights({PROJECTION: weights}).with_bias({NAME: 0.5 / memory.tick - resting + own})


def cue_currents(memory: AssociativeMemory, cues: Floats) -> Iterator[Current]:
    """Each of the cues (0 or 1), shape (cues, neurons), as a current, then silence."""
    times, values = np.array([0.0, memory.cue_time]), np.zeros((len(cues), 2, memory.size))
    values[:, 0] = 0.5 * memory.gain / memory.tick * (2.0 * cues - 1.0)
    return (Current.in_order(times, each) for each in values)


def present(program: Program, memory: AssociativeMemory, cue: Floats, clamp: AppliedClamp | None = None) -> Recording:
    """Run one recall from rest, to look at it: the cue (0 or 1 per neuron) as a current, then silence."""
    (current,) = cue_currents(memory, cue[None])
    return run(program, memory.duration, inputs={NAME: current}, clamp=clamp)


@raise_interrupts()
def recall(program: Program, memory: AssociativeMemory, cues: Floats, *, workers: int = 1) -> Recall:
    """Recall from each of the cues, shape (cues, neurons)."""
    trials = ({"inputs": {NAME: current}} for current in cue_currents(memory, cues))
    return _recalls(program, memory, len(cues), trials, workers)


def _recalls(
    program: Program, memory: AssociativeMemory, count: int, trials: Iterable[Mapping[str, Any]], workers: int
) -> Recall:
    """Activity in the counted part of each trial, and the number of its spikes."""
    whole, last = np.zeros((count, memory.size)), np.zeros((count, memory.size))
    counted = memory.duration - memory.counted, memory.duration
    request = Counts(NAME, [(0.0, memory.duration), counted])
    for k, counts in enumerate(run_trials(program, memory.duration, trials, record=request, workers=workers)):
        whole[k], last[k] = counts[NAME]
    return Recall(np.minimum(last / (memory.counted / memory.tick), 1.0), whole.sum(axis=1))


def compile_recall() -> None:
    """Compile what a recall needs, or read it from the cache: processes that start afterwards find it there."""
    smallest = AssociativeMemory(size=2)
    recall(lower(smallest, Crossbar(np.zeros((2, 2)))), smallest, np.zeros((1, 2)))


@raise_interrupts()
def clamped(program: Program, memory: AssociativeMemory, patterns: Floats, *, workers: int = 1) -> Recall:
    """The clamped phase: every neuron fires once a tick where its pattern is 1, and is silent elsewhere."""
    clamp = Clamp(NAME, "hard", 1.0 / memory.tick)
    trials = ({"clamp": clamp.toward(pattern, start=0.0, stop=memory.duration)} for pattern in patterns)
    return _recalls(program, memory, len(patterns), trials, workers)
