"""The memory task's parts: its trials, its network of AHP neurons, and one training by exact gradients."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.engine.lower.program import Program, build
from neuro.engine.recording import Recording, Spikes
from neuro.engine.trials.run import run_trials
from neuro.gradients.gradient import gradient
from neuro.gradients.losses import CrossEntropy, IntegralV, measured
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, LIF, SpikeSource
from neuro.network.synapses import Dense
from neuro.randomness import stream
from neuro.units import ms
from neuro.validation import Floats

SHOWN, GO_SPIKES, GO_APART, READ = 30 * ms, 3, 5 * ms, 60 * ms
"""How long a symbol is shown; the spikes that ask for it, and their distance; how long the answer is read, s."""
FIRST = {"in": (0.6, 1.5), "go": (4.0, 0.5), "rec": (0.0, 0.1), "out": (0.0, 0.1)}
"""Mean and standard deviation of the first weights of each projection; threshold 1."""
PATIENCE = {"in": 1.0, "go": 1.0, "rec": 1.0, "out": 0.5}
"""Rate of each projection in relation to the rate of all."""


class Config(BaseModel):
    """Settings of the memory task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: symbols, first weights and trials")
    symbols: int = Field(12, ge=2, description="symbols that are told apart")
    channels: int = Field(36, ge=1, description="inputs; each symbol is a spike at a third of them, at its own times")
    jitter: float = Field(1 * ms, ge=0, description="standard deviation of each of these times from trial to trial, s")
    cells: int = Field(60, ge=1, description="AHP neurons that remember, connected to each other")
    tau_ahp: float = Field(1.0, gt=0, description="time constant of their slow current, s")
    control: float = Field(10 * ms, gt=0, description="time constant of it in the control, s")
    jump: float = Field(0.3, gt=0, description="what a spike adds to it, units of v")
    steps: int = Field(120, ge=1, description="updates")
    batch: int = Field(48, ge=1, description="fresh trials of one update")
    rate: float = Field(2e-2, gt=0, description="first learning rate, of Adam")
    last: float = Field(0.1, gt=0, description="learning rate at the end, as a share of the first")
    scale: float = Field(400.0, gt=0, description="factor of the integrals of v in the softmax, 1/s")
    tested: int = Field(600, ge=1, description="fresh trials of the test")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Variant(NamedTuple):
    """What is trained."""

    name: str
    delay: float
    """Silence between the symbol and the question, s."""
    control: bool


VARIANTS = (Variant("200ms", 200 * ms, False), Variant("600ms", 600 * ms, False), Variant("control", 200 * ms, True))


class Outcome(NamedTuple):
    """Result of one variant with one seed."""

    name: str
    seed: int
    accuracy: float
    loss: tuple[float, ...]
    """By update."""
    spikes: tuple[float, float]
    """Spikes of a trial at the first and at the last update, without the inputs."""
    silent: float
    """Spikes of a trial between 50 ms after the symbol and the question."""
    cpu_seconds: float
    shown: tuple[Spikes, ...]
    """Spikes of the cells in one trial of each of two symbols, after training."""


class Trials:
    """Draws trials of a variant: fixed symbols, jittered anew in each trial."""

    def __init__(self, config: Config, variant: Variant, seed: int) -> None:
        self.config, self.variant = config, variant
        rng = stream(seed, "memory", "symbols")
        used = max(1, config.channels // 3)
        rows = range(config.symbols)
        self.channels = np.array([np.sort(rng.choice(config.channels, used, replace=False)) for _ in rows])
        self.times = rng.uniform(2 * ms, 20 * ms, self.channels.shape)
        self.asked = SHOWN + variant.delay
        self.stop = self.asked + READ
        self.read = IntegralV(population="output", start=self.asked, stop=self.stop)

    def draw(self, label: int, rng: np.random.Generator) -> dict[str, Spikes]:
        """The inputs of one trial."""
        times = self.times[label] + rng.normal(0.0, self.config.jitter, len(self.times[label]))
        asked = self.asked + GO_APART * np.arange(GO_SPIKES)
        cue = Spikes(np.clip(times, 0.1 * ms, SHOWN), self.channels[label])
        return {"cue": cue, "go": Spikes(asked, np.zeros(GO_SPIKES, np.int64))}

    def run(self, program: Program, inputs: list[dict[str, Spikes]]) -> list[Recording]:
        """Run trials, one after the other."""
        return list(run_trials(program, self.stop, [{"inputs": each} for each in inputs]))

    def answer(self, program: Program, recording: Recording) -> int:
        """The output whose v is largest, on average."""
        return int(np.argmax(measured(program, recording, self.read)))


def network(config: Config, variant: Variant, weights: dict[str, Floats]) -> Network:
    """Inputs, a signal that asks, AHP neurons onto each other, and leaky sums of their spikes as outputs."""
    net = Network()
    tau = config.control if variant.control else config.tau_ahp
    net.add(Population("cue", config.channels, SpikeSource()))
    net.add(Population("go", 1, SpikeSource()))
    cell = AHP(tau_m=20 * ms, v_th=1.0, tau_syn=5 * ms, tau_ahp=tau, jump=config.jump)
    net.add(Population("cell", config.cells, cell))
    net.add(Population("output", config.symbols, LIF(tau_m=20 * ms, v_th=None, tau_syn=5 * ms)))
    ends = {"in": ("cue", "cell"), "go": ("go", "cell"), "rec": ("cell", "cell"), "out": ("cell", "output")}
    for name, (pre, post) in ends.items():
        net.connect(pre, post, Dense(weights[name]), delay=1 * ms, name=name)
    return net


def first_weights(config: Config, seed: int) -> dict[str, Floats]:
    """Normal weights."""
    sizes = {"in": (config.channels, config.cells), "go": (1, config.cells)}
    sizes |= {"rec": (config.cells, config.cells), "out": (config.cells, config.symbols)}
    return {name: stream(seed, "memory", name).normal(*FIRST[name], size) for name, size in sizes.items()}


def learn(job: tuple[Config, Variant, int]) -> Outcome:
    """Train one variant with one seed, then look at fresh trials."""
    config, variant, seed = job
    began = time.process_time()
    trials, weights = Trials(config, variant, seed), first_weights(config, seed)
    program = build(network(config, variant, weights))
    adam = Adam(weights)
    losses, spikes = [], []
    for step in range(config.steps):
        rng = stream(seed, "memory", "training", str(step))
        labels = rng.integers(0, config.symbols, config.batch)
        inputs = [trials.draw(label, rng) for label in labels]
        runs = trials.run(program, inputs)
        loss = [CrossEntropy(trials.read, int(label), config.scale) for label in labels]
        found = gradient(program, runs, inputs=inputs, loss=loss)
        losses.append(found.value / config.batch)
        spikes.append(float(np.mean([len(run.spikes["cell"]) for run in runs])))
        rate = config.rate * config.last ** (step / config.steps)
        weights = adam.step({name: found.weights[name] / config.batch for name in weights}, rate)
        program = program.with_weights(weights)
    rng = stream(seed, "memory", "test")
    labels = np.sort(rng.integers(0, config.symbols, config.tested))
    runs = trials.run(program, [trials.draw(label, rng) for label in labels])
    right = [trials.answer(program, run) == label for run, label in zip(runs, labels, strict=True)]
    pause = (SHOWN + 50 * ms, trials.asked)
    silent = [np.sum((run.spikes["cell"].times > pause[0]) & (run.spikes["cell"].times < pause[1])) for run in runs]
    return Outcome(
        variant.name,
        seed,
        float(np.mean(right)),
        tuple(losses),
        (spikes[0], spikes[-1]),
        float(np.mean(silent)),
        time.process_time() - began,
        tuple(runs[k].spikes["cell"] for k in (0, -1)),
    )


class Adam:
    """Adam's steps (Kingma and Ba 2015) of weights by name."""

    def __init__(self, weights: dict[str, Floats]) -> None:
        self.weights = weights
        self.mean = {name: np.zeros(each.shape) for name, each in weights.items()}
        self.square = {name: np.zeros(each.shape) for name, each in weights.items()}
        self.steps = 0

    def step(self, slopes: dict[str, Floats], rate: float) -> dict[str, Floats]:
        """The weights after a step against these derivatives."""
        self.steps += 1
        first, second = 0.9, 0.99
        for name, slope in slopes.items():
            self.mean[name] += (1.0 - first) * (slope - self.mean[name])
            self.square[name] += (1.0 - second) * (slope**2 - self.square[name])
            root = np.sqrt(self.square[name] / (1.0 - second**self.steps)) + 1e-8
            change = self.mean[name] / (1.0 - first**self.steps) / root
            self.weights = self.weights | {name: self.weights[name] - rate * PATIENCE[name] * change}
        return self.weights


def compile_parts(config: Config) -> None:
    """Compile all kernels."""
    few: Any = config.model_copy(update={"steps": 1, "batch": 2, "tested": 2})
    learn((few, VARIANTS[0], 0))
