"""The Braille memory learns on devices of which one property at a time gets worse, until learning breaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.laws import Constant, Linear
from neuro.learning.memory import compile_recall
from neuro.progress import Progress
from neuro.report import Report, Table
from neuro.system.workers import run_jobs
from neuro.tasks import _braille_memory as braille
from neuro.tasks._braille_cues import CELLS
from neuro.validation import Floats

KNOBS = ("levels", "write_noise", "asymmetry", "softness", "stuck")
"""Properties that are varied, one at a time; the others are those of a device of 64 levels without errors."""

LABELS = {
    "levels": "levels of a device",
    "write_noise": "write noise (share of the window)",
    "asymmetry": "asymmetry 1 - down/up of a pulse",
    "softness": "share of a step lost at the end of the window",
    "stuck": "share of stuck devices",
}
LEVELS = 64


class Config(BaseModel):
    """Settings of the sweeps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(2, ge=1, description="independent repetitions")
    epochs: int = Field(80, ge=1, description="updates of the weights")
    cues: int = Field(4, ge=1, description="distorted cues of every name in each epoch")
    flip: float = Field(0.2, gt=0, lt=1, description="probability that a dot is flipped in the test")
    trials: int = Field(180, ge=9, description="test cues for each point and seed")
    levels: tuple[int, ...] = Field((3, 4, 6, 8, 16, 32, 128), min_length=2, description="levels of a device")
    write_noise: tuple[float, ...] = Field(
        (0.0, 0.01, 0.02, 0.04, 0.08, 0.16), min_length=2, description="write noise, as a share of the window"
    )
    asymmetry: tuple[float, ...] = Field(
        (0.0, 0.3, 0.6, 0.8, 0.9), min_length=2, description="1 - down/up: how much weaker down pulses are"
    )
    softness: tuple[float, ...] = Field(
        (0.0, 0.25, 0.5, 0.75, 1.0), min_length=2, description="share of a step that is lost at the end of the window"
    )
    stuck: tuple[float, ...] = Field(
        (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8), min_length=2, description="share of devices stuck at zero"
    )
    broken: float = Field(0.5, gt=0, lt=1, description="share of the ideal score below which learning counts as broken")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


PRESETS = {
    "smoke": Config(
        seeds=1,
        epochs=20,
        cues=2,
        flip=0.1,
        trials=27,
        levels=(4, 64),
        write_noise=(0.0, 0.16),
        asymmetry=(0.0, 0.9),
        softness=(0.0, 1.0),
        stuck=(0.0, 0.8),
    ),
    "paper": Config(),
}


class Point(NamedTuple):
    """One memory: the knob, its value, and the seed."""

    knob: str
    value: float
    seed: int


def build(knob: str, value: float, seed: int) -> tuple[Device, Faults]:
    """The devices of a point. The diagonal is left unformed: no neuron has a synapse onto itself.

    >>> build("levels", 8, 0)[0].levels
    8
    """
    published = load_device("taox_64x64")
    low, high = published.g_min, published.g_max
    span, name = high - low, f"{knob} {value:g}"
    step = span / (LEVELS - 1)
    if knob == "ideal":
        device = load_device("ideal")
    elif knob == "asymmetry":
        device = Device(name, low, high, law=Constant(step=step, up_down=value))
    elif knob == "softness":
        device = Device(name, low, high, law=Linear(step=step, gamma_up=value, gamma_down=value))
    else:
        levels = int(value) if knob == "levels" else LEVELS
        device = Device(name, low, high, levels=levels, write_noise=value * span if knob == "write_noise" else 0.0)
    size = CELLS * 6
    diagonal = np.eye(size, dtype=bool)
    unformed = np.where(diagonal, 0.0, np.nan)
    share = value if knob == "stuck" else 0.0
    return device, Faults.stuck((size, size), share, seed=seed) | Faults(unformed, unformed)


def points(config: Config) -> list[Point]:
    """Every memory to be trained, the ideal ones first."""
    seeds = range(config.seed, config.seed + config.seeds)
    settings = [("ideal", 0.0), *((knob, float(value)) for knob in KNOBS for value in getattr(config, knob))]
    return [Point(knob, value, seed) for knob, value in settings for seed in seeds]


def score(job: tuple[Config, Point]) -> tuple[Point, float, float]:
    """Train and test one memory: the share of exact words, and pulses for each device."""
    config, point = job
    settings = braille.Config(
        seed=config.seed, epochs=config.epochs, cues=config.cues, flips=(config.flip,), trials=config.trials
    )
    device, faults = build(*point)
    found = braille.learn_on(settings, f"{point.knob} {point.value:g}", point.seed, device, faults)
    return point, found.exact[0], found.counts["pulses_per_device"]


def scores(config: Config, progress: Progress) -> Iterator[tuple[Point, float, float]]:
    """Every memory's score, as they get ready."""
    jobs = [(config, point) for point in points(config)]
    label = "training and recalling"
    return run_jobs(score, jobs, workers=config.workers, prepare=compile_recall, progress=progress, label=label)


def breaking_point(values: Floats, found: Floats, floor: float) -> float:
    """Where a curve first falls below `floor`, linear between its points; NaN where it never does.

    The curve is followed in the order given, from good to bad.

    >>> float(breaking_point(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.8, 0.2]), 0.5))
    1.5
    """
    below = np.flatnonzero(found < floor)
    if not len(below):
        return float("nan")
    k = int(below[0])
    if k == 0:
        return float(values[0])
    share = (found[k - 1] - floor) / (found[k - 1] - found[k])
    return float(values[k - 1] + share * (values[k] - values[k - 1]))


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train every memory, and find the value of each knob at which learning breaks."""
    found: dict[tuple[str, float], list[float]] = {}
    pulses: dict[tuple[str, float], list[float]] = {}
    for point, exact, sent in sorted(scores(config, progress)):
        found.setdefault(point[:2], []).append(exact)
        pulses.setdefault(point[:2], []).append(sent)
    ideal = float(np.mean(found["ideal", 0.0]))
    metrics = {"exact_words/ideal": ideal}
    curves: dict[str, tuple[Floats, Floats, Floats]] = {}
    breaks: dict[str, float] = {}
    for knob in KNOBS:
        # From good to bad: many levels first, little of everything else.
        values = np.array(sorted(map(float, getattr(config, knob)), reverse=knob == "levels"))
        mean = np.array([np.mean(found[knob, value]) for value in values])
        error = np.array([_standard_error(found[knob, value], config.trials) for value in values])
        curves[knob] = values, mean, error
        breaks[knob] = breaking_point(values, mean, config.broken * ideal)
        for value, exact, deviation in zip(values, mean, error, strict=True):
            metrics[f"exact_words/{knob}/{value:g}"] = float(exact)
            metrics[f"standard_error/{knob}/{value:g}"] = float(deviation)
            metrics[f"pulses_per_device/{knob}/{value:g}"] = float(np.mean(pulses[knob, value]))
        if not np.isnan(breaks[knob]):
            metrics[f"breaks_at/{knob}"] = breaks[knob]
    return Report(
        task="devices-study",
        metrics=metrics,
        tables=(_table(config, ideal, curves, breaks),),
        figures={knob: _figure(config, knob, ideal, curves[knob], breaks[knob]) for knob in KNOBS},
    )


def _standard_error(exact: list[float], trials: int) -> float:
    """Of the mean over seeds; with a single seed, of its binomial trials."""
    if len(exact) > 1:
        return float(np.std(exact, ddof=1) / np.sqrt(len(exact)))
    return float(np.sqrt(exact[0] * (1.0 - exact[0]) / trials))


def _table(config: Config, ideal: float, curves: dict[str, Any], breaks: dict[str, float]) -> Table:
    rows = []
    for knob in KNOBS:
        values, mean, _ = curves[knob]
        verdict = f"breaks at {breaks[knob]:.3g}" if not np.isnan(breaks[knob]) else "does not break"
        verdict = verdict if ideal else "nothing was learned, even on ideal devices"
        rows.append((LABELS[knob], f"{values[0]:g} - {values[-1]:g}", float(mean[0]), float(mean[-1]), verdict))
    title = (
        f"Exact words at p = {config.flip:g}, {config.trials} trials x {config.seeds} seeds; "
        f"ideal devices {ideal:.3f}, broken below {config.broken:.0%} of that"
    )
    return Table(title, ("what gets worse", "from - to", "score, first", "score, last", "learning"), tuple(rows))


def _figure(config: Config, knob: str, ideal: float, curve: tuple[Floats, Floats, Floats], broken: float) -> Any:
    def draw() -> Any:
        from neuro.report import plots

        values, mean, error = curve
        title = "Learning holds throughout" if np.isnan(broken) else f"Learning breaks at {broken:.3g}"
        return plots.curve_with_errors(
            values,
            {knob.replace("_", " "): mean},
            {knob.replace("_", " "): error},
            xlabel=LABELS[knob],
            ylabel="exact words",
            title=title,
            references={"ideal devices": ideal, "broken below": config.broken * ideal},
            ylim=(-0.02, 1.02),
            log_x=knob == "levels",
        )

    return draw
