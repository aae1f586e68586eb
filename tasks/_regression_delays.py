"""The regression-delays task's parts: functions of spike times, one training, and its gradient beside differences."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.engine.recording import Spikes
from neuro.engine.run import run
from neuro.gradients.exact_rule import ExactGradient
from neuro.gradients.gradient import gradient
from neuro.gradients.losses import FirstSpike, SquaredError
from neuro.gradients.timed_layers import TimedLayers
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, fit
from neuro.learning.layers import LayerWeights
from neuro.randomness import stream
from neuro.units import ms
from neuro.validation import Floats

EARLY, REFERENCE = 1 * ms, 1 * ms
"""Time of the spike of a value of 0, and of the input that is always the same, s."""
UNIT = 5 * ms
"""Delays are trained in units of this, s."""


class Config(BaseModel):
    """Settings of the regression-delays task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: first weights and delays, and order")
    functions: tuple[Literal["shift", "mean", "maximum", "product", "sine"], ...] = Field(
        ("shift", "mean", "maximum", "product", "sine"), description="what is learned"
    )
    trained: tuple[Literal["delays", "weights", "both"], ...] = Field(
        ("delays", "weights", "both"), description="what is trained: networks that stand beside each other"
    )
    hidden: int = Field(60, ge=1, description="hidden neurons")
    epochs: int = Field(80, ge=1, description="passes through the training points")
    rates: tuple[float, float, float] = Field(
        (0.05, 0.05, 0.05), description="first learning rate, of Adam, where delays, weights or both are trained"
    )
    last: float = Field(0.02, gt=0, description="learning rate at the end, as a share of the first")
    batch: int = Field(20, ge=1, description="points of one update")
    span: float = Field(10 * ms, gt=0, description="between the spikes of the values 0 and 1, s; of answers as well")
    answer: float = Field(18 * ms, gt=0, description="time of the answer 0, s")
    duration: float = Field(50 * ms, gt=0, description="of a run, s")
    tau_m: float = Field(10 * ms, gt=0, description="membrane time constant, s")
    tau_syn: float = Field(5 * ms, gt=0, description="synaptic time constant, s")
    means: tuple[float, float] = Field((3.0, 0.35), description="mean of the first weights of both matrices")
    spreads: tuple[float, float] = Field((3.0, 0.4), description="standard deviation of the same")
    delay: float = Field(5 * ms, gt=0, description="mean of the first delays, s")
    width: float = Field(0.9, ge=0, lt=1, description="first delays are drawn from 1 - and 1 + this of their mean")
    slope_floor: float = Field(20.0, ge=0, description="least dv/dt at a spike that gradients divide by, 1/s")
    revival: float = Field(200.0, ge=0, description="factor of the largest v of a silent output in the loss")
    least_spikes: float = Field(
        0.5, ge=0, description="mean spikes of a hidden neuron below which its inputs grow, where weights are trained"
    )
    points: tuple[int, int, int] = Field((400, 200, 1000), description="for training, validation and the test")
    judged: Literal["validation", "test"] = Field("test", description="the set that is looked at when all is done")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Function(NamedTuple):
    """A function of values in 0..1, with values in 0..1."""

    arguments: int
    value: Callable[..., Floats]
    formula: str


FUNCTIONS = {
    "shift": Function(1, lambda x: x, "x"),
    "mean": Function(2, lambda x, y: (x + y) / 2.0, "(x + y) / 2"),
    "maximum": Function(2, np.maximum, "max(x, y)"),
    "product": Function(2, lambda x, y: x * y, "x y"),
    "sine": Function(1, lambda x: (1.0 + np.sin(2.0 * np.pi * x)) / 2.0, "(1 + sin 2 pi x) / 2"),
}
TRAINED = ("delays", "weights", "both")
SETS = ("training", "validation", "test")


def examples(config: Config, name: str, which: str) -> Examples:
    """Points of a function: spike times of its arguments and of the reference, and when to answer, s."""
    function = FUNCTIONS[name]
    rng = stream(0, "regression delays", name, which)
    values = rng.random((config.points[SETS.index(which)], function.arguments))
    times = np.column_stack([EARLY + config.span * values, np.full(len(values), REFERENCE)])
    return Examples(times, targets=config.answer + config.span * function.value(*values.T)[:, None])


def layers_of(config: Config, name: str, trained: str) -> TimedLayers:
    """The network: the arguments and the reference, hidden neurons, one output."""
    return TimedLayers(
        sizes=(FUNCTIONS[name].arguments + 1, config.hidden, 1),
        loss="squared_error",
        duration=config.duration,
        tau_m=config.tau_m,
        tau_syn=config.tau_syn,
        once=True,
        first_mean=config.means,
        first_sd=config.spreads,
        temperature=1 * ms,
        slope_floor=config.slope_floor,
        revival=config.revival,
        least_spikes=0.0 if trained == "delays" else config.least_spikes,
        delay=config.delay,
        delay_width=config.width,
        train_delays=0.0 if trained == "weights" else UNIT,
        train_weights=trained != "delays",
    )


class Outcome(NamedTuple):
    """Result of one function, of one way to train, and of one seed."""

    function: str
    trained: str
    seed: int
    answers: Floats
    """To the judged points, s."""
    rms: float
    """Error of these, s."""
    r2: float
    training: tuple[float, ...]
    """Rms error of the training points by epoch, while they are learned, s."""
    validation: tuple[float, ...]
    """That of the validation points after each epoch, s."""
    silent: float
    """Share of the judged points without an answer; they count as answered at the end of the run."""
    spikes: float
    """Of a judged point, inputs included."""
    moved: float
    """Mean distance of the delays to what they were at first, s."""
    cpu_seconds: float
    first: LayerWeights
    """Weights and delays before training."""
    weights: LayerWeights
    """The same after it."""


def learn(job: tuple[Config, str, str, int]) -> Outcome:
    """Train one network; then look at the judged points, once."""
    config, name, trained, seed = job
    layers, rate = layers_of(config, name, trained), config.rates[TRAINED.index(trained)]
    plan = Schedule(epochs=config.epochs, rates=(rate, rate), last=config.last, batch=config.batch)
    training, validation, judged = (examples(config, name, which) for which in (*SETS[:2], config.judged))
    compile_network(config)
    began = time.process_time()
    fitted = fit(layers, training, ExactGradient(), plan, validation=validation, seed=seed)
    seconds = time.process_time() - began
    first, found = layers.first_weights(seed), layers.answer(fitted.weights, judged.inputs)
    answers = config.duration - found.activities[-1][:, 0]
    rms, r2 = errors(answers, targets_of(judged))
    pairs = zip(first.biases, fitted.weights.biases, strict=True)
    return Outcome(
        *(name, trained, seed, answers, rms, r2),
        tuple(-each for each in fitted.training),
        tuple(-each for each in fitted.validation),
        float(np.mean(answers == config.duration)),
        float(found.spikes.mean()),
        float(np.mean(np.concatenate([np.abs(now - then).ravel() for then, now in pairs]))),
        *(seconds, first, fitted.weights),
    )


def targets_of(data: Examples) -> Floats:
    """When the output should answer each point, s."""
    assert data.targets is not None
    return data.targets[:, 0]


def errors(answers: Floats, targets: Floats) -> tuple[float, float]:
    """Root of the mean squared error, and the share of the targets' variance that is explained."""
    square = float(np.mean((answers - targets) ** 2))
    return square**0.5, 1.0 - square / float(np.var(targets))


def simple(config: Config, name: str) -> dict[str, tuple[float, float]]:
    """Errors of the best constant and of the best linear function of the input times, as `errors`."""
    training, judged = examples(config, name, "training"), examples(config, name, config.judged)
    wanted = targets_of(judged)
    answers = {"constant": np.full(len(judged), targets_of(training).mean())}
    rows = [np.column_stack([np.ones(len(each)), each.inputs[:, :-1]]) for each in (training, judged)]
    answers["linear"] = rows[1] @ np.linalg.lstsq(rows[0], targets_of(training), rcond=None)[0]
    return {kind: errors(each, wanted) for kind, each in answers.items()}


class Slopes(NamedTuple):
    """Derivatives of a loss by some delays, s^2 per second."""

    exact: Floats
    differences: Floats
    """Central differences of runs."""


def slopes(config: Config, outcome: Outcome, count: int = 40, shown: int = 5, step: float = 5e-7) -> Slopes:
    """By `count` delays of a trained network, of the squared errors of its first `shown` answers, summed.

    Points without an answer, and delays that do not matter to these answers, are left out.
    """
    layers, points = layers_of(config, outcome.function, "delays"), examples(config, outcome.function, "validation")
    answered = layers.answer(outcome.weights, points.inputs).activities[-1][:, 0] > 0.0
    points = points.take(np.flatnonzero(answered)[:shown])
    given = [{"inputs": Spikes(row, np.arange(len(row)))} for row in points.inputs]
    losses = [SquaredError(FirstSpike(population="layer2"), target) for target in targets_of(points)]

    def loss(delays: list[Floats]) -> float:
        program, total = layers.programmed(LayerWeights(outcome.weights.matrices, tuple(delays))), 0.0
        for inputs, target in zip(given, targets_of(points), strict=True):
            times = run(program, config.duration, inputs=inputs).spikes["layer2"].times
            total += float((times[0] if len(times) else config.duration) - target) ** 2
        return total

    program = layers.programmed(outcome.weights)
    recordings = [run(program, config.duration, inputs=inputs) for inputs in given]
    found = gradient(program, recordings, inputs=given, loss=losses)
    exact = [np.asarray(found.delays[f"up{k}"]) for k in (1, 2)]
    places = [(k, i) for k in (0, 1) for i in np.flatnonzero(exact[k])]
    rng = stream(config.seed, "regression delays", "slopes")
    places = [places[n] for n in np.sort(rng.permutation(len(places))[:count])]
    differences = []
    for k, i in places:
        sides = []
        for by in (step, -step):
            delays = [each.copy() for each in outcome.weights.biases]
            delays[k].ravel()[i] += by
            sides.append(loss(delays))
        differences.append((sides[0] - sides[1]) / (2.0 * step))
    return Slopes(np.array([exact[k].ravel()[i] for k, i in places]), np.array(differences))


def compile_network(config: Config) -> None:
    """Compile all kernels."""
    for trained in ("delays", "weights"):
        layers, few = layers_of(config, "shift", trained), examples(config, "shift", "validation").take(np.arange(2))
        first = layers.first_weights(0)
        layers.answer(first, few.inputs)
        layers.learn(first, few.inputs, few.targets, ())
