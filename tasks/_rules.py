"""Learning rules side by side: the networks, the constraints of hardware, and one training of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.laws import Constant
from neuro.crossbar.factory import Crossbar
from neuro.engine.lower.program import Program
from neuro.errors import TrainingError
from neuro.learning.fit import Schedule, accuracy, fit
from neuro.learning.layer_rules import (
    ContrastiveHebbian,
    CoupledLearning,
    DeltaRule,
    EquilibriumPropagation,
    Hebb,
    LayerRule,
    LearnsFromSpikes,
)
from neuro.learning.layers import LayerWeights, SpikingLayers, check_weights, first_weights
from neuro.learning.spike_timing_rules import EventPropagation, GatedSTDP
from neuro.randomness import stream
from neuro.tasks._digits import PIXELS, images
from neuro.tasks._layer_prices import pulses_per_device
from neuro.tasks._layered import CLASSES, G_MAX

RULES: dict[str, LayerRule | LearnsFromSpikes] = {
    "centred": EquilibriumPropagation(sides="centred"),
    "random": EquilibriumPropagation(sides="random"),
    "negative": EquilibriumPropagation(sides="negative"),
    "positive": EquilibriumPropagation(sides="positive"),
    "coupled": CoupledLearning(),
    "event": EventPropagation(),
    "contrastive": ContrastiveHebbian(),
    "gated_stdp": GatedSTDP(),
    "delta": DeltaRule(),
    "hebb": Hebb(),
}
NETWORKS = {"one layer": (), "one hidden": (64,), "two hidden": (64, 32)}
"""Sizes of the hidden layers."""
CONSTRAINTS = {
    "numbers": "weights as numbers",
    "levels1024": "1,024 levels",
    "levels256": "256 levels",
    "levels64": "64 levels",
    "levels16": "16 levels",
    "write_noise1": "64 levels, write error of 1 level",
    "write_noise4": "64 levels, write error of 4 levels",
    "asymmetry": "pulses down half as large as up",
    "one_sided": "pulses up alone",
    "stuck": "64 levels, a fifth of the devices stuck at zero",
    "mismatch": "64 levels; the array that reads back differs by 30 % of each weight",
}
LEVELS = 64
WEIGHT_RANGE = 1.0
"""|W| at which one device of a pair stands at each end of its window."""
MISMATCH, STUCK, ASYMMETRY = 0.3, 0.2, 0.5


class Config(BaseModel):
    """Settings of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(3, ge=1, description="independent repetitions: splits, first weights, order, devices")
    training: int = Field(600, ge=20, le=1400, description="images that each rule learns from")
    test: int = Field(360, ge=20, le=390, description="images of the test")
    epochs: int = Field(5, ge=1, description="passes through them: the same budget for every rule")
    rates: dict[str, float] = Field(
        default={"event": 2.0, "hebb": 0.03},
        description="factor on the learning rates by rule; 1 for a rule that is not named",
    )
    constraints: tuple[str, ...] = Field(tuple(CONSTRAINTS), min_length=1, description="constraints of the hardware")
    networks: tuple[str, ...] = Field(tuple(NETWORKS), min_length=1, description="networks")
    gradients: int = Field(3, ge=1, description="small networks on which each rule is compared with the gradient")
    tuning: bool = Field(False, description="test with other images than those of the test, to choose settings")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Outcome(NamedTuple):
    """One training."""

    rule: str
    network: str
    constraint: str
    seed: int
    accuracy: float
    """On the test images; NaN if an output fell silent in training, and learned nothing any more."""
    pulses: float
    """Per device; NaN with numbers."""


@dataclass(frozen=True, kw_only=True)
class MismatchedLayers(SpikingLayers):
    """Layers whose weights back differ from those forth by a share of each weight that is drawn once."""

    mismatch: float = 0.0
    """Standard deviation of the shares."""
    seed: int = 0
    """Of the draw."""

    def programmed(self, weights: LayerWeights) -> Program:
        """As `SpikingLayers.programmed`."""
        check_weights(weights, self.sizes)
        given = {}
        for layer, matrix in enumerate(weights.matrices[1:], 1):
            share = stream(self.seed, "rules", "mismatch", str(layer)).standard_normal(matrix.shape)
            given |= {f"up{layer}": matrix, f"down{layer}": (matrix * (1.0 + self.mismatch * share)).T}
        return self.program.with_weights(given)


def arrays(constraint: str, weights: LayerWeights, seed: int) -> list[AbstractCrossbar] | None:
    """Crossbars under a constraint; None for numbers."""
    if constraint == "numbers":
        return None
    step = G_MAX / (LEVELS - 1)
    device = Device(constraint, 0.0, G_MAX, levels=LEVELS)
    if constraint.startswith("levels"):
        device = Device(constraint, 0.0, G_MAX, levels=int(constraint.removeprefix("levels")))
    elif constraint.startswith("write_noise"):
        noise = int(constraint.removeprefix("write_noise")) * step
        device = Device(constraint, 0.0, G_MAX, levels=LEVELS, write_noise=noise)
    elif constraint in ("asymmetry", "one_sided"):
        law = Constant(step=step, up_down=1.0 if constraint == "one_sided" else ASYMMETRY)
        device = Device(constraint, 0.0, G_MAX, law=law)
    # Devices that only rise need room above them: one of each pair starts at the bottom of its window.
    start = None if constraint == "one_sided" else 0.5
    return [
        Crossbar(
            matrix,
            device=device,
            faults=Faults.stuck(matrix.shape, STUCK if constraint == "stuck" else 0.0, seed=seed + layer),
            w_max=WEIGHT_RANGE,
            start=start,
            seed=seed,
            name=f"rules/{layer}",
        )
        for layer, matrix in enumerate(weights.matrices)
    ]


def learn(job: tuple[Config, str, str, str, int]) -> Outcome:
    """Train one network by one rule under one constraint, and test it."""
    config, rule, name, constraint, seed = job
    order = stream(seed, "rules", "split").permutation(len(images()))
    test, training = order[: config.test], order[config.test : config.test + config.training]
    if config.tuning:
        test = order[config.test + config.training :][: config.test]
    shown, asked = images().take(training), images().take(test)
    mean = shown.inputs.mean(axis=0)
    sizes = (PIXELS, *NETWORKS[name], CLASSES)
    mismatch = MISMATCH if constraint == "mismatch" else 0.0
    network = MismatchedLayers(sizes=sizes, mismatch=mismatch, seed=seed) if mismatch else SpikingLayers(sizes=sizes)
    factor = config.rates.get(rule, 1.0)
    rates = tuple(factor * rate for rate in (0.2, *[0.05] * (len(sizes) - 2)))
    held = arrays(constraint, first_weights(sizes, seed), seed)
    pulses = float("nan")
    try:
        plan = Schedule(epochs=config.epochs, rates=rates)
        fitted = fit(network, shown.centred(mean), RULES[rule], plan, crossbars=held, seed=seed)
    except TrainingError:
        return Outcome(rule, name, constraint, seed, float("nan"), pulses)
    if held is not None:
        pulses = pulses_per_device(held)
    return Outcome(rule, name, constraint, seed, accuracy(network, fitted.weights, asked.centred(mean))[0], pulses)
