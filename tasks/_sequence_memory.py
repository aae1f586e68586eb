"""Sequences in a spiking memory: its clocked steps, its training from two phases, and the Hebbian chain beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.engine.lower.program import Program
from neuro.engine.recording import Current
from neuro.engine.trials.requests import Counts
from neuro.engine.trials.run import run_trials
from neuro.learning.memory import NAME, AssociativeMemory, lower, with_matrix
from neuro.randomness import stream
from neuro.tasks._capacity import Estimate, estimate, flipped, search
from neuro.units import ms, uS
from neuro.validation import Floats

PERIOD, OPEN, DELAY = 10 * ms, 7.5 * ms, 8.5 * ms
"""Of one step, and the part of it in which neurons may fire. The delay of all synapses is a little longer than that,
so that what the spikes of a step leave has built up when the next one begins."""
CUE, CLOCK = 2.0, 2.0
"""Currents of the cue, and of the clock that silences all neurons between two steps, in units of the memory's cue."""
FULL = 6
"""Spikes in a step that count as full activity: in 7.5 ms, with a refractory time of 0.5 ms, a neuron has up to 7."""
WEIGHT_RANGE, START = 0.8, 0.1
"""|W| at which one device of a pair stands at each end of its window, and where in it both start."""
SPIKING = ("two_phase", "levels64")
"""Memories that learn: with continuous devices, and with 64 levels and a write error of one level."""


class Config(BaseModel):
    """Settings of the sequence memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(3, ge=1, description="independent repetitions: sequences, cues, devices")
    memories: tuple[Literal["two_phase", "levels64", "hebb"], ...] = Field(
        ("two_phase", "levels64", "hebb"), min_length=1, description="memories to be filled"
    )
    size: int = Field(64, ge=4, description="neurons")
    length: int = Field(10, ge=2, description="patterns of a sequence")
    most: int = Field(8, ge=1, description="sequences at most")
    flips: float = Field(0.1, ge=0, lt=0.5, description="share of the bits of a cue that are flipped")
    trials: int = Field(60, ge=1, description="test cues, at least one for each sequence")
    share: float = Field(0.9, gt=0, le=1, description="share of recalls whose last pattern must be exact")
    cosine: float = Field(0.95, gt=0, le=1, description="mean cosine of recalled patterns after the cue")
    epochs: int = Field(300, ge=1, description="updates of a training")
    taught: int = Field(2, ge=1, description="distorted cues of each pattern in an epoch")
    steps: int = Field(2, ge=1, description="steps that the memory runs on from each cue in training")
    rates: tuple[float, float] = Field((0.1, 0.005), description="learning rates of the first and the last epoch")
    distortion: tuple[float, float] = Field((0.02, 0.15), description="least and greatest share of flips in training")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Held(NamedTuple):
    """How many sequences a memory holds."""

    memory: str
    exact: Estimate
    """Most sequences whose last pattern is exact in the share `Config.share` of recalls."""
    cosine: Estimate
    """Most sequences with a mean cosine of `Config.cosine` over the patterns after the cue."""
    counts: dict[str, float]
    """Of the last try: spikes of a recall, pulses a device."""
    steps: Floats
    """With the most sequences held by exact recalls, rounded down: the share of exact patterns by step."""


def memory_of(size: int) -> AssociativeMemory:
    """The Braille memory's neurons, with a delay of a step."""
    return AssociativeMemory(size=size, delay=DELAY, cue_time=OPEN, duration=2 * PERIOD, counted=PERIOD)


def currents(memory: AssociativeMemory, cues: Floats, steps: int) -> Iterator[Current]:
    """Each cue (0 or 1), as a current in the first step, and the clock: silence at the end of every step."""
    unit = 0.5 * memory.gain / memory.tick
    begins = PERIOD * np.arange(steps)
    times = np.stack([begins, begins + OPEN], axis=1).reshape(-1)
    for cue in cues:
        values = np.zeros((len(times), memory.size))
        values[0] = CUE * unit * (2.0 * cue - 1.0)
        values[1::2] = -CLOCK * unit
        yield Current.in_order(times, values)


def recall(program: Program, memory: AssociativeMemory, cues: Floats, steps: int) -> tuple[Floats, Floats]:
    """Activity in each step, (cues, steps, neurons), the first with the cue, and the number of spikes."""
    found = np.zeros((len(cues), steps, memory.size))
    windows = [(PERIOD * k, PERIOD * (k + 1)) for k in range(steps)]
    trials = ({"inputs": {NAME: current}} for current in currents(memory, cues, steps))
    for k, counts in enumerate(run_trials(program, PERIOD * steps, trials, record=Counts(NAME, windows))):
        found[k] = counts[NAME]
    return np.minimum(found / FULL, 1.0), found.sum(axis=(1, 2))


def devices(name: str, size: int, seed: int) -> AbstractCrossbar:
    """Pairs of devices for all synapses but those of a neuron onto itself."""
    window = {"g_min": 0.0, "g_max": 100 * uS}
    levels = {"levels": 64, "write_noise": 100 / 63 * uS} if name == "levels64" else {}
    device = Device(name, **window, **levels)
    w_max = WEIGHT_RANGE * memory_of(size).unit
    return Crossbar(np.zeros((size, size)), device=device, w_max=w_max, start=START, seed=seed, name="sequences")


class Lesson(NamedTuple):
    """Cues of a training and what shall follow them."""

    pattern: Floats
    """0 or 1, (cues, neurons), before it is distorted."""
    target: Floats
    """(cues, steps, neurons); NaN after the end of a sequence."""


def lesson_of(sequences: Floats, steps: int) -> Lesson:
    """Every pattern of every sequence, (sequences, length, neurons), but the last as a cue."""
    count, length, size = sequences.shape
    target = np.full((count, length - 1, steps, size), np.nan)
    for start in range(length - 1):
        follows = sequences[:, start + 1 : start + 1 + steps]
        target[:, start, : follows.shape[1]] = follows
    return Lesson(sequences[:, :-1].reshape(-1, size), target.reshape(-1, steps, size))


def change(found: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Mean over all steps of a_i (c_j - f_j), (neurons, neurons), and of c_j - f_j.

    a and f are free activities of one step and the next, `found` (cues, steps + 1, neurons); c is the activity of the
    phase in which the next step is clamped to its target (cues, steps, neurons); all in -1..1.
    """
    there = ~np.isnan(target[:, :, 0])
    before, after = 2.0 * found[:, :-1][there] - 1.0, 2.0 * found[:, 1:][there] - 1.0
    error = 2.0 * target[there] - 1.0 - after
    return before.T @ error / len(error), error.mean(axis=0)


class Trained(NamedTuple):
    """A memory that has learned."""

    program: Program
    memory: AssociativeMemory
    crossbar: AbstractCrossbar


def train(config: Config, name: str, sequences: Floats, seed: int) -> Trained:
    """Teach sequences of patterns of 0 and 1 to the devices of a crossbar."""
    memory = memory_of(config.size)
    unit = memory.unit
    crossbar, rng = devices(name, config.size, seed), stream(seed, "sequences", "training", name, str(len(sequences)))
    program, bias = lower(memory, crossbar), np.zeros(config.size)
    lesson = Lesson(*(np.repeat(each, config.taught, axis=0) for each in lesson_of(sequences, config.steps)))
    first, last = config.rates
    for epoch in range(config.epochs):
        rate = first + (last - first) * epoch / max(config.epochs - 1, 1)
        cues = flipped(lesson.pattern, rng.uniform(*config.distortion, len(lesson.pattern)), rng)
        found, _ = recall(program, memory, cues, config.steps + 1)
        towards, offset = change(found, lesson.target)
        crossbar.accumulate(unit * rate * towards, 4)
        bias += rate * offset
        program = with_matrix(program, memory, crossbar.effective_weights(), bias)
    return Trained(program, memory, crossbar)


def chain(sequences: Floats, cues: Floats) -> Floats:
    """Recalls of a Hebbian chain, (cues, length, neurons), 0 or 1: all neurons take the sign of their input at once.

    W = 1/N sum of s(t + 1) s(t)^T over the steps of all sequences; a neuron without input keeps its sign.
    Source: Amari, IEEE Transactions on Computers C-21, 1972.
    """
    signs, state = 2.0 * sequences - 1.0, 2.0 * cues - 1.0
    weights = np.einsum("kti,ktj->ij", signs[:, :-1], signs[:, 1:]) / signs.shape[2]
    states = [state]
    for _ in range(sequences.shape[1] - 1):
        field = states[-1] @ weights
        states.append(np.where(field == 0.0, states[-1], np.sign(field)))
    return (np.stack(states, axis=1) > 0.0).astype(float)


def recalled(config: Config, name: str, count: int, seed: int) -> tuple[Floats, Floats, dict[str, float]]:
    """Sequences as they were and as they are recalled, (cues, length, neurons), and what that took."""
    rng = stream(seed, "sequences", "patterns", str(count))
    sequences = rng.integers(0, 2, (count, config.length, config.size)).astype(float)
    shown = np.repeat(sequences, -(-config.trials // count), axis=0)
    cues = flipped(shown[:, 0], config.flips, rng)
    if name == "hebb":
        return shown, chain(sequences, cues), {}
    trained = train(config, name, sequences, seed)
    found, spikes = recall(trained.program, trained.memory, cues, config.length)
    ledger = trained.crossbar.ledger
    pulses = (ledger.pulses_up + ledger.pulses_down) / (2 * config.size * (config.size - 1))
    return shown, (found > 0.5).astype(float), {"spikes": float(spikes.mean()), "pulses_per_device": float(pulses)}


def fill(job: tuple[Config, str]) -> Held:
    """How many sequences a memory holds."""
    config, name = job
    counts: dict[str, float] = {}
    by_step: dict[int, Floats] = {}

    def test(count: int) -> Floats:
        scores, exact = [], []
        for seed in range(config.seed, config.seed + config.seeds):
            shown, found, took = recalled(config, name, count, seed)
            counts.update(took)
            exact.append(np.all(shown == found, axis=2).mean(axis=0))
            agreement = (2.0 * shown[:, 1:] - 1.0) * (2.0 * found[:, 1:] - 1.0)
            scores.append((exact[-1][-1], agreement.mean()))
        by_step[count] = np.mean(exact, axis=0)
        return np.array(scores)

    tried = search(test, list(range(1, config.most + 1)), (config.share, config.cosine))
    exact, cosine = (estimate(tried, which, limit) for which, limit in enumerate((config.share, config.cosine)))
    most = max((count for count in by_step if count <= exact.value), default=min(by_step))
    return Held(name, exact, cosine, counts, by_step[most])


def compile_recall() -> None:
    """Compile what a recall needs, or read it from the cache: processes that start afterwards find it there."""
    memory = replace(memory_of(2), size=2)
    recall(lower(memory, Crossbar(np.zeros((2, 2)))), memory, np.zeros((1, 2)), 2)
