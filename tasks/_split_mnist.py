"""Split-MNIST: ten digits learned in one pass, two after two, by a spiking crossbar whose devices drift meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.pair import PairCrossbar
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.settings import Writing
from neuro.engine.lower.program import build
from neuro.engine.recording import Current, Record
from neuro.engine.trials.requests import Counts
from neuro.engine.trials.run import run_trials
from neuro.learning.examples import Examples
from neuro.network.graph import Network, Population
from neuro.network.neurons import IF
from neuro.network.synapses import Dense
from neuro.randomness import stream
from neuro.tasks._layer_prices import read_joules
from neuro.tasks._layered import CLASSES, G_MAX, LEVELS
from neuro.tasks._mnist_images import mnist
from neuro.units import ms
from neuro.validation import Floats, Ints

WAYS = ("learning", "naive", "replay", "frozen")
"""The rule of this task; one that corrects errors, without and with a buffer of old examples; and none after task 1."""
TASKS = 5
"""Two new digits in each."""
PATCH, STRIDE, SIDE = 7, 3, 28
"""Pixels along a side of what a hidden neuron sees, between neighbouring patches, and along a side of an image."""
INPUT_RANGE, OUTPUT_RANGE = 1.5, 2.5
"""|W| of the arrays before and after the hidden neurons at which one device of a pair stands at each end."""
FLOOR = -2.0
"""Weight below which the rule lowers no weight any more."""
GAIN = 200.0
"""Drive of a hidden neuron by a unit of patch times weights, 1/s."""
STILL = -1000.0
"""Weight of the inhibition that ends a volley."""
THRESHOLD, RAMP = 300.0, 20e3
"""Of the outputs, above what a volley can reach; and the current that then raises all of them alike, 1/s."""
VOLLEY, ANSWER = 60 * ms, 30 * ms
"""Time for the volley of hidden spikes, and for the answer."""
DELAY = 0.5 * ms
"""From a spike to its effect: until then more than `winners` fire. The engine's time goes with its inverse."""


class SplitConfig(BaseModel):
    """Settings of split-MNIST."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neurons: int = Field(16, ge=1, description="hidden neurons of each patch")
    winners: int = Field(90, ge=1, description="hidden spikes after which the others are held back, a delay later")
    outputs: int = Field(10, ge=1, description="output neurons of each digit")
    rate: float = Field(0.05, gt=0, description="learning rate")
    background: float = Field(4.0, gt=0, description="how often a spike is expected, in units of the mean activity")
    fairness: float = Field(0.5, ge=0, description="handicap of an output for each win above its share")
    error_rate: float = Field(0.1, gt=0, description="learning rate of the rule that corrects errors")
    buffer: int = Field(500, ge=1, description="old examples that `replay` keeps")
    batch: int = Field(20, ge=1, description="examples whose changes are written together")
    steps: int = Field(5, ge=1, description="steps of ageing in each task")
    used: int = Field(0, ge=0, description="training images that are used; 0 takes all")
    tested: int = Field(0, ge=0, description="test images that are used; 0 takes all")
    held_out: int = Field(10_000, ge=1, description="training images that `tuning` takes as the test")


class Ageing(NamedTuple):
    """What the devices lose in each task."""

    kept: float
    """Share of each conductance that is left."""
    scatter: float
    """Noise, of the largest weight."""


class Prices(NamedTuple):
    """Voltages, V, and times, s, of reads and writes."""

    reading: Reading
    writing: Writing


class Job(NamedTuple):
    """One seed."""

    config: SplitConfig
    ageing: Ageing
    prices: Prices
    seed: int
    tuning: bool


class SplitOutcome(NamedTuple):
    """One way of learning, with one seed."""

    way: str
    seed: int
    by_task: tuple[float, ...]
    """Accuracy at the end on the digits of each task, in the order in which they were learned."""
    accuracy: float
    """On all test images, each of which may be any of the ten digits."""
    counts: dict[str, float]
    """Spikes and joules of an inference, pulses and joules of each example learned."""


def images(job: Job) -> tuple[list[Examples], Examples, Ints]:
    """The stream of training images by task, in order; the test images; and the digits in the order of the tasks.

    When tuning, images of the training part are held out as the test, and the test images are not looked at.
    """
    config, rng = job.config, stream(job.seed, "split-mnist", "order")
    every, digits = mnist("training"), rng.permutation(CLASSES)
    order = rng.permutation(len(every))
    if job.tuning:
        held_out, order = np.split(order, [config.held_out])
        test = every.take(held_out)
    else:
        test = mnist("test")
    order = order[: config.used or len(order)]
    test = test.take(np.arange(min(config.tested or len(test), len(test))))
    pairs = digits.reshape(TASKS, -1)
    return [every.take(order[np.isin(every.labels[order], pair)]) for pair in pairs], test, digits


def patches(inputs: Floats) -> Floats:
    """What each patch sees of images that are scaled to length 1, shape (examples, patches, pixels of a patch)."""
    scaled = inputs / np.maximum(np.linalg.norm(inputs, axis=1, keepdims=True), 1e-12)
    windows = np.lib.stride_tricks.sliding_window_view(scaled.reshape(-1, SIDE, SIDE), (PATCH, PATCH), axis=(1, 2))
    return np.ascontiguousarray(windows[:, ::STRIDE, ::STRIDE]).reshape(len(inputs), -1, PATCH * PATCH)


def age(crossbar: PairCrossbar, ageing: Ageing, share: float, rng: np.random.Generator) -> None:
    """Let the devices of a crossbar age by a share of a task: each keeps a part, and gets noise of its own."""
    state = {name: array.copy() for name, array in crossbar.state_arrays().items()}
    largest = np.abs(crossbar.effective_weights()).max() / crossbar.w_max * G_MAX
    # The noises of both devices of a pair add to that of the weight, and those of the steps to that of a task.
    spread = ageing.scatter * largest * np.sqrt(share / 2.0)
    for name in ("plus", "minus"):
        noise = spread * rng.standard_normal(crossbar.shape)
        state[name] = np.clip(ageing.kept**share * state[name] + noise, 0.0, G_MAX)
    crossbar.restore_state(state, crossbar.random_state)


class Hidden:
    """Hidden neurons that each see a patch through fixed random weights in devices, and race: the first spikes count.

    The arrays of all patches are kept as one, of which each row belongs to a pixel of a patch.
    """

    def __init__(self, job: Job) -> None:
        config = job.config
        self.config, self.across = config, (SIDE - PATCH) // STRIDE + 1
        self.size = self.across**2 * config.neurons
        weights = stream(job.seed, "split-mnist", "features").uniform(
            -1.0, 1.0, (self.across**2, PATCH**2, config.neurons)
        )
        weights -= weights.mean(axis=1, keepdims=True)
        self.crossbar = _crossbar(weights.reshape(-1, config.neurons), INPUT_RANGE, job, "input")

    def drive(self, inputs: Floats) -> Floats:
        """Constant currents of the hidden neurons, 1/s, shape (examples, neurons)."""
        weights = self.crossbar.effective_weights().reshape(self.across**2, PATCH**2, -1)
        found = np.matmul(patches(inputs).transpose(1, 0, 2), weights)
        return GAIN * found.transpose(1, 0, 2).reshape(len(inputs), -1)

    def network(self, readouts: Mapping[str, PairCrossbar] | None = None) -> Network:
        """The hidden neurons and the one that holds them back; and outputs, which do not reach those of others."""
        network, once = Network(), {"refractory": VOLLEY + ANSWER, "v_min": STILL}
        network.add(Population("hidden", self.size, IF(v_th=1.0, **once)))
        network.add(Population("stop", 1, IF(v_th=self.config.winners - 0.5, **once)))
        network.connect("hidden", "stop", Dense(np.ones((self.size, 1))), delay=DELAY, name="count")
        network.connect("stop", "hidden", Dense(np.full((1, self.size), STILL)), delay=DELAY, name="hold")
        for name, readout in (readouts or {}).items():
            count = readout.shape[1]
            network.add(Population(name, count, IF(v_th=THRESHOLD, **once)))
            network.connect("hidden", name, readout, delay=DELAY, name=f"readout of {name}")
            network.connect(name, name, Dense(STILL * (1.0 - np.eye(count))), delay=DELAY, name=f"first of {name}")
        return network

    def spikes(self, inputs: Floats) -> list[Ints]:
        """Which hidden neurons spike for each image; the outputs do not reach them."""
        trials = ({"inputs": {"hidden": _shown(each)}} for each in self.drive(inputs))
        found = run_trials(build(self.network()), VOLLEY, trials, record=Counts("hidden"))
        return [np.flatnonzero(counts["hidden"]) for counts in found]


def answers(hidden: Hidden, readouts: Mapping[str, PairCrossbar], inputs: Floats) -> dict[str, tuple[Ints, float]]:
    """By readout: the output of each image that spikes first, -1 for none; and the mean number of spikes."""
    ramps = {name: Current([VOLLEY], np.full((1, each.shape[1]), RAMP)) for name, each in readouts.items()}
    trials = ({"inputs": {"hidden": _shown(each), **ramps}} for each in hidden.drive(inputs))
    first = {name: np.full(len(inputs), -1) for name in readouts}
    spikes = dict.fromkeys(readouts, 0)
    for k, found in enumerate(run_trials(build(hidden.network(readouts)), VOLLEY + ANSWER, trials, record=Record())):
        shared = len(found.spikes["hidden"].ids) + len(found.spikes["stop"].ids)
        for name in readouts:
            fired = found.spikes[name].ids
            spikes[name] += shared + len(fired)
            if len(fired):
                first[name][k] = fired[0]
    return {name: (first[name], spikes[name] / len(inputs)) for name in readouts}


def _shown(drive: Floats) -> Current:
    """The current of an image, which is shown for the time of a volley."""
    return Current.in_order(np.array([0.0, VOLLEY]), np.stack([drive, np.zeros_like(drive)]))


class Readout:
    """Output neurons, several for each digit, and the crossbar from the hidden neurons to them, which learns."""

    def __init__(self, job: Job, way: str, hidden: int) -> None:
        self.config, self.way = job.config, way
        columns = CLASSES * job.config.outputs
        start = stream(job.seed, "split-mnist", "readout").uniform(-0.1, 0.1, (hidden, columns))
        self.crossbar = _crossbar(start, OUTPUT_RANGE, job, "readout")
        self.wins = np.zeros(columns)
        """How often each output won among those of its digit, less its share."""
        self.background = job.config.background * job.config.winners / hidden
        self.kept: list[tuple[Ints, int]] = []
        self.rng, self.seen = stream(job.seed, "split-mnist", "replay"), 0

    def learn(self, shown: Sequence[tuple[Ints, int]]) -> None:
        """Learn from these hidden spikes and their digits, in batches; each example is read once, as it comes."""
        rows = np.zeros(self.crossbar.shape[0], np.int64)
        for begin in range(0, len(shown), self.config.batch):
            batch = list(shown[begin : begin + self.config.batch])
            again = self._again(batch) if self.way == "replay" else []
            weights = self.crossbar.effective_weights()
            change = np.zeros(weights.shape)
            for spikes, digit in (*batch, *again):
                self._change(weights, change, spikes, digit)
                rows[spikes] += 1
            self.crossbar.accumulate(change)
        self.crossbar.count_reads(rows)

    def _change(self, weights: Floats, change: Floats, spikes: Ints, digit: int) -> None:
        """Add what one example asks for: each synapse knows its own two neurons, its weight, and the teacher."""
        config, heard = self.config, weights[spikes].sum(axis=0)
        own = slice(digit * config.outputs, (digit + 1) * config.outputs)
        if self.way in ("naive", "replay"):
            right, fired = own.start + int(np.argmax(heard[own])), int(np.argmax(heard))
            if fired // config.outputs != digit:
                change[spikes, right] += config.error_rate
                change[spikes, fired] -= config.error_rate
            return
        winner = own.start + int(np.argmax(heard[own] - config.fairness * self.wins[own]))
        self.wins[own] -= 1.0 / config.outputs
        self.wins[winner] += 1.0
        falling = weights[:, winner] > FLOOR
        change[falling, winner] -= config.rate * self.background
        change[spikes, winner] += config.rate * np.exp(-weights[spikes, winner])

    def _again(self, batch: list[tuple[Ints, int]]) -> list[tuple[Ints, int]]:
        """As many old examples as new ones, from a buffer in which every example so far is equally likely to be."""
        found = [self.kept[k] for k in self.rng.integers(0, len(self.kept), len(batch))] if self.kept else []
        for each in batch:
            self.seen += 1
            if len(self.kept) < self.config.buffer:
                self.kept.append(each)
            elif (place := int(self.rng.integers(self.seen))) < self.config.buffer:
                self.kept[place] = each
        return found


def learn_split(job: Job) -> list[SplitOutcome]:
    """Show one seed's stream to every way of learning, while all devices age, then test each, once."""
    tasks, test, digits = images(job)
    hidden, ageing = Hidden(job), stream(job.seed, "split-mnist", "ageing")
    readouts = [Readout(job, way, hidden.size) for way in WAYS]
    scatters = [stream(job.seed, "split-mnist", "ageing", way) for way in WAYS]
    learned = dict.fromkeys(WAYS, 0)
    for number, task in enumerate(tasks):
        for part in np.array_split(np.arange(len(task)), job.config.steps):
            shown = [*zip(hidden.spikes(task.inputs[part]), task.labels[part].tolist(), strict=True)]
            hidden.crossbar.count_reads(np.full(hidden.crossbar.shape[0], len(part)))
            for readout in readouts:
                if readout.way != "frozen" or number == 0:
                    readout.learn(shown)
                    learned[readout.way] += len(shown)
            age(hidden.crossbar, job.ageing, 1.0 / job.config.steps, ageing)
            for readout, scatter in zip(readouts, scatters, strict=True):
                age(readout.crossbar, job.ageing, 1.0 / job.config.steps, scatter)
    held = {readout.way: readout.crossbar for readout in readouts}
    spent = {way: _spent(crossbar, learned[way]) for way, crossbar in held.items()}
    before = {way: read_joules(each) for way, each in (*held.items(), ("input", hidden.crossbar))}
    found = answers(hidden, held, test.inputs)
    hidden.crossbar.count_reads(np.full(hidden.crossbar.shape[0], len(test)))
    after = {way: read_joules(each) - before[way] for way, each in (*held.items(), ("input", hidden.crossbar))}
    outcomes = []
    for way, (first, spikes) in found.items():
        right = first // job.config.outputs == test.labels
        by_task = [right[np.isin(test.labels, pair)] for pair in digits.reshape(TASKS, -1)]
        read = {"readout": after[way] / len(test), "input": after["input"] / len(test)}
        counts = {f"read_joules_per_inference/{name}": joules for name, joules in read.items()}
        counts |= {"spikes_per_inference": spikes, **spent[way]}
        shares = tuple(float(each.mean()) if len(each) else 0.0 for each in by_task)
        outcomes.append(SplitOutcome(way, job.seed, shares, float(right.mean()), counts))
    return outcomes


def _spent(crossbar: PairCrossbar, examples: int) -> dict[str, float]:
    """What learning has cost for each example."""
    ledger = crossbar.ledger
    counted = ledger.as_dict()
    written = sum(value for cause, value in ledger.joules.items() if cause.startswith("write"))
    return {
        "pulses_per_example": (counted["pulses_up"] + counted["pulses_down"]) / examples,
        "write_joules_per_example": float(written) / examples,
        "read_joules_per_example": read_joules(crossbar) / examples,
    }


def _crossbar(weights: Floats, most: float, job: Job, name: str) -> PairCrossbar:
    """Pairs of devices of 64 levels; each write misses by one level in the standard deviation."""
    device = Device("levels64", 0.0, G_MAX, levels=LEVELS, write_noise=G_MAX / (LEVELS - 1))
    made = Crossbar(
        np.clip(weights, -most, most),
        device=device,
        reading=job.prices.reading,
        writing=job.prices.writing,
        w_max=most,
        start=0.5,
        seed=job.seed,
        name=f"split-mnist/{name}",
    )
    assert isinstance(made, PairCrossbar)
    return made
