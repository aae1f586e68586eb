"""A spiking crossbar memory learns nine names in Braille and restores them from distorted input."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.arrays import Floats, stream
from neuro.crossbar.array import Crossbar, Faults
from neuro.crossbar.device import Device, load_device
from neuro.learning import hopfield
from neuro.learning.memory import Memory, Training, lower, present, recall, train, weight_unit
from neuro.report import Progress, Report, Table
from neuro.units import uS

NAMES = ("turing", "lovelace", "hopper", "shannon", "dijkstra", "knuth", "mccarthy", "hopfield", "backus")
"""The nine computer scientists of Yi et al., Nature Electronics 2022, padded with blank cells to `CELLS`."""

CELLS = 10

_ORDER = "1 12 14 145 15 124 1245 125 24 245 13 123 134 1345 135 1234 12345 1235 234 2345 136 1236 2456 1346 13456 1356"
DOTS = dict(zip("abcdefghijklmnopqrstuvwxyz", _ORDER.split(), strict=True))
"""Raised dots of each letter, 1-3 down the left column, 4-6 down the right.

Source: the letters of uncontracted (grade 1) English Braille; dots numbered as in Unicode's "BRAILLE PATTERN DOTS-...".
"""

TRAINED = ("ideal", "levels64_1uS", "levels64_3.9uS", "stuck30", "stuck50")
COMPARED = ("hebb", "pinv", "template", "pinv_stuck50")
WEIGHT_RANGE = 0.8
"""|W| at which one device of a pair stands at each end of its window."""
START = 0.1
"""Where in the window both devices of a pair start: a device stuck at zero then spoils little."""
TRAINING, TEST = 0, 1


class Config(BaseModel):
    """Settings of the Braille memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: cues, device noise, stuck devices, trials")
    epochs: int = Field(200, ge=1, description="updates of the weights")
    cues: int = Field(4, ge=1, description="distorted cues of every name in each epoch")
    flips: tuple[float, ...] = Field((0.10, 0.20, 0.30), description="probability that a dot is flipped in the test")
    trials: int = Field(360, ge=9, description="test cues for each probability and seed")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")


PRESETS = {
    "smoke": Config(seeds=1, epochs=40, trials=90),
    "paper": Config(),
}


class Outcome(NamedTuple):
    """What one variant did with one seed."""

    variant: str
    seed: int
    exact: tuple[float, ...]
    counts: dict[str, float]
    curve: Floats
    conductance: tuple[Floats, Floats]
    shown: Floats


def encode(name: str) -> Floats:
    """A name as 60 dots, 0 or 1, six for each cell.

    >>> encode("a")[:7].tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    dots = np.zeros((CELLS, 6))
    for cell, letter in enumerate(name):
        dots[cell, [int(dot) - 1 for dot in DOTS[letter]]] = 1.0
    return dots.ravel()


def patterns() -> Floats:
    """The nine names, shape (9, 60)."""
    return np.stack([encode(name) for name in NAMES])


def half(flipped: Any) -> Any:
    """Which half a distortion belongs to: TRAINING or TEST, by the parity of the sum of its flipped dots' numbers."""
    return (np.asarray(flipped) @ np.arange(CELLS * 6)).astype(int) % 2


def distort(words: Floats, p: Floats | float, part: int, rng: np.random.Generator) -> Floats:
    """Flip each dot of the words with probability p, using only the distortions of one half.

    Training and test never see the same distortion of a word, whatever the seeds.
    """
    flipped = np.zeros(words.shape, bool)
    open_rows = np.arange(len(words))
    chance = np.broadcast_to(np.asarray(p, float), (len(words),))
    while len(open_rows):
        flipped[open_rows] = rng.random((len(open_rows), words.shape[1])) < chance[open_rows, None]
        open_rows = open_rows[half(flipped[open_rows]) != part]
    return np.asarray(np.where(flipped, 1.0 - words, words))


def training_cues(config: Config, seed: int, epoch: int) -> Floats:
    """The cues of one epoch, `config.cues` of every name, each with its own flip probability in 0.10-0.40."""
    rng = stream(seed, "braille", "training", str(epoch))
    words = np.repeat(patterns(), config.cues, axis=0)
    return distort(words, rng.uniform(0.10, 0.40, len(words)), TRAINING, rng)


def test_cues(config: Config, seed: int, p: float) -> tuple[Floats, Floats]:
    """Test words and their cues at one flip probability, the same for every variant."""
    words = patterns()[np.arange(config.trials) % len(NAMES)]
    return words, distort(words, p, TEST, stream(seed, "braille", "test", f"{p:.4f}"))


def devices(variant: str, seed: int) -> tuple[Device, Faults]:
    """The devices of a variant, and those of them that are stuck at zero conductance.

    The diagonal is left unformed, at zero: a neuron does not hear itself.
    """
    size = CELLS * 6
    published = load_device("taox_64x64")
    noise = {"levels64_1uS": 1.0 * uS, "levels64_3.9uS": published.write_noise}.get(variant, 0.0)
    device = Device(name=variant, g_min=published.g_min, g_max=published.g_max, levels=64, write_noise=noise)
    if variant == "ideal":
        device = load_device("ideal")
    stuck = {"stuck30": 0.30, "stuck50": 0.50, "pinv_stuck50": 0.50}.get(variant, 0.0)
    faults = Faults.stuck((size, size), stuck, seed=seed)
    diagonal = np.eye(size, dtype=bool)
    return device, Faults(plus=np.where(diagonal, 0.0, faults.plus), minus=np.where(diagonal, 0.0, faults.minus))


def exact_words(found: Floats, words: Floats) -> float:
    """The share of recalls in which every dot is right."""
    return float(np.mean(np.all(found == words, axis=1)))


def learn(config: Config, variant: str, seed: int) -> Outcome:
    """Train one variant with one seed, and test it."""
    memory = Memory(size=CELLS * 6)
    unit = weight_unit(memory)
    device, faults = devices(variant, seed)
    crossbar = Crossbar(
        np.zeros((memory.size, memory.size)),
        device=device,
        faults=faults,
        w_max=WEIGHT_RANGE * unit,
        start=START,
        seed=seed,
        name=f"braille/{variant}",
    )
    words = np.repeat(patterns(), config.cues, axis=0)
    curve = np.zeros(config.epochs)
    spent = np.zeros(config.epochs)

    def watch(epoch: int, program: Any, free: Any) -> None:
        curve[epoch] = exact_words(free.bits, words)
        spent[epoch] = free.spikes.sum()

    training = Training(epochs=config.epochs, cues=config.cues)
    program = train(
        memory, crossbar, patterns(), lambda epoch: training_cues(config, seed, epoch), training, watch=watch
    )
    ledger = crossbar.ledger.as_dict()
    exact, spikes = [], []
    for p in config.flips:
        targets, cues = test_cues(config, seed, p)
        found = recall(program, memory, cues)
        exact.append(exact_words(found.bits, targets))
        spikes.append(found.spikes.mean())
    pulses = ledger["pulses_up"] + ledger["pulses_down"]
    first = seed == config.seed
    shown = recall(program, memory, shown_cues(config)).bits if first else np.zeros((0, memory.size))
    return Outcome(
        variant,
        seed,
        tuple(exact),
        {
            "spikes_per_recall": float(np.mean(spikes)),
            # Each spike drives one row; the bias -sum_j W_ij is one more read of every row.
            "row_reads_per_recall": float(np.mean(spikes)) + memory.size,
            "pulses_per_device": pulses / (2 * memory.size**2),
            "free_spikes_in_training": float(spent.sum()),
        },
        curve,
        (crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()),
        shown,
    )


def compare(config: Config, variant: str, seed: int) -> Outcome:
    """What a classical memory makes of the same trials."""
    signs = 2.0 * patterns() - 1.0
    weights = hopfield.hebb(signs) if variant == "hebb" else hopfield.pseudo_inverse(signs)
    if variant == "pinv_stuck50":
        device, faults = devices(variant, seed)
        weights = Crossbar(weights, device=device, faults=faults, seed=seed, name="braille/stuck50").effective_weights()
    exact = []
    for p in config.flips:
        words, cues = test_cues(config, seed, p)
        state = 2.0 * cues - 1.0
        if variant == "template":
            found = hopfield.nearest(signs, state)
        else:
            found = hopfield.settle_signs(weights, state, stream(seed, "braille", "order"))
        exact.append(exact_words((found > 0).astype(float), words))
    nothing = np.zeros(0)
    return Outcome(variant, seed, tuple(exact), {}, nothing, (nothing, nothing), nothing)


def shown_cues(config: Config) -> Floats:
    """One test cue of every name, for the figures."""
    return distort(patterns(), 0.20, TEST, stream(config.seed, "braille", "shown"))


def _job(job: tuple[Config, str, int]) -> Outcome:
    config, variant, seed = job
    return learn(config, variant, seed) if variant in TRAINED else compare(config, variant, seed)


def _quietly() -> None:
    # Ctrl-C goes to the whole group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def outcomes(config: Config, progress: Progress) -> Iterator[Outcome]:
    """Every variant with every seed, as they get ready."""
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, variant, seed) for seed in seeds for variant in (*TRAINED, *COMPARED)]
    workers = min(config.workers or os.cpu_count() or 1, len(jobs))
    label = "training and recalling"
    progress(0, len(jobs), label)
    if workers == 1:
        for done, job in enumerate(jobs, 1):
            yield _job(job)
            progress(done, len(jobs), label)
        return
    # Compile (or read the cache) once, here, before the workers start.
    recall(lower(Memory(size=2), Crossbar(np.zeros((2, 2)))), Memory(size=2), np.zeros((1, 2)))
    with multiprocessing.get_context("spawn").Pool(workers, _quietly) as pool:
        for done, outcome in enumerate(pool.imap_unordered(_job, jobs), 1):
            yield outcome
            progress(done, len(jobs), label)


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and test every variant, and compare."""
    found: dict[str, list[Outcome]] = {variant: [] for variant in (*TRAINED, *COMPARED)}
    for outcome in outcomes(config, progress):
        found[outcome.variant].append(outcome)
    for results in found.values():
        results.sort(key=lambda outcome: outcome.seed)
    metrics: dict[str, float] = {}
    for variant, results in found.items():
        exact = np.array([outcome.exact for outcome in results])
        for k, p in enumerate(config.flips):
            metrics[f"exact_words/{variant}/{p:.2f}"] = float(exact[:, k].mean())
    for variant, results in found.items():
        for k, p in enumerate(config.flips):
            metrics[f"standard_error/{variant}/{p:.2f}"] = _standard_error(
                np.array([outcome.exact[k] for outcome in results]), config.trials
            )
    costs = {
        key: {v: float(np.mean([outcome.counts[key] for outcome in found[v]])) for v in TRAINED}
        for key in found["ideal"][0].counts
    }
    for key, by_variant in costs.items():
        metrics.update({f"{key}/{variant}": value for variant, value in by_variant.items()})
    return Report(
        task="braille",
        metrics=metrics,
        energy={"unit": "counts", **costs},
        tables=(_table(config, metrics, costs),),
        figures=_figures(config, found, metrics),
    )


def _standard_error(exact: Floats, trials: int) -> float:
    """Of the mean over seeds; with a single seed, of its binomial trials."""
    if len(exact) > 1:
        return float(exact.std(ddof=1) / np.sqrt(len(exact)))
    return float(np.sqrt(exact[0] * (1.0 - exact[0]) / trials))


def _table(config: Config, metrics: dict[str, float], costs: dict[str, dict[str, float]]) -> Table:
    columns = ("memory", *(f"p = {p:.2f}" for p in config.flips), "spikes/recall", "pulses/device")
    rows = []
    for variant in (*TRAINED, *COMPARED):
        cells = [
            f"{metrics[f'exact_words/{variant}/{p:.2f}']:.3f} ± {metrics[f'standard_error/{variant}/{p:.2f}']:.3f}"
            for p in config.flips
        ]
        cost = [
            f"{costs[key][variant]:.{digits}f}" if variant in TRAINED else "-"
            for key, digits in (("spikes_per_recall", 0), ("pulses_per_device", 1))
        ]
        rows.append((variant, *cells, *cost))
    title = f"Exact words after recall, {config.trials} trials a point x {config.seeds} seeds, ± standard error"
    return Table(title, columns, tuple(rows))


def _figures(config: Config, found: dict[str, list[Outcome]], metrics: dict[str, float]) -> dict[str, Any]:
    from neuro.report import plots

    shown = found["levels64_3.9uS"][0]
    cues, after = shown_cues(config), shown.shown
    chosen = [0, 3, 7]
    rows = [row for k in chosen for row in (cues[k], after[k])]
    goals = [row for k in chosen for row in (patterns()[k], patterns()[k])]
    labels = [text for k in chosen for text in (f"{NAMES[k]}: cue", "recalled")]
    curves = {v: np.array([metrics[f"exact_words/{v}/{p:.2f}"] for p in config.flips]) for v in found}
    errors = {v: np.array([metrics[f"standard_error/{v}/{p:.2f}"] for p in config.flips]) for v in found}
    memory, (plus, minus) = Memory(size=CELLS * 6), shown.conductance
    device, _ = devices("levels64_3.9uS", config.seed)
    figures: dict[str, Any] = {
        "words": lambda: plots.braille_cells(
            rows,
            targets=goals,
            labels=labels,
            title="Names before and after recall, 20 % of the dots flipped",
        ),
        "accuracy": lambda: plots.curve_with_errors(
            config.flips,
            curves,
            errors,
            xlabel="probability that a dot is flipped",
            ylabel="exact words",
            title="Recall against distortion",
            ylim=(-0.02, 1.02),
        ),
        "learning": lambda: plots.learning_curve(
            np.arange(config.epochs),
            {v: np.array([outcome.curve for outcome in found[v]]) for v in TRAINED},
            ylabel="exact words, training cues",
            title="Learning",
            ylim=(-0.02, 1.02),
        ),
        "raster": lambda: _raster(memory, plus, minus, device.g_max, cues[0]),
    }
    for name, conductance in (("plus", plus), ("minus", minus)):
        figures[f"conductance_{name}"] = _map(plots, conductance, name)
    return figures


def _map(plots: Any, conductance: Floats, name: str) -> Any:
    return lambda: plots.heat_map(
        conductance / uS,
        xlabel="neuron (column)",
        ylabel="neuron (row)",
        label="conductance (µS)",
        title=f"Devices of the {name} half after training, write noise 3.9 µS",
    )


def _raster(memory: Memory, plus: Floats, minus: Floats, g_max: float, cue: Floats) -> Any:
    """Spikes of one recall on the trained devices."""
    from neuro.report import plots

    weights = WEIGHT_RANGE * weight_unit(memory) * (plus - minus) / g_max
    spikes = present(lower(memory, Crossbar(weights)), memory, cue).spikes["memory"]
    return plots.spike_raster(
        spikes.times,
        spikes.ids,
        size=memory.size,
        window=(0.0, memory.duration),
        spans={"cue": (0.0, memory.cue_time), "counted": (memory.duration - memory.counted, memory.duration)},
        title=f"One recall of {NAMES[0]!r}",
    )
