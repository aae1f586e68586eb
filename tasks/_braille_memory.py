"""One Braille memory: its settings and devices, its training and its test, and the classical memories beside it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.catalog import list_devices, load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.reference_data import MeasuredFile
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.write.settings import Writing
from neuro.crossbar.write.targets import nominal_step
from neuro.learning import hopfield
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, fit
from neuro.learning.layer_rules import ContrastiveHebbian
from neuro.learning.memory import AssociativeMemory, lower, recall
from neuro.randomness import stream
from neuro.tasks._braille_cues import CELLS, NAMES, TEST, TRAINING, FlipChance, distort, patterns
from neuro.units import uS
from neuro.validation import Floats

TRAINED = ("ideal", "levels64_1uS", "levels64_3.9uS", "stuck30", "stuck50")
WIRED = {"wires1": 1.0, "wires5": 5.0}
"""Resistance of every wire segment, ohm, of variants that have the devices of the chip and wires."""
ALL_DEVICES = ("ideal", "taox_64x64", *WIRED, "EcRam", "EcRamMO", "ReRamES", "ReRamSB", "HfO2Array", "PCM", "TaOx41")
"""The chip with and without wires, and every device model that comes with neuro."""
COMPARED = ("hebb", "pinv", "template", "pinv_stuck50")
WEIGHT_RANGE = 0.8
"""|W| at which one device of a pair stands at each end of its window."""
RULE, RATES = ContrastiveHebbian(), (0.04, 0.002)
"""Of the training, with the learning rates of its first and its last epoch."""
START = 0.1
"""Where in the window both devices of a pair start: a device stuck at zero then spoils little."""


class Config(BaseModel):
    """Settings of the Braille memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: cues, device noise, stuck devices, trials")
    epochs: int = Field(200, ge=1, description="updates of the weights")
    cues: int = Field(4, ge=1, description="distorted cues of every name in each epoch")
    flips: tuple[FlipChance, ...] = Field(
        (0.10, 0.20, 0.30), min_length=1, description="probability that a dot is flipped in the test"
    )
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


class Outcome(NamedTuple):
    """Result of one variant with one seed."""

    variant: str
    seed: int
    exact: tuple[float, ...]
    counts: dict[str, float]
    curve: Floats
    conductance: tuple[Floats, Floats]
    shown: Floats


def training_cues(config: Config, seed: int, epoch: int) -> Floats:
    """The cues of one epoch, `config.cues` of every name, each with its own flip probability in 0.10-0.40."""
    rng = stream(seed, "braille", "training", str(epoch))
    words = np.repeat(patterns(), config.cues, axis=0)
    return distort(words, rng.uniform(0.10, 0.40, len(words)), TRAINING, rng)


def examples(config: Config, seed: int, epoch: int) -> Examples:
    """The cues of one epoch, with the words that they should recall."""
    names = np.repeat(np.arange(len(NAMES)), config.cues)
    return Examples(training_cues(config, seed, epoch), names, patterns()[names])


def test_cues(config: Config, seed: int, p: float) -> tuple[Floats, Floats]:
    """Test words and their cues at one flip probability, the same for every variant."""
    words = patterns()[np.arange(config.trials) % len(NAMES)]
    return words, distort(words, p, TEST, stream(seed, "braille", "test", f"{p:.4f}"))


def shown_cues(config: Config) -> Floats:
    """One test cue of every name, for the figures."""
    return distort(patterns(), 0.20, TEST, stream(config.seed, "braille", "shown"))


def devices(variant: str, seed: int) -> tuple[Device, Faults]:
    """The devices of a variant, and those of them that are stuck at zero conductance.

    The diagonal is left unformed, at zero: no neuron has a synapse onto itself.
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
    """Are the measured data here that the devices of a variant need?"""
    if variant not in list_devices() or not isinstance(law := load_device(variant).law, MeasuredFile):
        return True
    return law.path.is_file()


def max_levels(device: Device) -> int:
    """Pulses that one update may send to a device: 4 of 64 levels' worth of its window, and one at least."""
    step = nominal_step(device)
    return max(1, round(4 / 63 * (device.g_max - device.g_min) / step)) if step else Schedule().max_levels


def exact_words(found: Floats, words: Floats) -> float:
    """The share of recalls in which every dot is right."""
    return float(np.mean(np.all(found == words, axis=1)))


def learn(config: Config, variant: str, seed: int) -> Outcome:
    """Train one variant with one seed, and test it."""
    return learn_on(config, variant, seed, *devices(variant, seed))


def learn_on(config: Config, variant: str, seed: int, device: Device, faults: Faults) -> Outcome:
    """Train a memory of these devices with one seed, and test it; the variant gives its name and its wires."""
    memory = AssociativeMemory(size=CELLS * 6)
    unit = memory.unit
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
    schedule = Schedule(
        epochs=config.epochs,
        rates=(RATES[0],),
        last=RATES[1] / RATES[0],
        fall="linear",
        batch=config.cues * len(NAMES),
        momentum=0.0,
        max_levels=max_levels(device),
    )
    fitted = fit(memory, lambda epoch: examples(config, seed, epoch), RULE, schedule, crossbars=[crossbar], seed=seed)
    program = lower(memory, crossbar)
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
            "free_spikes_in_training": round(sum(fitted.spikes) * schedule.batch),
            **({"write_joules_per_device": written / (2 * memory.size**2)} if config.priced else {}),
            **({"read_joules_per_recall": read} if config.priced else {}),
        },
        np.array(fitted.training),
        (crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()),
        shown,
    )


def _joules(crossbar: Crossbar, kind: str) -> float:
    """Energy of all reads or of all writes so far, J; `kind` is "read" or "write"."""
    return sum(joules for cause, joules in crossbar.ledger.joules.items() if cause.startswith(kind))


def compare(config: Config, variant: str, seed: int) -> Outcome:
    """Test a classical memory with the same trials."""
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
    none = np.zeros(0)
    return Outcome(variant, seed, tuple(exact), {}, none, (none, none), none)
