"""A spiking crossbar memory learns nine names in Braille and restores them from distorted input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.catalog import list_devices, load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.properties import Properties, properties
from neuro.crossbar.device.reference_data import MeasuredFile
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.settings import Writing
from neuro.crossbar.write.targets import nominal_step
from neuro.learning import hopfield
from neuro.learning.memory import Memory, Training, compile_recall, lower, present, recall, train, weight_unit
from neuro.progress import Progress
from neuro.randomness import stream
from neuro.report import Report, Table
from neuro.units import uS
from neuro.validation import Floats
from neuro.workers import run_jobs

NAMES = ("turing", "lovelace", "hopper", "shannon", "dijkstra", "knuth", "mccarthy", "hopfield", "backus")
"""The nine computer scientists of Yi et al., Nature Electronics 2022, padded with blank cells to `CELLS`."""

CELLS = 10

_ORDER = "1 12 14 145 15 124 1245 125 24 245 13 123 134 1345 135 1234 12345 1235 234 2345 136 1236 2456 1346 13456 1356"
DOTS = dict(zip("abcdefghijklmnopqrstuvwxyz", _ORDER.split(), strict=True))
"""Raised dots of each letter, 1-3 down the left column, 4-6 down the right.

Source: the letters of uncontracted (grade 1) English Braille; dots numbered as in Unicode's "BRAILLE PATTERN DOTS-...".
"""

TRAINED = ("ideal", "levels64_1uS", "levels64_3.9uS", "stuck30", "stuck50")
WIRED = {"wires1": 1.0, "wires5": 5.0}
"""Resistance of every wire segment, ohm, of variants that have the devices of the chip and wires."""
BENCH = ("ideal", "taox_64x64", *WIRED, "EcRam", "EcRamMO", "ReRamES", "ReRamSB", "HfO2Array", "PCM", "TaOx41")
"""The chip with and without wires, and every device model that comes with neuro."""
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
    variants: tuple[str, ...] = Field(
        TRAINED,
        min_length=1,
        description="memories that learn: ideal, levels64_1uS, levels64_3.9uS, stuck30, stuck50, wires1, wires5, "
        "or devices of `neuro devices`",
    )
    priced: bool = Field(False, description="count joules, at the voltages and times below")
    read_voltage: float = Field(0.2, gt=0, description="V, a choice of this task: joules go with its square")
    read_time: float = Field(10e-9, gt=0, description="s, a choice of this task: joules go with it")
    write_voltage: float = Field(2.0, gt=0, description="V, a choice of this task: joules go with its square")
    write_time: float = Field(100e-9, gt=0, description="s, a choice of this task: joules go with it")

    @field_validator("variants")
    @classmethod
    def _known(cls, variants: tuple[str, ...]) -> tuple[str, ...]:
        known = {*TRAINED, *WIRED, *list_devices()}
        unknown = [variant for variant in variants if variant not in known]
        if unknown or len(set(variants)) < len(variants):
            raise ValueError(f"must be different ones of {', '.join(sorted(known))}")
        return variants


PRESETS = {
    "smoke": Config(seeds=1, epochs=40, trials=90),
    "paper": Config(),
    "devices": Config(variants=BENCH, seeds=2, trials=180, priced=True),
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
    if variant in WIRED:
        device = published
    elif variant in list_devices():
        device = load_device(variant)
    stuck = {"stuck30": 0.30, "stuck50": 0.50, "pinv_stuck50": 0.50}.get(variant, 0.0)
    faults = Faults.stuck((size, size), stuck, seed=seed)
    diagonal = np.eye(size, dtype=bool)
    return device, Faults(plus=np.where(diagonal, 0.0, faults.plus), minus=np.where(diagonal, 0.0, faults.minus))


def available(variant: str) -> bool:
    """Are the data there that a variant's devices need?"""
    if variant not in list_devices() or not isinstance(law := load_device(variant).law, MeasuredFile):
        return True
    return law.path.is_file()


def max_levels(device: Device) -> int:
    """Pulses that one update may send to a device: 4 of 64 levels' worth of its window, and one at least."""
    step = nominal_step(device)
    return max(1, round(4 / 63 * (device.g_max - device.g_min) / step)) if step else Training().max_levels


def exact_words(found: Floats, words: Floats) -> float:
    """The share of recalls in which every dot is right."""
    return float(np.mean(np.all(found == words, axis=1)))


def learn(config: Config, variant: str, seed: int) -> Outcome:
    """Train one variant with one seed, and test it."""
    return learn_on(config, variant, seed, *devices(variant, seed))


def learn_on(config: Config, variant: str, seed: int, device: Device, faults: Faults) -> Outcome:
    """Train a memory of these devices with one seed, and test it; the variant gives it its name and its wires."""
    memory = Memory(size=CELLS * 6)
    unit = weight_unit(memory)
    resistance = WIRED.get(variant, 0.0)
    crossbar = Crossbar(
        np.zeros((memory.size, memory.size)),
        device=device,
        faults=faults,
        wires=Wires(row=resistance, column=resistance) if resistance else None,
        reading=Reading(voltage=config.read_voltage, duration=config.read_time) if config.priced else None,
        writing=Writing(voltage=config.write_voltage, duration=config.write_time) if config.priced else None,
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

    training = Training(epochs=config.epochs, cues=config.cues, max_levels=max_levels(device))
    program = train(
        memory, crossbar, patterns(), lambda epoch: training_cues(config, seed, epoch), training, watch=watch
    )
    ledger, written = crossbar.ledger.as_dict(), _joules(crossbar, "write")
    before = _joules(crossbar, "read")
    exact, spikes = [], []
    for p in config.flips:
        targets, cues = test_cues(config, seed, p)
        found = recall(program, memory, cues)
        exact.append(exact_words(found.bits, targets))
        spikes.append(found.spikes.mean())
    if config.priced:
        # The bias -sum_j W_ij is one more read of every row in each recall.
        crossbar.count_reads(np.full(memory.size, config.trials * len(config.flips)))
    read = (_joules(crossbar, "read") - before) / (config.trials * len(config.flips))
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
            **({"write_joules_per_device": written / (2 * memory.size**2)} if config.priced else {}),
            **({"read_joules_per_recall": read} if config.priced else {}),
        },
        curve,
        (crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()),
        shown,
    )


def _joules(crossbar: Crossbar, what: str) -> float:
    """Energy of all reads or of all writes so far, J."""
    return sum(joules for cause, joules in crossbar.ledger.joules.items() if cause.startswith(what))


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
    return learn(config, variant, seed) if variant in config.variants else compare(config, variant, seed)


def outcomes(config: Config, progress: Progress) -> Iterator[Outcome]:
    """Every variant with every seed, as they get ready."""
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, variant, seed) for seed in seeds for variant in (*config.variants, *COMPARED)]
    label = "training and recalling"
    return run_jobs(_job, jobs, workers=config.workers, prepare=compile_recall, progress=progress, label=label)


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train and test every variant, and compare."""
    missing = [variant for variant in config.variants if not available(variant)]
    config = config.model_copy(update={"variants": tuple(v for v in config.variants if v not in missing)})
    if not config.variants:
        load_device(missing[0]).sample(1)  # says which data are missing, and how to get them
    found: dict[str, list[Outcome]] = {variant: [] for variant in (*config.variants, *COMPARED)}
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
        key: {v: float(np.mean([outcome.counts[key] for outcome in found[v]])) for v in config.variants}
        for key in found[config.variants[0]][0].counts
    }
    for key, by_variant in costs.items():
        metrics.update({f"{key}/{variant}": value for variant, value in by_variant.items()})
    return Report(
        task="braille",
        metrics=metrics,
        energy={"unit": "counts; joules where the name says so" if config.priced else "counts", **costs},
        tables=(_table(config, metrics, costs), *_lessons(config, metrics, costs, missing)),
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
    for variant in (*config.variants, *COMPARED):
        cells = [
            f"{metrics[f'exact_words/{variant}/{p:.2f}']:.3f} ± {metrics[f'standard_error/{variant}/{p:.2f}']:.3f}"
            for p in config.flips
        ]
        cost = [
            f"{costs[key][variant]:.{digits}f}" if variant in config.variants else "-"
            for key, digits in (("spikes_per_recall", 0), ("pulses_per_device", 1))
        ]
        rows.append((variant, *cells, *cost))
    title = f"Exact words after recall, {config.trials} trials a point x {config.seeds} seeds, ± standard error"
    return Table(title, columns, tuple(rows))


def _lessons(
    config: Config, metrics: dict[str, float], costs: dict[str, dict[str, float]], missing: list[str]
) -> tuple[Table, ...]:
    """What each device costs, and what that teaches; nothing where no joules were counted."""
    if not config.priced:
        return ()
    rows = []
    told = {variant: properties(devices(variant, config.seed)[0]) for variant in config.variants}
    for variant in config.variants:
        accuracy = float(np.mean([metrics[f"exact_words/{variant}/{p:.2f}"] for p in config.flips]))
        one = told[variant]
        cost = [costs[key][variant] for key in ("pulses_per_device", "write_joules_per_device")]
        read = costs["read_joules_per_recall"][variant]
        window = [one.pulses, one.pulse_noise, one.read_noise, one.asymmetry, one.spread]
        rows.append((variant, accuracy, cost[0], cost[1] * 1e12, read * 1e12, *window))
    title = (
        f"Exact words over all distortions, and costs at reads of {config.read_voltage:g} V, {config.read_time:g} s "
        f"and pulses of {config.write_voltage:g} V, {config.write_time:g} s"
    )
    columns = (
        *("device", "exact words", "pulses/device", "write pJ/device", "read pJ/recall"),
        *("pulses a window", "pulse noise (steps)", "read noise (windows)", "asymmetry", "spread (steps)"),
    )
    sentences = [*lessons(config, metrics, costs, told)]
    sentences += [f"{variant} was left out: its measured data are not here." for variant in missing]
    learned = Table("What to learn from it", ("",), tuple((sentence,) for sentence in sentences))
    return Table(title, columns, tuple(rows)), learned


def lessons(
    config: Config, metrics: dict[str, float], costs: dict[str, dict[str, float]], told: dict[str, Properties]
) -> list[str]:
    """Sentences that follow from the measured numbers, whatever these are."""
    accuracy = {v: float(np.mean([metrics[f"exact_words/{v}/{p:.2f}"] for p in config.flips])) for v in config.variants}
    error = {
        v: float(np.sqrt(np.mean([metrics[f"standard_error/{v}/{p:.2f}"] ** 2 for p in config.flips])))
        for v in config.variants
    }
    # Distortions share their seeds, so their errors are taken to go together.
    best, worst = max(accuracy, key=accuracy.__getitem__), min(accuracy, key=accuracy.__getitem__)
    found = [f"Best is {best} with {accuracy[best]:.1%} of the words, worst {worst} with {accuracy[worst]:.1%}."]
    near = [v for v in accuracy if accuracy[v] >= accuracy[best] - 2 * np.hypot(error[best], error[v])]
    energy = costs["write_joules_per_device"]
    cheap = min(near, key=energy.__getitem__)
    found.append(
        f"Within two standard errors of the best: {', '.join(near)}; of these {cheap} learns with the least energy, "
        f"{energy[cheap] * 1e12:.3g} pJ and {costs['pulses_per_device'][cheap]:.3g} pulses a device."
    )
    bare = accuracy.get("taox_64x64")
    for name, ohm in WIRED.items():
        if bare is not None and name in accuracy:
            change = accuracy[name] - bare
            spread = np.hypot(error[name], error["taox_64x64"])
            verdict = "more than chance" if abs(change) > 2 * spread else "no more than chance"
            found.append(
                f"Wires of {ohm:g} ohm a segment change the chip's score by {100 * change:+.1f} points, {verdict} "
                f"(standard error {100 * spread:.1f})."
            )
    compared = [v for v in config.variants if v not in WIRED]
    if len(compared) >= 5:
        found.append(_what_matters(accuracy, told, compared))
    return found


def _what_matters(accuracy: dict[str, float], told: dict[str, Properties], compared: list[str]) -> str:
    """Which property of the devices orders them most nearly as their scores do."""
    from scipy.stats import spearmanr

    scores = [accuracy[v] for v in compared]
    ranks: dict[str, float] = {}
    for name in Properties._fields:
        values = [getattr(told[v], name) for v in compared]
        if len(set(values)) > 1 and len(set(scores)) > 1:
            ranks[name] = float(spearmanr(values, scores).statistic)
    if not ranks:
        return "The scores do not differ, so no property of the devices can be told to matter."
    name = max(ranks, key=lambda key: abs(ranks[key]))
    word = "more" if ranks[name] > 0 else "less"
    others = ", ".join(f"{key.replace('_', ' ')} {rank:+.2f}" for key, rank in ranks.items() if key != name)
    return (
        f"Of what tells devices apart, {name.replace('_', ' ')} goes with the score most closely: the {word} of it, "
        f"the better (rank correlation {ranks[name]:+.2f} over {len(compared)} devices; {others}). With so few devices "
        f"that is a hint, not a law: `neuro run devices-study` turns one knob at a time."
    )


def _figures(config: Config, found: dict[str, list[Outcome]], metrics: dict[str, float]) -> dict[str, Any]:
    from neuro.report import plots

    chosen_variant = "levels64_3.9uS" if "levels64_3.9uS" in config.variants else config.variants[-1]
    shown = found[chosen_variant][0]
    cues, after = shown_cues(config), shown.shown
    chosen = [0, 3, 7]
    rows = [row for k in chosen for row in (cues[k], after[k])]
    goals = [row for k in chosen for row in (patterns()[k], patterns()[k])]
    labels = [text for k in chosen for text in (f"{NAMES[k]}: cue", "recalled")]
    curves = {v: np.array([metrics[f"exact_words/{v}/{p:.2f}"] for p in config.flips]) for v in found}
    errors = {v: np.array([metrics[f"standard_error/{v}/{p:.2f}"] for p in config.flips]) for v in found}
    memory, (plus, minus) = Memory(size=CELLS * 6), shown.conductance
    device, _ = devices(chosen_variant, config.seed)
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
            {v: np.array([outcome.curve for outcome in found[v]]) for v in config.variants},
            ylabel="exact words, training cues",
            title="Learning",
            ylim=(-0.02, 1.02),
        ),
        "raster": lambda: _raster(memory, plus, minus, device.g_max - device.g_min, cues[0]),
    }
    for name, conductance in (("plus", plus), ("minus", minus)):
        figures[f"conductance_{name}"] = _map(plots, conductance, name, chosen_variant)
    return figures


def _map(plots: Any, conductance: Floats, name: str, variant: str) -> Any:
    what = "write noise 3.9 µS" if variant == "levels64_3.9uS" else variant
    return lambda: plots.heat_map(
        conductance / uS,
        xlabel="neuron (column)",
        ylabel="neuron (row)",
        label="conductance (µS)",
        title=f"Devices of the {name} half after training, {what}",
    )


def _raster(memory: Memory, plus: Floats, minus: Floats, span: float, cue: Floats) -> Any:
    """Spikes of one recall on the trained devices."""
    from neuro.report import plots

    weights = WEIGHT_RANGE * weight_unit(memory) * (plus - minus) / span
    spikes = present(lower(memory, Crossbar(weights)), memory, cue).spikes["memory"]
    return plots.spike_raster(
        spikes.times,
        spikes.ids,
        size=memory.size,
        window=(0.0, memory.duration),
        spans={"cue": (0.0, memory.cue_time), "counted": (memory.duration - memory.counted, memory.duration)},
        title=f"One recall of {NAMES[0]!r}",
    )
