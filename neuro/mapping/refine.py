"""Refining a placement neuron by neuron on what its spikes cost on the mesh, with every core within its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.arrays import Ints
from neuro.chip.model import Chip
from neuro.errors import UnknownName
from neuro.jit import laid
from neuro.mapping.annealing import anneal, drift, feel, settle_down
from neuro.mapping.moving import Cores, State, Wires, cost_of, fill
from neuro.mapping.traffic import Traffic

__all__ = ["EFFORTS", "Prices", "effort_of", "random_state", "refine"]

EFFORTS = {"fast": 1.2e7, "balanced": 2.0e8, "best": 1.0e9}
"""Sources looked at, by effort: a budget in work, so that a machine's speed changes nothing."""
WIDEST_MESH = 64
"""Columns and rows fit a word."""
MOST_COUNTERS = 400_000_000
"""Neurons times cores that are kept count of; above, the neurons stay where the partition put them."""
ROOM = 12
"""While neurons drift, a core may hold one in so many more than it can in the end."""


@dataclass(frozen=True)
class Prices:
    """What a mapping costs on the mesh: a sum over spikes.

    >>> Prices(tree=1.0)
    Prices(tree=1.0, delivery=0.0, path=0.0)
    """

    tree: float = 0.0
    """Per link of the multicast XY tree."""
    delivery: float = 0.0
    """Per delivery to a core other than the source's."""
    path: float = 0.0
    """Per link of the separate XY paths to each of those cores."""


def effort_of(effort: str) -> float:
    """The budget that an effort stands for.

    Raises
    ------
    UnknownName
        If it is not one of fast, balanced and best.

    >>> effort_of("fast") < effort_of("best")
    True
    """
    if effort not in EFFORTS:
        raise UnknownName("effort", effort, EFFORTS)
    return EFFORTS[effort]


def random_state(seed: int, *names: str) -> NDArray[np.uint64]:
    """Where a kernel's random numbers begin: one word, by seed and names."""
    from neuro.arrays import stream

    return stream(seed, "mapping", *names).integers(0, 2**63, size=1, dtype=np.uint64)


def refine(
    traffic: Traffic,
    core: Ints,
    chip: Chip,
    prices: Prices,
    *,
    effort: str = "balanced",
    seed: int = 0,
    fixed: NDArray[np.bool_] | None = None,
    dead: Sequence[int] = (),
    cores: int | None = None,
) -> Ints:
    """Move neurons between cores so that their spikes cost less; the result never costs more than `core`.

    Two courses begin at `core`, a cold one that keeps its structure and a hot one that forgets it, and the better is
    kept. Both anneal single neurons; the hot one lets cores be somewhat too full at first, at a price that rises.
    Limits of neurons, synapses and incoming axons are kept; with other limits, a mesh wider or higher than 64, or more
    than 4e8 pairs of neuron and core, `core` is returned as it is.

    Parameters
    ----------
    traffic
        The connected pairs and the spikes.
    core
        Core of each neuron, within the chip's limits, shape (neurons,).
    chip
        The chip.
    prices
        What is counted.
    effort
        ``"fast"``, ``"balanced"`` or ``"best"``: how much work is spent, whatever the time that it takes.
    seed
        Root of the random draws.
    fixed
        Neurons that stay where they are, shape (neurons,).
    dead
        Cores that hold nothing.
    cores
        Most cores in use; None: those of the chip.

    Raises
    ------
    UnknownName
        If there is no such effort.

    Examples
    --------
    >>> from neuro.chip.model import mesh_chip
    >>> one = np.ones(3, np.uint32)
    >>> ring = Traffic({"a": 0}, np.arange(4), np.array([2, 0, 1], np.uint32), one, np.ones(3), np.ones(3, np.int64))
    >>> refine(ring, np.array([0, 1, 3]), mesh_chip(2, 2, neurons=3), Prices(tree=1.0), effort="fast").tolist()
    [1, 1, 1]
    """
    budget = effort_of(effort)
    start = np.array(core, np.int64)
    if not _can(traffic, chip, start, cores):
        return start
    wires = _wires(traffic, fixed)
    if not len(wires.free):
        return start
    limits = _cores(chip, traffic, prices, dead, len(np.unique(start)) if cores is None else cores, start, cores)
    tables: tuple[Any, Any] = (laid(wires), laid(limits))
    steps = max(2000, int(budget / (len(wires.into) / max(1, len(wires.spikes)) + 16)))
    steps = min(steps, 20_000 * len(wires.spikes))
    best, least = start, np.inf
    for course in ("cold", "hot"):
        state = _state(traffic, chip, start, limits)
        found, cost = _course(course, tables, state, steps // 2, random_state(seed, "refine", course))
        if found is not None and cost < least:
            best, least = found, cost
    return best


def _course(
    course: str, tables: tuple[Any, Any], raw: State, steps: int, random: NDArray[np.uint64]
) -> tuple[Ints | None, float]:
    """One course of annealing; None where it found no way back into the limits."""
    wires, cores = tables
    state: Any = laid(raw)
    fill(wires, cores, state)
    before, kept = cost_of(wires, cores, state), raw.core.copy()
    scale = feel(wires, cores, state, 2000, random)
    if scale == 0.0:
        scale = 1.0
    if course == "cold":
        anneal(wires, cores, state, 0.05 * scale, 0.002 * scale, steps // 2, random)
        anneal(wires, cores, state, 0.0, 0.0, steps // 8, random)
    else:
        hot = 0.5 * scale
        drift(wires, cores, state, hot, hot / 7, hot / 20, hot / 2, steps * 3 // 8, random)
        firm = max(hot, feel(wires, cores, state, 2000, random))
        drift(wires, cores, state, hot / 7, hot / 50, hot / 2, 4 * firm, steps * 3 // 8, random)
        if not settle_down(wires, cores, state):
            return None, np.inf
        anneal(wires, cores, state, hot / 50, hot / 200, steps // 10, random)
        anneal(wires, cores, state, 0.0, 0.0, steps // 40, random)
    fill(wires, cores, state)
    after = cost_of(wires, cores, state)
    return (raw.core, after) if after < before else (kept, before)


def _can(traffic: Traffic, chip: Chip, core: Ints, cores: int | None) -> bool:
    limits = chip.limits
    known = limits.axons_out is None and limits.synapse_bits is None
    small = chip.width <= WIDEST_MESH and chip.height <= WIDEST_MESH
    countable = traffic.neurons * chip.cores <= MOST_COUNTERS and _widest(traffic, chip) < 60_000
    return known and small and countable and traffic.neurons > 0 and chip.cores > 1


def _widest(traffic: Traffic, chip: Chip) -> int:
    most = traffic.neurons if chip.limits.neurons is None else min(chip.limits.neurons, traffic.neurons)
    return most + max(2, most // ROOM)


def _wires(traffic: Traffic, fixed: NDArray[np.bool_] | None) -> Wires:
    held = np.zeros(traffic.neurons, np.bool_) if fixed is None else np.array(fixed, np.bool_)
    begin, sources = traffic.incoming
    return Wires(
        np.ascontiguousarray(traffic.start, np.int64),
        np.ascontiguousarray(traffic.target, np.uint32),
        np.ascontiguousarray(begin, np.int64),
        np.ascontiguousarray(sources, np.uint32),
        np.ascontiguousarray(traffic.spikes, np.float64),
        np.ascontiguousarray(traffic.fan_in, np.int64),
        np.flatnonzero(~held).astype(np.int64),
        held,
    )


def _cores(
    chip: Chip, traffic: Traffic, prices: Prices, dead: Sequence[int], in_use: int, core: Ints, cores: int | None
) -> Cores:
    xy = np.asarray(chip.xy)
    ample = np.int64(2**60)
    most = min(traffic.neurons, traffic.neurons if chip.limits.neurons is None else chip.limits.neurons)
    neurons = np.full(chip.cores, most, np.int64)
    neurons[list(dead)] = 0

    def each(limit: int | None) -> Ints:
        return np.full(chip.cores, ample if limit is None else limit, np.int64)

    return Cores(
        np.ascontiguousarray(xy[:, 0], np.int64),
        np.ascontiguousarray(xy[:, 1], np.int64),
        neurons,
        each(chip.limits.synapses),
        each(chip.limits.axons_in),
        np.array([chip.cores if cores is None else max(cores, in_use)], np.int64),
        np.array([chip.cores_per_tile], np.int64),
        np.array([prices.tree, prices.delivery, prices.path], np.float64),
    )


def _state(traffic: Traffic, chip: Chip, core: Ints, limits: Cores) -> State:
    n, size = traffic.neurons, chip.cores
    none = [np.zeros(size, np.int64) for _ in range(3)]
    return State(
        core.copy(),
        np.zeros((n, size), np.uint16),
        np.zeros((n, chip.width), np.uint64),
        np.zeros(n, np.uint64),
        np.zeros((size, _widest(traffic, chip)), np.int64),
        np.zeros(n, np.int64),
        *none,
        np.zeros(n, np.int64),
    )
