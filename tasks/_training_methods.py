"""The comparison of training methods: its settings, the images as each method sees them, and one training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.engine.lower.program import build
from neuro.engine.recording import Spikes
from neuro.engine.trials.run import run_trials
from neuro.gradients.exact_rule import ExactGradient
from neuro.gradients.timed_layers import TimedLayers
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, accuracy, fit
from neuro.learning.layer_rules import EquilibriumPropagation
from neuro.learning.layers import LayerWeights, SpikingLayers, first_weights
from neuro.network.graph import Network
from neuro.network.synapses import Dense
from neuro.randomness import stream
from neuro.tasks._digits import PIXELS, images
from neuro.tasks._layered import CLASSES
from neuro.tasks._training_methods_costs import Shown, costs_of
from neuro.units import ms
from neuro.validation import Floats

Method = Literal[
    "exact/times",
    "surrogate/times",
    "e_prop/times",
    "surrogate/currents",
    "e_prop/currents",
    "two_phase/currents",
]
METHODS: tuple[Method, ...] = get_args(Method)
"""A way to train, and how it is shown the images."""
RATES: Mapping[str, float] = {
    "exact/times": 0.005,
    "surrogate/times": 0.015,
    "e_prop/times": 0.05,
    "surrogate/currents": 0.005,
    "e_prop/currents": 0.002,
    "two_phase/currents": 0.2,
}
"""First learning rates: of Adam; with momentum, and a fourth of it for the second matrix, for two phases."""
DROPPED: Mapping[str, float] = {
    "exact/times": 0.1,
    "surrogate/times": 0.1,
    "e_prop/times": 0.2,
    "surrogate/currents": 0.0,
    "e_prop/currents": 0.1,
    "two_phase/currents": 0.0,
}
"""Share of the pixels of a training image that are black in an epoch, drawn."""
STEP = 1 * ms
"""Of the clocked networks, of the input times, and of the chip, s; also the tick of two-phase learning."""
LEVELS = 16
"""Grey levels of a pixel above black. The brightest pixel spikes at one step, the darkest at 16; black ones do not."""


class Config(BaseModel):
    """Settings of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(3, ge=1, description="independent repetitions: splits, first weights, order")
    methods: tuple[Method, ...] = Field(METHODS, min_length=1, description="what is compared")
    hidden: int = Field(128, ge=1, description="hidden neurons")
    epochs: int = Field(40, ge=1, description="passes through the training images: the same for every method")
    batch: int = Field(20, ge=1, description="images of one update")
    test: float = Field(0.2, gt=0, lt=1, description="share of all images that is set aside for the test")
    validation: float = Field(0.15, gt=0, lt=1, description="share of the others that is set aside for validation")
    used: int = Field(0, ge=0, description="images of the set that are used at all; 0 takes all 1,797")
    judged: Literal["validation", "test"] = Field("test", description="the set that is looked at when all is done")
    duration: float = Field(30 * ms, gt=0, description="of an inference, s")
    tau_m: float = Field(10 * ms, gt=0, description="membrane time constant where neurons leak, s")
    rates: dict[Method, float] = Field({}, description="first learning rates by method, where they are others")
    dropped: dict[Method, float] = Field({}, description="shares of pixels that are black, where they are others")
    temperature: float = Field(0.5 * ms, gt=0, description="of exact: scale of differences of spike times, s")
    height: float = Field(0.15, gt=0, description="of surrogate: height of the surrogate derivative")
    feedback: float = Field(1.0, gt=0, description="of e_prop: size of the feedback, of that of the first readout")
    beta: float = Field(1.0, gt=0, description="of two_phase: strength of the nudge")
    gain: float = Field(0.5, gt=0, description="factor of the currents into neurons that leak, in each step")
    priced: int = Field(100, ge=1, description="judged images whose spikes and joules are counted for each seed")
    read_voltage: float = Field(0.2, gt=0, description="V, a choice of this task: joules go with its square")
    read_time: float = Field(10e-9, gt=0, description="s, a choice of this task: joules go with it")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")

    def rate_of(self, method: Method) -> float:
        """Its first learning rate."""
        return self.rates.get(method, RATES[method])

    def dropped_of(self, method: Method) -> float:
        """The share of pixels that it does not see in an epoch."""
        return self.dropped.get(method, DROPPED[method])


class Parts(NamedTuple):
    """Images, with pixels from 0 to 1."""

    training: Examples
    validation: Examples
    judged: Examples


class Learned(NamedTuple):
    """One training, before it is judged."""

    validation: list[float]
    """Accuracy on validation images after each epoch."""
    seconds: list[float]
    """Processor time until then, validation included, s."""
    judged: float
    """Share of the judged images that are answered rightly."""
    shown: Shown
    """Inferences of the trained network."""
    parameters: int
    """Numbers that were learned."""


class Outcome(NamedTuple):
    """Result of one method with one seed."""

    method: Method
    seed: int
    judged: float
    validation: tuple[float, ...]
    seconds: tuple[float, ...]
    parameters: int
    costs: Mapping[str, float]
    """What an inference costs, see `costs_of`, and the bytes that training keeps of an example, see `kept`."""


def parts_of(config: Config, seed: int) -> Parts:
    """Images for training, for validation, and those that are judged; the test set is the rest of each class."""
    every = images()
    if config.used:
        every = every.take(np.arange(min(config.used, len(every))))
    others, test = every.split(config.test, seed, "test")
    training, validation = others.split(config.validation, seed)
    return Parts(training, validation, validation if config.judged == "validation" else test)


def times_of(pixels: Floats, duration: float) -> Floats:
    """Pixels as times of one spike, whole steps, s: the brighter, the earlier; `duration` where they are black."""
    return np.where(pixels > 0.0, STEP * np.rint(1.0 + LEVELS * (1.0 - pixels)), duration)


def dropping(config: Config, method: Method, training: Examples, seed: int) -> Callable[[int], Examples]:
    """The training images of each epoch, each time with other pixels black; the same for all methods of one share."""

    def of(epoch: int) -> Examples:
        drawn = stream(seed, "training methods", "dropped", str(epoch)).random(training.inputs.shape)
        return Examples(np.where(drawn < config.dropped_of(method), 0.0, training.inputs), training.labels)

    return of


def timed(config: Config) -> TimedLayers:
    """The layers that exact gradients train, as in latency-mnist; first weights are larger, for fewer inputs."""
    return TimedLayers(
        sizes=(PIXELS, config.hidden, CLASSES),
        duration=config.duration,
        tau_m=config.tau_m,
        tau_syn=config.tau_m,
        delay=STEP,
        once=True,
        temperature=config.temperature,
        first_mean=(0.1, 6.4 / config.hidden),
        first_sd=(0.25, 1.7 / np.sqrt(config.hidden)),
        slope_floor=20.0,
        revival=20.0,
        least_spikes=0.2,
    )


def learn(job: tuple[Config, Method, int]) -> Outcome:
    """Train by one method with one seed; then look at the judged images, once."""
    config, method, seed = job
    parts, way = parts_of(config, seed), method.partition("/")[0]
    if way in ("surrogate", "e_prop"):
        from neuro.tasks._training_methods_clocked import learn_clocked

        learned = learn_clocked(config, method, parts, seed)
    else:
        learned = (learn_exact if way == "exact" else learn_two_phase)(config, parts, seed)
    costs = costs_of(learned.shown, config.read_voltage, config.read_time, seed)
    costs["kept_bytes"] = kept(config, way, costs["spikes"])
    return Outcome(
        method, seed, learned.judged, tuple(learned.validation), tuple(learned.seconds), learned.parameters, costs
    )


def kept(config: Config, way: str, spikes: float) -> float:
    """Bytes that training has to keep of an example until its weights can change.

    Exact gradients keep 40 bytes a spike (see docs/gradient.md). Surrogate gradients keep each input, and each neuron's
    spike and distance from the threshold, in every step. E-prop keeps a trace of each input and of each hidden neuron,
    and a sum at each hidden synapse that leaks as the readout does: nothing grows with time. Two phases keep the
    activities of the first one. Numbers are of four bytes.
    """
    neurons = config.hidden + CLASSES
    if way == "exact":
        return 40.0 * spikes
    if way == "surrogate":
        return 4.0 * round(config.duration / STEP) * (PIXELS + 2 * config.hidden)
    if way == "e_prop":
        return 4.0 * (PIXELS + config.hidden + PIXELS * config.hidden)
    return 4.0 * neurons


class Clock:
    """Processor time of this process after each epoch."""

    def __init__(self) -> None:
        self.began, self.seconds = time.process_time(), dict[int, float]()

    def __call__(self, done: float, total: float, label: str) -> None:
        """Told of the epochs that are done."""
        if done >= 1:
            self.seconds.setdefault(int(done), time.process_time() - self.began)


def learn_exact(config: Config, parts: Parts, seed: int) -> Learned:
    """By exact gradients of the times of the outputs' first spikes."""
    layers, clock = timed(config), Clock()
    method: Method = "exact/times"

    def seen(given: Examples) -> Examples:
        return Examples(times_of(given.inputs, config.duration), given.labels)

    drawn, rate = dropping(config, method, parts.training, seed), config.rate_of(method)
    plan = Schedule(epochs=config.epochs, rates=(rate, rate), last=0.02, batch=config.batch, patience=config.epochs)
    validation, judged = seen(parts.validation), seen(parts.judged)
    fitted = fit(
        layers,
        lambda epoch: seen(drawn(epoch)),
        ExactGradient(),
        plan,
        validation=validation,
        seed=seed,
        progress=clock,
    )
    right, _ = accuracy(layers, fitted.weights, judged)
    shown = timed_inferences(config, layers, fitted.weights, judged.inputs[: config.priced])
    return Learned(
        fitted.validation, [*clock.seconds.values()], right, shown, sum(w.size for w in fitted.weights.matrices)
    )


def timed_inferences(config: Config, layers: TimedLayers, weights: LayerWeights, inputs: Floats) -> Shown:
    """Recorded inferences of a network that exact gradients have trained."""
    network = Network()
    for population in layers.network.populations.values():
        network.add(population)
    names = [*network.populations]
    for k, matrix in enumerate(weights.matrices):
        network.connect(names[k], names[k + 1], Dense(matrix), delay=layers.delay)
    trials = [{"inputs": {names[0]: spikes_at(times, config.duration)}} for times in inputs]
    recordings = list(run_trials(build(network), config.duration, trials))
    return Shown(network, recordings, STEP, weights.matrices, currents=False, back=False)


def spikes_at(times: Floats, duration: float) -> Spikes:
    """One spike of each input, in order of time; none at the end or later."""
    order = np.argsort(times, kind="stable")
    order = order[times[order] < duration]
    return Spikes(times[order], order)


def learn_two_phase(config: Config, parts: Parts, seed: int) -> Learned:
    """By equilibrium propagation: both nudges, images as currents less the mean training image."""
    layers, clock = two_phase(config), Clock()
    method: Method = "two_phase/currents"
    mean = parts.training.inputs.mean(axis=0)
    drawn, rate = dropping(config, method, parts.training, seed), config.rate_of(method)
    plan = Schedule(epochs=config.epochs, rates=(rate, rate / 4), last=0.1, batch=config.batch, patience=config.epochs)
    fitted = fit(
        layers,
        lambda epoch: drawn(epoch).centred(mean),
        EquilibriumPropagation(beta=config.beta),
        plan,
        validation=parts.validation.centred(mean),
        seed=seed,
        progress=clock,
    )
    judged, weights = parts.judged.centred(mean), fitted.weights
    right, _ = accuracy(layers, weights, judged)
    matrices = weights.matrices[1:]
    network = layers.with_synapses([Dense(each) for each in matrices], [Dense(each.T) for each in matrices])
    currents = layers.currents(weights, judged.inputs[: config.priced])
    trials = [{"inputs": layers.inputs_of(currents, k)} for k in range(len(currents[0]))]
    recordings = list(run_trials(build(network), config.duration, trials))
    shown = Shown(network, recordings, layers.delay * layers.tick, weights.matrices, currents=True, back=True)
    parameters = sum(each.size for each in (*weights.matrices, *weights.biases))
    return Learned(fitted.validation, [*clock.seconds.values()], right, shown, parameters)


def two_phase(config: Config) -> SpikingLayers:
    """The layers that learn from two phases, as in the task digits."""
    whole = config.duration / STEP
    return SpikingLayers(sizes=(PIXELS, config.hidden, CLASSES), tick=STEP, inference=(whole, whole / 3))


def compile_methods(config: Config) -> None:
    """Compile all kernels, or read them from the cache, so that processor times are those of training alone."""
    few = images().take(np.arange(4))
    layers = timed(config)
    weights, inputs = layers.first_weights(0), times_of(few.inputs, config.duration)
    targets: Floats = np.eye(CLASSES)[few.labels]
    layers.answer(weights, inputs)
    layers.learn(weights, inputs, targets, ())
    settling = two_phase(config)
    drawn, phases = first_weights(settling.sizes, 0), EquilibriumPropagation().phases(np.random.default_rng(0))
    settling.learn(drawn, few.centred().inputs, targets, phases)
    settling.answer(drawn, few.centred().inputs)
    if any(method.startswith(("surrogate", "e_prop")) for method in config.methods):
        from neuro.tasks._training_methods_clocked import compile_clocked

        compile_clocked(config)
