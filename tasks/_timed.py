"""Tasks of layers that answer by their first spikes: their common settings, one training, metrics, table and curves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.gradients.exact_rule import ExactGradient
from neuro.gradients.timed_layers import TimedLayers
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, accuracy, fit
from neuro.learning.layers import LayerWeights
from neuro.report.record import Table
from neuro.report.style import canvas, colour, styled
from neuro.units import ms
from neuro.validation import Floats, Ints

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EARLY = 1 * ms
"""Time of the earliest input, s."""
BLOCK = 20
"""Judged examples that see one draw of the noise of crossbars' reads."""


class TimedConfig(BaseModel):
    """Settings that these tasks have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: first weights and order")
    hidden: int = Field(150, ge=1, description="hidden neurons")
    epochs: int = Field(100, ge=1, description="passes through the training examples")
    rate: float = Field(1e-2, gt=0, description="first learning rate, of Adam")
    last: float = Field(0.02, gt=0, description="learning rate at the end, as a share of the first")
    batch: int = Field(50, ge=1, description="examples of one update")
    late: float = Field(21 * ms, gt=0, description="time of the latest input, s; the earliest is at 1 ms")
    duration: float = Field(50 * ms, gt=0, description="of a run, s")
    tau_m: float = Field(10 * ms, gt=0, description="membrane time constant, s")
    tau_syn: float = Field(10 * ms, gt=0, description="synaptic time constant, s")
    once: bool = Field(True, description="does each neuron spike at most once?")
    means: tuple[float, float] = Field((1.3, 0.2), description="mean of the first weights of both matrices")
    spreads: tuple[float, float] = Field((0.7, 0.2), description="standard deviation of the same")
    temperature: float = Field(1 * ms, gt=0, description="scale of differences of spike times in the loss, s")
    slope_floor: float = Field(5.0, ge=0, description="least dv/dt at a spike that gradients divide by, 1/s")
    revival: float = Field(20.0, ge=0, description="factor of the largest v of a silent right output in the loss")
    least_spikes: float = Field(
        0.0, ge=0, description="mean spikes of a hidden neuron in the examples of an update below which its inputs grow"
    )
    delays: bool = Field(False, description="are delays trained, too?")
    used: int = Field(0, ge=0, description="examples of each set that are used, the first ones; 0 takes all")
    judged: Literal["validation", "test"] = Field("test", description="the set that is looked at when all is done")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


class Outcome(NamedTuple):
    """Result of one seed."""

    seed: int
    judged: float
    """Share of the judged examples that are classified rightly."""
    training: tuple[float, ...]
    """The same of the training examples by epoch, while they are learned."""
    validation: tuple[float, ...]
    """The same of the validation examples after each epoch."""
    spikes: tuple[float, float]
    """Mean number of spikes of a judged example before and after training, inputs included."""
    cpu_seconds_per_epoch: float
    """Validation included."""
    acted: dict[str, int]
    """How often the floor of the slope and the revival have acted."""
    answers: Ints
    """The class that the network gives each judged example, shape (examples,)."""
    others: dict[str, float]
    """Shares of the judged examples that are classified rightly by networks that this one is compared with."""


class Sets(NamedTuple):
    """What a network is trained with and judged by."""

    training: Examples | Callable[[int], Examples]
    validation: Examples
    judged: Examples


def network(config: TimedConfig, inputs: int, outputs: int) -> TimedLayers:
    """The layers that are trained."""
    return TimedLayers(
        sizes=(inputs, config.hidden, outputs),
        duration=config.duration,
        tau_m=config.tau_m,
        tau_syn=config.tau_syn,
        once=config.once,
        first_mean=config.means,
        first_sd=config.spreads,
        temperature=config.temperature,
        slope_floor=config.slope_floor,
        revival=config.revival,
        least_spikes=config.least_spikes,
        train_delays=5 * ms if config.delays else 0.0,
        delay_width=0.5 if config.delays else 0.0,
        delay=5 * ms if config.delays else 1 * ms,
    )


Programmed = Callable[[LayerWeights], list[AbstractCrossbar]]
"""Makes crossbars that hold the matrices."""


def train(
    config: TimedConfig, layers: TimedLayers, sets: Sets, seed: int, programmed: Programmed | None = None
) -> Outcome:
    """Train with one seed, on crossbars if they are to be made; then look at the judged examples, once.

    Beside a network that is trained on crossbars stands one that is trained as numbers, and then programmed into them.
    """
    plan = Schedule(epochs=config.epochs, rates=(config.rate, config.rate), last=config.last, batch=config.batch)
    held = None if programmed is None else programmed(layers.first_weights(seed))
    began = time.process_time()
    fitted = fit(layers, sets.training, ExactGradient(), plan, validation=sets.validation, crossbars=held, seed=seed)
    seconds = (time.process_time() - began) / config.epochs
    acted = dict(layers.acted)
    others: dict[str, float] = {}
    if programmed is not None:
        numbers = fit(layers, sets.training, ExactGradient(), plan, seed=seed).weights
        others["numbers"] = accuracy(layers, numbers, sets.judged)[0]
        outputs, _ = _answers(layers, numbers, programmed(numbers), sets.judged)
        others["programmed"] = float(sets.judged.right(outputs).mean())
    before = accuracy(layers, layers.first_weights(seed), sets.judged)[1]
    outputs, spikes = _answers(layers, fitted.weights, held, sets.judged)
    return Outcome(
        seed,
        float(sets.judged.right(outputs).mean()),
        tuple(fitted.training),
        tuple(fitted.validation),
        (before, float(spikes.mean())),
        seconds,
        acted,
        outputs.argmax(axis=1),
        others,
    )


def _answers(
    layers: TimedLayers, weights: LayerWeights, held: list[AbstractCrossbar] | None, judged: Examples
) -> tuple[Floats, Floats]:
    """Outputs and spikes of the judged examples; those on crossbars in blocks, each with a new draw of read noise."""
    if held is None:
        found = layers.answer(weights, judged.inputs)
        return found.activities[-1], found.spikes
    blocks = []
    for first in range(0, len(judged), BLOCK):
        seen = tuple(each.snapshot().effective_weights() for each in held)
        blocks.append(layers.answer(LayerWeights(seen, weights.biases), judged.inputs[first : first + BLOCK]))
    return np.concatenate([each.activities[-1] for each in blocks]), np.concatenate([each.spikes for each in blocks])


def compile_layers(layers: TimedLayers, few: Examples) -> None:
    """Compile all kernels."""
    weights = layers.first_weights(0)
    layers.answer(weights, few.inputs)
    layers.learn(weights, few.inputs, np.eye(layers.sizes[-1])[few.labels], ())


OTHERS = {"numbers": "trained as numbers", "programmed": "the same, programmed"}
"""Titles of the networks beside those that are trained on crossbars."""
MEASURED = ("cpu_seconds_per_epoch",)
"""The metrics that depend on the machine."""


def metrics_of(outcomes: list[Outcome], name: str) -> dict[str, float]:
    """Metrics over the seeds, by name; `name` is that of the judged set."""
    judged = [outcome.judged for outcome in outcomes]
    metrics = {
        f"{name}_accuracy": float(np.median(judged)),
        f"{name}_accuracy/lowest": min(judged),
        "validation_accuracy/last": float(np.median([outcome.validation[-1] for outcome in outcomes])),
        "cpu_seconds_per_epoch": float(np.mean([outcome.cpu_seconds_per_epoch for outcome in outcomes])),
        "spikes/before": float(np.mean([outcome.spikes[0] for outcome in outcomes])),
        "spikes/after": float(np.mean([outcome.spikes[1] for outcome in outcomes])),
    }
    for other in outcomes[0].others:
        metrics[f"{name}_accuracy/{other}"] = float(np.median([outcome.others[other] for outcome in outcomes]))
    for what in ("slope_floor", "revival", "least_spikes"):
        metrics[f"acted/{what}"] = float(np.mean([outcome.acted.get(what, 0) for outcome in outcomes]))
    return metrics


def table(outcomes: list[Outcome], title: str, name: str) -> Table:
    """Accuracy by seed."""
    rows = [
        (
            *(each.seed, f"{each.judged:.4f}", *(f"{other:.4f}" for other in each.others.values())),
            *(f"{each.validation[-1]:.4f}", f"{each.cpu_seconds_per_epoch:.2f}"),
        )
        for each in outcomes
    ]
    others = (OTHERS[other] for other in outcomes[0].others)
    columns = ("seed", f"{name} accuracy", *others, "validation accuracy at the end", "CPU seconds an epoch")
    return Table(f"{title}: accuracy by seed", columns, tuple(rows))


def curves(outcomes: list[Outcome], title: str) -> Figure:
    """Errors by epoch."""
    with styled():
        figure, axes = canvas(6.4, 4.2, f"{title}: errors by epoch, all seeds", "epoch", "share of errors")
        for k, (label, field) in enumerate((("training", "training"), ("validation", "validation"))):
            for n, outcome in enumerate(outcomes):
                errors = 1.0 - np.array(getattr(outcome, field))
                axes.plot(np.arange(1, len(errors) + 1), errors, color=colour(k), label=label if n == 0 else None)
        axes.set_yscale("log")
        axes.legend(loc="upper right")
    return figure
