"""A digits network in the field: how its inputs or devices drift, and how it learns on from single examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.ndimage import rotate

from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.pair import PairCrossbar
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.settings import Writing
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, accuracy, fit
from neuro.learning.layer_rules import EquilibriumPropagation
from neuro.learning.layers import LayerWeights, SpikingLayers, first_weights
from neuro.randomness import stream
from neuro.tasks._digits import PIXELS, images
from neuro.tasks._layer_prices import crossbar_joules
from neuro.tasks._layered import CLASSES, G_MAX, LEVELS
from neuro.tasks._split_mnist import SplitConfig
from neuro.validation import Floats

DRIFTS = ("rotation", "dead", "ageing")
"""The images turn, rows and columns of the sensor die, or the weights fade and scatter."""
HOLDERS = ("numbers", "levels64")
"""What holds the weights: numbers, or pairs of devices of 64 levels with a write error of one level."""
WAYS = ("learning", "frozen")
WEIGHT_RANGE = 1.0
"""|W| at which one device of a pair stands at each end of its window."""
SIDE = 8
PRICED = 20
"""Test images whose reads are counted."""


class Config(BaseModel):
    """Settings of learning in the field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[Literal["drifts", "split_mnist"], ...] = Field(
        ("drifts",), min_length=1, description="what is run: the drifts of digits, or split-MNIST, which needs MNIST"
    )
    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: splits, first weights, order, drift")
    hidden: int = Field(128, ge=1, description="hidden neurons")
    epochs: int = Field(10, ge=1, description="passes through the training images, before the network is deployed")
    training: int = Field(1000, ge=20, le=1700, description="images that the network learns before")
    streamed: int = Field(400, ge=1, le=1700, description="images from which the examples in the field are drawn")
    stages: int = Field(5, ge=1, description="steps of the drift")
    examples: int = Field(300, ge=1, description="labelled examples of each stage, shown one by one")
    rates: tuple[float, float] = Field((0.03, 0.012), description="learning rates of both matrices in the field")
    angle: float = Field(40.0, description="rotation at the last stage, degrees")
    dead: int = Field(5, ge=0, le=16, description="rows and columns, of 16 in all, that are dead at the last stage")
    kept: float = Field(0.86, gt=0, le=1, description="share of a weight that ageing leaves in each stage")
    scatter: float = Field(0.06, ge=0, description="noise that ageing adds in each stage, of the largest weight")
    split: SplitConfig = Field(SplitConfig(), description="settings of split-MNIST alone")
    tuning: bool = Field(
        False, description="test with images of the training part that are set aside, to choose settings"
    )
    read_voltage: float = Field(0.2, gt=0, description="V, a choice of this task: joules go with its square")
    read_time: float = Field(10e-9, gt=0, description="s, a choice of this task: joules go with it")
    write_voltage: float = Field(2.0, gt=0, description="V, a choice of this task: joules go with its square")
    write_time: float = Field(100e-9, gt=0, description="s, a choice of this task: joules go with it")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Outcome(NamedTuple):
    """One network in the field, with one seed."""

    holder: str
    drift: str
    way: str
    seed: int
    accuracy: tuple[float, ...]
    """On the drifted test images, before the drift and after each stage."""
    counts: dict[str, float]
    """Pulses and joules of each example learned, joules of an inference."""


class Parts(NamedTuple):
    """Images as the sensor gives them, from 0 to 1."""

    training: Examples
    streamed: Examples
    test: Examples
    mean: Floats


def parts_of(config: Config, seed: int) -> Parts:
    """Images for the training before, for the field, and for the test, each drawn by the seed."""
    every = images()
    order = stream(seed, "adapt", "split").permutation(len(every))
    training, streamed, test = np.split(order, [config.training, config.training + config.streamed])
    if config.tuning:
        training, test = np.split(training, [4 * len(training) // 5])
    pieces = [every.take(which) for which in (training, streamed, test)]
    return Parts(*pieces, pieces[0].inputs.mean(axis=0))


def drifted(config: Config, drift: str, examples: Examples, stage: int, seed: int) -> Examples:
    """What the sensor gives at a stage of the drift; at stage 0 and for ageing, the images as they are."""
    share, pictures = stage / config.stages, examples.inputs.reshape(-1, SIDE, SIDE)
    if drift == "rotation" and stage:
        pictures = rotate(pictures, config.angle * share, axes=(1, 2), reshape=False, order=1, mode="constant")
    if drift == "dead":
        pictures = pictures.copy()
        order = stream(seed, "adapt", "dead").permutation(2 * SIDE)
        for line in order[: round(config.dead * share)]:
            rows, columns = (line, slice(None)) if line < SIDE else (slice(None), line - SIDE)
            pictures[:, rows, columns] = 0.0
    return Examples(pictures.reshape(len(examples), PIXELS), examples.labels)


def aged(config: Config, matrices: Sequence[Floats], rng: np.random.Generator) -> list[Floats]:
    """Matrices after one more stage of ageing."""
    return [
        config.kept * each + config.scatter * np.abs(each).max() * rng.standard_normal(each.shape) for each in matrices
    ]


def arrays(config: Config, matrices: Sequence[Floats], seed: int) -> list[PairCrossbar]:
    """Crossbars of 64 levels that hold these matrices; each write misses by one level in the standard deviation."""
    device = Device("levels64", 0.0, G_MAX, levels=LEVELS, write_noise=G_MAX / (LEVELS - 1))
    made = [
        Crossbar(
            np.clip(matrix, -WEIGHT_RANGE, WEIGHT_RANGE),
            device=device,
            reading=Reading(voltage=config.read_voltage, duration=config.read_time),
            writing=Writing(voltage=config.write_voltage, duration=config.write_time),
            w_max=WEIGHT_RANGE,
            start=0.5,
            seed=seed,
            name=f"adapt/{layer}",
        )
        for layer, matrix in enumerate(matrices)
    ]
    return [each for each in made if isinstance(each, PairCrossbar)]


class Deployed:
    """A network in the field: its weights, in numbers or in devices."""

    def __init__(self, network: SpikingLayers, weights: LayerWeights, held: Sequence[PairCrossbar] | None) -> None:
        self.network, self.weights = network, weights
        self.held = None if held is None else [each.copy() for each in held]

    def age(self, config: Config, rng: np.random.Generator) -> None:
        """One more stage of ageing: each weight, or each device, keeps a share and gets noise."""
        if self.held is None:
            self.weights = LayerWeights(tuple(aged(config, self.weights.matrices, rng)), self.weights.biases)
            return
        for crossbar in self.held:
            state = {name: array.copy() for name, array in crossbar.state_arrays().items()}
            # The noises of both devices of a pair add to that of the weight.
            largest = np.abs(crossbar.effective_weights()).max() / WEIGHT_RANGE * G_MAX
            for name in ("plus", "minus"):
                noise = config.scatter / np.sqrt(2.0) * largest * rng.standard_normal(crossbar.shape)
                state[name] = np.clip(config.kept * state[name] + noise, 0.0, G_MAX)
            crossbar.restore_state(state, crossbar.random_state)
        matrices = tuple(each.effective_weights() for each in self.held)
        self.weights = LayerWeights(matrices, self.weights.biases)

    def learn(self, config: Config, shown: Examples, seed: int) -> None:
        """Learn these examples, one after the other."""
        plan = Schedule(epochs=1, batch=1, momentum=0.0, last=1.0, rates=config.rates)
        start: dict[str, Any] = {"weights": self.weights}
        if self.held is not None:
            start = {"crossbars": self.held, "biases": self.weights.biases}
        self.weights = fit(self.network, shown, EquilibriumPropagation(), plan, seed=seed, **start).weights

    def spent(self) -> tuple[float, float]:
        """Pulses and joules of all writes so far."""
        ledgers = [each.ledger for each in self.held or ()]
        pulses = sum(each.as_dict()["pulses_up"] + each.as_dict()["pulses_down"] for each in ledgers)
        joules = sum(value for each in ledgers for cause, value in each.joules.items() if cause.startswith("write"))
        return float(pulses), float(joules)


def learn(job: tuple[Config, str, int]) -> list[Outcome]:
    """Train one network, then let it drift in every way, learning and frozen."""
    config, holder, seed = job
    network = SpikingLayers(sizes=(PIXELS, config.hidden, CLASSES))
    parts = parts_of(config, seed)
    held = arrays(config, first_weights(network.sizes, seed).matrices, seed) if holder == "levels64" else None
    rule, plan = EquilibriumPropagation(), Schedule(epochs=config.epochs)
    fitted = fit(network, parts.training.centred(parts.mean), rule, plan, crossbars=held, seed=seed)
    found = []
    for drift in DRIFTS:
        for way in WAYS:
            deployed = Deployed(network, fitted.weights, held)
            found.append(_in_the_field(config, deployed, parts, holder, drift, way, seed))
    return found


def _in_the_field(
    config: Config, deployed: Deployed, parts: Parts, holder: str, drift: str, way: str, seed: int
) -> Outcome:
    """One network through all stages of one drift."""
    ageing, order = stream(seed, "adapt", "ageing"), stream(seed, "adapt", "order", drift)
    before, found = deployed.spent(), []
    for stage in range(config.stages + 1):
        if drift == "ageing" and stage:
            deployed.age(config, ageing)
        if way == "learning" and stage:
            which = order.integers(0, len(parts.streamed), config.examples)
            shown = drifted(config, drift, parts.streamed.take(which), stage, seed)
            deployed.learn(config, shown.centred(parts.mean), seed * (config.stages + 1) + stage)
        test = drifted(config, drift, parts.test, stage, seed).centred(parts.mean)
        found.append(accuracy(deployed.network, deployed.weights, test)[0])
    counts: dict[str, float] = {}
    if deployed.held is not None and way == "learning":
        learned = config.stages * config.examples
        pulses, joules = (late - early for late, early in zip(deployed.spent(), before, strict=True))
        counts = {"pulses_per_example": pulses / learned, "write_joules_per_example": joules / learned}
        read = crossbar_joules(deployed.network, deployed.weights, test.inputs[:PRICED], deployed.held)
        counts["read_joules_per_inference"] = read["crossbar"]
    return Outcome(holder, drift, way, seed, tuple(found), counts)
