"""The capacity task's parts: its patterns, its memories, and the search for the largest number of patterns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.base import AbstractCrossbar
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.factory import Crossbar
from neuro.learning import hopfield
from neuro.learning.memory import AssociativeMemory, clamped, lower, recall, with_matrix
from neuro.learning.two_phase import Contrastive
from neuro.randomness import stream
from neuro.tasks._capacity_tries import Result, Tries
from neuro.tasks._mnist_images import mnist
from neuro.units import ms, uS
from neuro.validation import Floats, Ints

CLASSICAL = {
    "hebb": hopfield.hebb,
    "storkey": hopfield.storkey,
    "pinv": hopfield.pseudo_inverse,
    "pinv_synchronous": hopfield.pseudo_inverse,
}
STEPS = 10
"""Of the neurons of a synchronous memory, all at once."""
SPIKING = ("spiking", "hidden")
"""Trained from two phases: visible neurons alone, and with hidden ones."""
SHAPES = {64: (8, 8), 128: (16, 8), 256: (16, 16)}
"""Rows and columns of digit patterns, by their size."""
SOURCES, THRESHOLD, APART = 4_000, 0.4, 0.1
"""Images that patterns are drawn from, the grey from which on a pixel is 1, and the share of bits that must differ."""
WEIGHT_RANGE, START = 0.8, 0.1
"""|W| at which one device of a pair stands at each end of its window, and where in it both start."""
MAX_LEVELS = 4
"""That one update may move a device; continuous ones have none."""
RATIO = 1.15
"""Of numbers of patterns that the search looks at."""
BEYOND = 2
"""Numbers of patterns at which a memory must fail, one after the other, before it counts as full."""


class Config(BaseModel):
    """Settings of the capacity task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed; the others follow it")
    seeds: int = Field(5, ge=1, description="independent repetitions: patterns, cues, stuck devices")
    patterns: tuple[Literal["random", "digits"], ...] = Field(("random", "digits"), description="kinds of patterns")
    classical: tuple[Literal["hebb", "storkey", "pinv", "pinv_synchronous"], ...] = Field(
        ("hebb", "storkey", "pinv", "pinv_synchronous"), description="memories that are written at once"
    )
    sizes: tuple[Literal[64, 128, 256], ...] = Field((64, 128, 256), min_length=1, description="neurons, classical")
    spiking: tuple[Literal["spiking", "hidden"], ...] = Field(("spiking",), description="memories that are trained")
    spiking_sizes: tuple[Literal[64, 128, 256], ...] = Field((64,), description="visible neurons of those")
    stuck: tuple[float, ...] = Field((0.0, 0.5), min_length=1, description="shares of devices stuck at zero")
    hidden: float = Field(0.5, gt=0, le=4, description="hidden neurons of `hidden`, as a share of the visible ones")
    flips: float = Field(0.05, ge=0, lt=0.5, description="share of the bits of a cue that are flipped")
    cues: int = Field(3, ge=1, description="test cues of each pattern")
    least: int = Field(60, ge=1, description="test cues at least, for few patterns")
    share: float = Field(0.9, gt=0, le=1, description="share of recalls that must be exact, criterion `exact`")
    cosine: float = Field(0.99, gt=0, le=1, description="mean cosine of recall and pattern, criterion `cosine`")
    epochs: int = Field(1000, ge=1, description="updates of a training at most")
    calm: int = Field(20, ge=1, description="epochs in a row without a wrong bit after which a training ends")
    taught: int = Field(2, ge=1, description="distorted cues of each pattern in an epoch")
    rates: tuple[float, float] = Field(
        (0.04, 0.002),
        description="learning rates of the first and the last epoch, times the share of devices that work",
    )
    distortion: tuple[float, float] = Field((0.02, 0.12), description="least and greatest share of flips in training")
    error: Literal["both", "post"] = Field("post", description="whose error changes a synapse, as in `nr.Contrastive`")
    workers: int = Field(0, ge=0, description="processes; 0 takes one for each core")
    checkpoints: str = Field(
        "", description="folder that keeps each training of a spiking memory, to go on from there; empty keeps none"
    )


class Key(NamedTuple):
    """A memory with patterns of one kind, with any seed."""

    memory: str
    patterns: str
    size: int
    stuck: float


class Case(NamedTuple):
    """One memory with patterns of one kind, to be filled."""

    memory: str
    patterns: str
    size: int
    stuck: float
    seed: int


class Estimate(NamedTuple):
    """How many patterns a memory holds by one criterion."""

    value: float
    """Of the means over all seeds."""
    without: tuple[float, ...] = ()
    """Of the means over all seeds but one, for each that is left out; none with a single seed."""

    @property
    def error(self) -> float | None:
        """The jackknife's standard error; None with a single seed."""
        return jackknife(self.without) if self.without else None


class Found(NamedTuple):
    """How much a memory holds."""

    key: Key
    exact: Estimate
    """Most patterns of which the share `Config.share` of recalls is exact, between two tries on a line."""
    cosine: Estimate
    """Most patterns with a mean cosine of `Config.cosine`, likewise."""
    spikes: float
    """Of a recall in the last try of a spiking memory, else 0."""


def jackknife(without: Sequence[float]) -> float:
    """Standard error of an estimate, from those in which one seed each is left out.

    Source: Tukey 1958.

    >>> jackknife([1.0, 2.0, 3.0]) == (2 / 3 * 2) ** 0.5
    True
    """
    n, values = len(without), np.array(without)
    return float(np.sqrt((n - 1) / n * np.sum((values - values.mean()) ** 2)))


@cache
def digit_table(size: int) -> Floats:
    """Digits of MNIST as patterns of 0 and 1: the middle 24 x 24 pixels, as means over equal areas, cut at a grey."""
    rows, columns = SHAPES[size]
    grey = mnist("training", SOURCES).inputs.reshape(-1, 28, 28)[:, 2:26, 2:26]
    # Each pixel is cut into as many parts as make whole areas.
    grey = np.repeat(np.repeat(grey, rows // 8, axis=1), columns // 8, axis=2)
    return (grey.reshape(len(grey), rows, 3, columns, 3).mean(axis=(2, 4)) > THRESHOLD).astype(float).reshape(-1, size)


def draw_patterns(kind: str, count: int, size: int, rng: np.random.Generator) -> Floats:
    """So many patterns of 0 and 1, (count, size); no two digits have fewer than `APART` of their bits different."""
    if kind == "random":
        return rng.integers(0, 2, (count, size)).astype(float)
    table, kept = digit_table(size), np.zeros((0, size))
    for index in rng.permutation(len(table)):
        if np.all(np.abs(kept - table[index]).sum(axis=1) >= APART * size):
            kept = np.concatenate([kept, table[index][None]])
        if len(kept) == count:
            break
    return kept


def flipped(patterns: Floats, shares: Floats | float, rng: np.random.Generator) -> Floats:
    """Each pattern with exactly the share of its bits flipped, rounded to whole bits."""
    counts = np.round(np.broadcast_to(shares, len(patterns)) * patterns.shape[1]).astype(int)
    places = rng.random(patterns.shape).argsort(axis=1).argsort(axis=1)
    return np.where(places < counts[:, None], 1.0 - patterns, patterns)


def judge(patterns: Floats, recalled: Floats) -> tuple[float, float]:
    """The share of exact recalls, and the mean cosine, both as vectors of +-1."""
    cosines = np.mean((2.0 * patterns - 1.0) * (2.0 * recalled - 1.0), axis=1)
    return float(np.mean(np.all(patterns == recalled, axis=1))), float(cosines.mean())


def counts_tried(size: int) -> list[int]:
    """The numbers of patterns that the search looks at, from 2 to the size."""
    steps = int(np.log(size / 2) / np.log(RATIO)) + 1
    return sorted({2, *(round(2 * RATIO**k) for k in range(steps + 1) if 2 * RATIO**k <= size), size})


def boundary(tried: dict[int, float], limit: float) -> float:
    """Where the values fall below the limit for good, on the line between the last that does not and the next.

    >>> boundary({4: 1.0, 6: 0.8}, 0.9)
    5.0
    """
    last = max((count for count, value in tried.items() if value >= limit), default=0)
    beyond = [count for count in tried if count > last]
    if not last or not beyond:
        return float(last)
    after = min(beyond)
    return last + (after - last) * (tried[last] - limit) / (tried[last] - tried[after])


def search(test: Callable[[int], Floats], counts: list[int], limits: tuple[float, float]) -> dict[int, Floats]:
    """Try numbers of patterns, by halves, until both limits lie between neighbours that were tried.

    `test` gives (seeds, 2), and their mean counts. A number beyond the one that fails is tried as well: similar
    patterns can make a memory fail with a few and hold more of others.
    """
    tried: dict[int, Floats] = {}

    def holds(place: int, which: int, limit: float) -> bool:
        if counts[place] not in tried:
            tried[counts[place]] = test(counts[place])
        return bool(tried[counts[place]][:, which].mean() >= limit)

    for which, limit in enumerate(limits):
        low, high = -1, len(counts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if holds(middle, which, limit) else (low, middle)
        place = high + 1
        while place < min(low + 1 + BEYOND, len(counts)):
            low = place if holds(place, which, limit) else low
            place += 1
    return tried


def estimate(tried: dict[int, Floats], which: int, limit: float) -> Estimate:
    """The capacity by one criterion, and without each of the seeds."""
    values = {count: each[:, which] for count, each in tried.items()}
    seeds = len(next(iter(values.values())))

    def of(kept: Ints) -> float:
        return boundary({count: float(each[kept].mean()) for count, each in values.items()}, limit)

    every = np.arange(seeds)
    without = tuple(of(every[every != seed]) for seed in every) if seeds > 1 else ()
    return Estimate(of(every), without)


def fill(job: tuple[Config, Key]) -> Found:
    """How many patterns a memory holds, by both criteria."""
    config, key = job
    spikes = 0.0
    kept = Tries(config.checkpoints if key.memory in SPIKING else "", "-".join(map(str, key)), settings_of(config))

    def test(count: int) -> Floats:
        nonlocal spikes
        found = []
        for seed in range(config.seed, config.seed + config.seeds):
            result = kept.get(count, seed)
            if result is None:
                result = recalled_by(config, Case(*key, seed), count)
                kept.add(count, seed, result)
            *judged, spikes = result
            found.append(judged)
        return np.array(found)

    tried = search(test, counts_tried(key.size), (config.share, config.cosine))
    exact, cosine = (estimate(tried, which, limit) for which, limit in enumerate((config.share, config.cosine)))
    return Found(key, exact, cosine, spikes)


def settings_of(config: Config) -> dict[str, Any]:
    """What the result of a try depends on, beside its memory, its number of patterns and its seed."""
    other = {"seed", "seeds", "patterns", "classical", "sizes", "spiking", "spiking_sizes", "stuck"}
    return config.model_dump(mode="json", exclude=other | {"share", "cosine", "workers", "checkpoints"})


def recalled_by(config: Config, case: Case, count: int) -> Result:
    """The share of exact recalls of so many patterns, the mean cosine, and the spikes of a recall, 0 if classical."""
    rng = stream(case.seed, "capacity", case.patterns, str(case.size), str(count))
    patterns = draw_patterns(case.patterns, count, case.size, rng)
    if len(patterns) < count:
        return 0.0, 0.0, 0.0
    shown = np.repeat(patterns, max(config.cues, -(-config.least // count)), axis=0)
    cues = flipped(shown, config.flips, rng)
    if case.memory in SPIKING:
        recalled, spikes = spiking_recalls(config, case, patterns, cues)
        return *judge(shown, recalled), spikes
    signs = settled(case.memory, classical_weights(case, patterns), 2.0 * cues - 1.0, rng)
    return *judge(shown, (signs > 0.0).astype(float)), 0.0


def faults_of(size: int, stuck: float, seed: int) -> Faults:
    """The stuck devices of a seed; the diagonal is left unformed, at zero."""
    found, diagonal = Faults.stuck((size, size), stuck, seed=seed), np.eye(size, dtype=bool)
    return Faults(plus=np.where(diagonal, 0.0, found.plus), minus=np.where(diagonal, 0.0, found.minus))


def array(case: Case, weights: Floats, w_max: float, start: float | None = None) -> AbstractCrossbar:
    """Pairs of continuous devices, a share of them stuck at zero."""
    device = Device("continuous", 0.0, 100 * uS)
    given = {} if start is None else {"start": start}
    faults = faults_of(len(weights), case.stuck, case.seed)
    return Crossbar(weights, device=device, faults=faults, w_max=w_max, seed=case.seed, name="capacity", **given)


def classical_weights(case: Case, patterns: Floats) -> Floats:
    """The weights of a rule, written once into the devices; each weight into one device of its pair."""
    weights = CLASSICAL[case.memory](2.0 * patterns - 1.0)
    return array(case, weights, float(np.abs(weights).max())).effective_weights() if case.stuck else weights


def settled(memory: str, weights: Floats, state: Floats, rng: np.random.Generator) -> Floats:
    """Where the signs of a classical memory come to rest, one neuron after the other or all at once."""
    if not memory.endswith("_synchronous"):
        return hopfield.settle_signs(weights, state, rng)
    for _ in range(STEPS):
        field = state @ weights
        state = np.where(field == 0.0, state, np.sign(field))
    return state


def spiking_recalls(config: Config, case: Case, patterns: Floats, cues: Floats) -> tuple[Floats, float]:
    """Train a spiking memory, then recall from the cues: bits of the visible neurons, and spikes of a recall.

    With hidden neurons, these are free in both phases, and the visible ones are held in one; both phases then depend
    on the weights, which begin at random values. Each neuron has a bias b_i in u_i beside its weights, a number, which
    learns as a weight from a neuron that is always active.
    """
    visible, hidden = case.size, round(config.hidden * case.size) if case.memory == "hidden" else 0
    memory = AssociativeMemory(size=visible + hidden, duration=20 * ms, counted=10 * ms)
    unit, rng = memory.unit, stream(case.seed, "capacity", "training", *map(str, case[:4]))
    first = np.zeros((memory.size, memory.size))
    first[visible:] = rng.normal(0.0, 0.5 / np.sqrt(visible), first[visible:].shape)
    first = np.clip(first + first.T, -START * WEIGHT_RANGE, START * WEIGHT_RANGE)
    np.fill_diagonal(first, 0.0)
    crossbar = array(case, unit * first, WEIGHT_RANGE * unit, START)
    bias = np.zeros(memory.size)
    program = lower(memory, crossbar)
    # With stuck devices fewer weights carry the same patterns, and at the full rate learning runs away.
    first_rate, last_rate = (rate * (1.0 - case.stuck) for rate in config.rates)
    free = np.full((len(patterns), hidden), np.nan)
    targets = np.repeat(np.concatenate([patterns, free], axis=1), config.taught, axis=0)
    taught = targets[:, :visible]
    held, calm = clamped(program, memory, targets), 0
    for epoch in range(config.epochs):
        if hidden and epoch:
            held = clamped(program, memory, targets)
        distorted = flipped(taught, rng.uniform(*config.distortion, len(taught)), rng)
        found = recall(program, memory, with_hidden(distorted, hidden))
        calm = calm + 1 if np.array_equal(found.bits[:, :visible], taught) else 0
        if calm == config.calm:
            break
        rate = first_rate + (last_rate - first_rate) * (epoch / max(config.epochs - 1, 1))
        rule = Contrastive(rate=rate, error=config.error)
        crossbar.accumulate(unit * rule.change(held.activity, found.activity), MAX_LEVELS)
        bias += 2.0 * rule.rate * (held.activity - found.activity).mean(axis=0)
        program = with_matrix(program, memory, crossbar.effective_weights(), bias)
    answers = recall(program, memory, with_hidden(cues, hidden))
    return answers.bits[:, :visible], float(answers.spikes.mean())


def with_hidden(cues: Floats, hidden: int) -> Floats:
    """Cues of the visible neurons, and of hidden ones, which get no current."""
    return np.concatenate([cues, np.full((len(cues), hidden), 0.5)], axis=1)
