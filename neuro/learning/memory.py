"""A spiking associative memory: integrate-and-fire neurons, all connected to all by one crossbar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import exp
from typing import Any, Literal, NamedTuple

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
from neuro.learning.two_phase import Contrastive
from neuro.network.graph import Network, Population
from neuro.network.neurons import IF
from neuro.system.interrupts import raise_interrupts
from neuro.units import ms
from neuro.validation import LONG, Floats, choice, field_of, number, positive, seconds, whole_number

__all__ = [
    "Memory",
    "Recall",
    "Training",
    "clamped",
    "compile_recall",
    "lower",
    "present",
    "recall",
    "refresh",
    "step",
    "train",
    "weight_unit",
]

NAME = "memory"
PROJECTION = "memory->memory"


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A recurrent memory of `size` neurons; times in seconds.

    dv_i/dt = (1 + u_i) / (2 tick),  u_i = gain (sum_j W_ij (2 y_j - 1) + c_i): threshold 1, reset to 0. y_j is
    neuron j's spike trace, which at one spike a tick comes to 1 just after each; c_i = +-1 is the cue while it lasts.
    The term -sum_j W_ij is a bias, which one read of all rows of the same devices gives.
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

    def __post_init__(self) -> None:
        whole_number(self.size, "Memory.size", least=1)
        for key in ("tick", "tau", "cue_time", "duration", "counted"):
            field_of(self, key, number, check=seconds, long=LONG)
        for key in ("delay", "refractory"):
            field_of(self, key, number, check=seconds, zero=True, long=LONG)
        field_of(self, "gain", number, check=positive)
        field_of(self, "v_min", number)
        if not 0 < self.counted <= self.duration or not 0 < self.cue_time <= self.duration:
            raise ParameterError(
                "cue and count must fit into a recall",
                where="Memory",
                value=f"cue_time={self.cue_time}, counted={self.counted}, duration={self.duration}",
            )


class Recall(NamedTuple):
    """Recalls from some cues: activity, shape (cues, neurons), and the number of spikes of each recall."""

    activity: Floats
    spikes: Floats

    @property
    def bits(self) -> Floats:
        """The recalled patterns, 0 or 1."""
        return (self.activity > 0.5).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Training:
    """Settings of the training: `epochs` updates, each from `cues` distorted cues of every pattern."""

    epochs: int = 200
    cues: int = 4
    rate_first: float = 0.04
    """Learning rate of the first epoch, units of W; it falls linearly to `rate_last`."""
    rate_last: float = 0.002
    max_levels: int = 4
    """Levels that one update may move a device."""
    error: Literal["both", "post"] = "both"
    """Whose error changes a synapse, as in `Contrastive`."""

    def __post_init__(self) -> None:
        for key, least in (("epochs", 0), ("cues", 1), ("max_levels", 1)):
            whole_number(getattr(self, key), f"Training.{key}", least=least)
        for key in ("rate_first", "rate_last"):
            field_of(self, key, number, check=positive, zero=True)
        choice(self.error, "Training.error", ("both", "post"))

    def rule(self, epoch: int) -> Contrastive:
        """The rule of one epoch."""
        done = epoch / max(self.epochs - 1, 1)
        return Contrastive(rate=self.rate_first + (self.rate_last - self.rate_first) * done, error=self.error)


def weight_unit(memory: Memory) -> float:
    """Synaptic weight, per second, that stands for W = 1: what a spike adds to dv/dt.

    >>> round(weight_unit(Memory(size=60)) * 1e-3, 6)
    1.180408
    """
    return memory.gain * (1.0 - exp(-memory.tick / memory.tau)) / memory.tick


def lower(memory: Memory, crossbar: AbstractCrossbar) -> Program:
    """The memory's network on these devices, ready to run; its crossbar holds W in units of `weight_unit`."""
    network = Network()
    cells = network.add(
        Population(
            NAME,
            memory.size,
            IF(v_th=1.0, tau_syn=memory.tau, refractory=memory.refractory, v_min=memory.v_min),
        )
    )
    network.connect(cells, cells, crossbar, delay=memory.delay, name=PROJECTION)
    return refresh(build(network), memory, crossbar)


def refresh(program: Program, memory: Memory, crossbar: AbstractCrossbar, bias: Floats | float = 0.0) -> Program:
    """The same program with the weights that the devices have now, and the bias that a read of all rows gives.

    `bias` adds a number of its own to u of each neuron.
    """
    weights = crossbar.effective_weights()
    resting = 0.5 * memory.gain / (weight_unit(memory) * memory.tick) * weights.sum(axis=0)
    own = 0.5 * memory.gain / memory.tick * np.asarray(bias)
    return program.with_weights({PROJECTION: weights}).with_bias({NAME: 0.5 / memory.tick - resting + own})


def cue_currents(memory: Memory, cues: Floats) -> Iterator[Current]:
    """Each of the cues (0 or 1), shape (cues, neurons), as a current, then silence."""
    times, values = np.array([0.0, memory.cue_time]), np.zeros((len(cues), 2, memory.size))
    values[:, 0] = 0.5 * memory.gain / memory.tick * (2.0 * cues - 1.0)
    return (Current.in_order(times, each) for each in values)


def present(program: Program, memory: Memory, cue: Floats, clamp: AppliedClamp | None = None) -> Recording:
    """Run one recall from rest, to look at it: the cue (0 or 1 per neuron) as a current, then silence."""
    (current,) = cue_currents(memory, cue[None])
    return run(program, memory.duration, inputs={NAME: current}, clamp=clamp)


@raise_interrupts()
def recall(program: Program, memory: Memory, cues: Floats) -> Recall:
    """Recall from each of the cues, shape (cues, neurons)."""
    trials = ({"inputs": {NAME: current}} for current in cue_currents(memory, cues))
    return _recalls(program, memory, len(cues), trials)


def _recalls(program: Program, memory: Memory, count: int, trials: Iterable[Mapping[str, Any]]) -> Recall:
    """Activity in the counted part of each trial, and the number of its spikes."""
    whole, last = np.zeros((count, memory.size)), np.zeros((count, memory.size))
    counted = memory.duration - memory.counted, memory.duration
    request = Counts(NAME, [(0.0, memory.duration), counted])
    for k, counts in enumerate(run_trials(program, memory.duration, trials, record=request)):
        whole[k], last[k] = counts[NAME]
    return Recall(np.minimum(last / (memory.counted / memory.tick), 1.0), whole.sum(axis=1))


def compile_recall() -> None:
    """Compile what a recall needs, or read it from the cache: processes that start afterwards find it there."""
    smallest = Memory(size=2)
    recall(lower(smallest, Crossbar(np.zeros((2, 2)))), smallest, np.zeros((1, 2)))


@raise_interrupts()
def clamped(program: Program, memory: Memory, patterns: Floats) -> Recall:
    """The clamped phase: every neuron fires once a tick where its pattern is 1, and is silent elsewhere."""
    clamp = Clamp(NAME, "hard", 1.0 / memory.tick)
    trials = ({"clamp": clamp.toward(pattern, start=0.0, stop=memory.duration)} for pattern in patterns)
    return _recalls(program, memory, len(patterns), trials)


def step(
    program: Program,
    memory: Memory,
    crossbar: AbstractCrossbar,
    rule: Contrastive,
    targets: Recall,
    cues: Floats,
    max_levels: int,
) -> tuple[Program, Recall]:
    """One update: free phases from the cues, the difference to the clamped phases, and the writes it takes."""
    free = recall(program, memory, cues)
    change = weight_unit(memory) * rule.change(targets.activity, free.activity)
    if crossbar.accumulate(change, max_levels):
        program = refresh(program, memory, crossbar)
    return program, free


@raise_interrupts()
def train(
    memory: Memory,
    crossbar: AbstractCrossbar,
    patterns: Floats,
    distort: Callable[[int], Floats],
    training: Training,
    *,
    watch: Callable[[int, Program, Recall], None] | None = None,
) -> Program:
    """Teach the patterns, in place, to the devices of a crossbar.

    Parameters
    ----------
    patterns
        0 or 1, shape (patterns, neurons).
    distort
        ``distort(epoch)`` gives that epoch's cues, shape (patterns x training.cues, neurons), patterns repeated in
        order, so that cue k belongs to pattern k // training.cues.
    watch
        Called after each epoch with its number, the program and its free recalls.

    Returns
    -------
    Program
        The trained memory, to recall from.
    """
    program = lower(memory, crossbar)
    # Forced spikes do not depend on the weights: each pattern is measured once.
    forced = clamped(program, memory, patterns)
    targets = Recall(*(np.repeat(part, training.cues, axis=0) for part in forced))
    for epoch in range(training.epochs):
        program, free = step(
            program, memory, crossbar, training.rule(epoch), targets, distort(epoch), training.max_levels
        )
        if watch is not None:
            watch(epoch, program, free)
    return program
