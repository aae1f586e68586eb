"""The yin-yang task's parts: the published generator of points, and one training."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.gradients.exact_rule import ExactGradient
from neuro.gradients.timed_layers import TimedLayers
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, accuracy, fit
from neuro.units import ms
from neuro.validation import Floats, Ints

SIZES = {"training": 5000, "validation": 1000, "test": 1000}
SEEDS = {"training": 42, "validation": 41, "test": 40}
"""Of the generator, as published."""
RADIUS, DOT = 0.5, 0.1
CLASSES = ("yin", "yang", "dot")


class Config(BaseModel):
    """Settings of the yin-yang task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: first weights and order")
    hidden: int = Field(150, ge=1, description="hidden neurons")
    epochs: int = Field(60, ge=1, description="passes through the training points")
    rate: float = Field(5e-3, gt=0, description="first learning rate, of Adam")
    last: float = Field(0.03, gt=0, description="learning rate at the end, as a share of the first")
    batch: int = Field(50, ge=1, description="points of one update")
    late: float = Field(20 * ms, gt=0, description="time of an input of 1, s; an input of 0 is at 1 ms")
    duration: float = Field(40 * ms, gt=0, description="of a run, s")
    temperature: float = Field(1 * ms, gt=0, description="scale of differences of spike times in the loss, s")
    slope_floor: float = Field(5.0, ge=0, description="least dv/dt at a spike that gradients divide by, 1/s")
    revival: float = Field(0.5, ge=0, description="factor of the largest v of a silent right output in the loss")
    delays: bool = Field(False, description="are delays trained, too?")
    used: int = Field(0, ge=0, description="points of each set that are used, the first ones; 0 takes all")
    judged: Literal["validation", "test"] = Field("test", description="the set that is looked at when all is done")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Outcome(NamedTuple):
    """Result of one seed."""

    seed: int
    judged: float
    """Share of the judged points that are classified rightly."""
    training: tuple[float, ...]
    """The same of the training points by epoch, while they are learned."""
    validation: tuple[float, ...]
    """The same of the validation points after each epoch."""
    spikes: tuple[float, float]
    """Mean number of spikes of a judged point before and after training, inputs included."""
    cpu_seconds_per_epoch: float
    """Validation included."""
    acted: dict[str, int]
    """How often the floor of the slope and the revival have acted."""
    answers: Ints
    """The class that the network gives each judged point, shape (points,)."""


def points(name: str) -> tuple[Floats, Ints]:
    """The points of a set in the unit square, shape (points, 2), and their classes.

    As the published generator draws them (Kriener, Goeltz and Petrovici, NICE 2022): the class first, then points until
    one has it.
    """
    rng = np.random.RandomState(SEEDS[name])
    found, labels = [], []
    for _ in range(SIZES[name]):
        wanted = rng.randint(3)
        while True:
            x, y = rng.rand(2) * 2.0 * RADIUS
            if np.sqrt((x - RADIUS) ** 2 + (y - RADIUS) ** 2) <= RADIUS and class_of(x, y) == wanted:
                break
        found.append((x, y))
        labels.append(wanted)
    return np.array(found), np.array(labels, np.int64)


def class_of(x: float, y: float) -> int:
    """The class of a point of the disk: 0 yin, 1 yang, 2 dot."""
    right = np.sqrt((x - 1.5 * RADIUS) ** 2 + (y - RADIUS) ** 2)
    left = np.sqrt((x - 0.5 * RADIUS) ** 2 + (y - RADIUS) ** 2)
    if right < DOT or left < DOT:
        return 2
    return int(right <= DOT or DOT < left <= 0.5 * RADIUS or (y > RADIUS and right > 0.5 * RADIUS))


def examples(config: Config, name: str) -> Examples:
    """Points as spike times of x, y, 1 - x, 1 - y and a bias, s."""
    where, labels = points(name)
    count = config.used or len(labels)
    values = np.column_stack([where, 1.0 - where, np.zeros(len(where))])
    return Examples((1 * ms + (config.late - 1 * ms) * values)[:count], labels[:count])


def network(config: Config) -> TimedLayers:
    """The layers that are trained."""
    return TimedLayers(
        sizes=(5, config.hidden, 3),
        duration=config.duration,
        temperature=config.temperature,
        slope_floor=config.slope_floor,
        revival=config.revival,
        train_delays=2 * ms if config.delays else 0.0,
        delay_width=0.5 if config.delays else 0.0,
        delay=2 * ms if config.delays else 1 * ms,
    )


def learn(job: tuple[Config, int]) -> Outcome:
    """Train with one seed; then look at the judged points, once."""
    config, seed = job
    layers = network(config)
    training, validation = examples(config, "training"), examples(config, "validation")
    plan = Schedule(epochs=config.epochs, rates=(config.rate, config.rate), last=config.last, batch=config.batch)
    compile_network(config)
    began = time.process_time()
    fitted = fit(layers, training, ExactGradient(), plan, validation=validation, seed=seed)
    seconds = (time.process_time() - began) / config.epochs
    judged = examples(config, config.judged)
    before = accuracy(layers, layers.first_weights(seed), judged)[1]
    found = layers.answer(fitted.weights, judged.inputs)
    outputs = found.activities[-1]
    return Outcome(
        seed,
        float(judged.right(outputs).mean()),
        tuple(fitted.training),
        tuple(fitted.validation),
        (before, float(found.spikes.mean())),
        seconds,
        dict(layers.acted),
        outputs.argmax(axis=1),
    )


def compile_network(config: Config) -> None:
    """Compile all kernels."""
    layers = network(config)
    weights, few = layers.first_weights(0), examples(config, "validation").take(np.arange(2))
    layers.answer(weights, few.inputs)
    layers.learn(weights, few.inputs, np.eye(3)[few.labels], ())
