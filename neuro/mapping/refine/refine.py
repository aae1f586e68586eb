"""`refine`: single neurons move between cores so that their spikes cost less on the mesh, within every limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.chip.model import Chip
from neuro.jit import as_table
from neuro.mapping.random import RandomState, random_state
from neuro.mapping.refine.anneal_neurons import anneal_soft, anneal_strict, empty_full_cores, estimate_temperature
from neuro.mapping.refine.moves import Adjacency, Cores, SearchState, cost_of, fill_counts
from neuro.mapping.search import WIDEST_MESH, Prices, axes, effort_of
from neuro.mapping.traffic import Traffic
from neuro.validation import Ints

__all__ = ["price", "refine"]

TRIALS = {"firm": 0.1, "cold": 0.1, "hot": 0.25}
"""Schedules of annealing, and the share of the budget that each is tried with."""
TEMPERATURES = {"cold": (0.03, 0.003), "hot": (0.4, 0.01), "boil": (3.0, 0.03)}
"""First and last temperature of a schedule, in mean changes of cost."""
SMALL = 100
"""Neurons up to which a network is annealed from a random state many times."""
RESTARTS = {"fast": 4, "balanced": 16, "best": 60}
"""How many times, by effort."""
CACHE = 3.0e6
"""Bytes of counters beyond which looking at a source takes markedly longer."""
MOST_COUNTERS = 400_000_000
"""Neurons times cores up to which targets are counted; above, neurons stay where the partition put them."""
MOST_STEPS = 20_000
"""Steps of all schedules together, per neuron, at most."""
EXTRA_ROOM = 12
"""During annealing with soft limits, a core may hold one neuron too many for each so many that it can hold."""


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

    Three schedules of annealing are tried, and the best is run longer: *firm* moves and exchanges neurons within the
    limits; *cold* lets cores be somewhat too full at first, at a price that rises; *hot* does the same at temperatures
    that leave nothing of the start. Limits of neurons, synapses, incoming axons, rows and columns are kept; with other
    limits, a mesh wider or higher than 64, or more than 4e8 pairs of neuron and core, the result is `core`.

    Parameters
    ----------
    traffic
        The connected pairs and the spikes.
    core
        Core of each neuron, within the chip's limits, shape (neurons,).
    chip
        The chip.
    prices
        The prices of what is counted.
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
    [3, 3, 3]
    """
    budget = effort_of(effort)
    start = np.array(core, np.int64)
    if not _is_searchable(traffic, chip):
        return start
    edges = _adjacency(traffic, fixed)
    if not len(edges.free):
        return start
    search = _Search(traffic, chip, as_table(edges), as_table(_cores(chip, traffic, prices, dead, start, cores)))
    work = (len(edges.into) / len(edges.spikes) + 16) * (1.0 + 4.0 * traffic.neurons * chip.cores / CACHE)
    steps = min(max(2000, int(budget / work)), MOST_STEPS * len(edges.spikes))
    if traffic.neurons <= SMALL:
        return _refine_small(search, start, effort, seed, steps)
    return _refine_large(search, start, effort, seed, steps)


@dataclass(frozen=True, eq=False)
class _Search:
    """The tables that all runs of annealing share."""

    traffic: Traffic
    chip: Chip
    edges: Any
    cores: Any

    def run(self, schedule: str, start: Ints, steps: int, random: RandomState) -> tuple[float, Ints]:
        """Anneal by one schedule; returns cost and cores, those of the start where nothing cheaper was found."""
        edges, cores = self.edges, self.cores
        raw = _state(self.traffic, self.chip, start, _widest(self.traffic, self.chip))
        state: Any = as_table(raw)
        fill_counts(edges, cores, state)
        before = cost_of(edges, cores, state)
        scale = estimate_temperature(edges, cores, state, 2000, random)
        if scale > 0.0:
            if schedule == "firm":
                anneal_strict(edges, cores, state, 0.05 * scale, 0.002 * scale, steps * 3 // 4, random)
            elif not self._anneal_with_soft_limits(schedule, state, scale, steps, random):
                return before, start
            anneal_strict(edges, cores, state, 0.0, 0.0, steps // 10, random)
        fill_counts(edges, cores, state)
        after = cost_of(edges, cores, state)
        return (after, raw.core) if after < before else (before, start)

    def _anneal_with_soft_limits(
        self, schedule: str, state: Any, scale: float, steps: int, random: RandomState
    ) -> bool:  # fmt: skip
        """Anneal with cores that may be too full, then within the limits; False where a core stays too full."""
        edges, cores = self.edges, self.cores
        hot, cold = (scale * temperature for temperature in TEMPERATURES[schedule])
        middle = (hot * cold) ** 0.5
        anneal_soft(edges, cores, state, hot, middle, hot / 20, hot / 2, steps * 3 // 8, random)
        stiff = 4 * max(scale, estimate_temperature(edges, cores, state, 2000, random))
        anneal_soft(edges, cores, state, middle, cold, hot / 2, stiff, steps * 3 // 8, random)
        if not empty_full_cores(edges, cores, state):
            return False
        anneal_strict(edges, cores, state, cold, cold / 4, steps // 10, random)
        return True


def _tried(
    search: _Search, start: Ints, schedules: Sequence[str], steps: int, random: dict[str, RandomState]
) -> tuple[float, str, Ints]:
    """The best of short runs by several schedules: cost, schedule, cores."""
    found = []
    for schedule in schedules:
        cost, core = search.run(schedule, start, int(steps * TRIALS[schedule]), random[schedule])
        found.append((cost, schedule, core))
    return min(found, key=lambda trial: trial[0])


def _refine_small(search: _Search, start: Ints, effort: str, seed: int, steps: int) -> Ints:
    """Try all schedules, then anneal from a random state many times: it is little work, and every valley is narrow."""
    random = {schedule: random_state(seed, "refine", schedule) for schedule in TRIALS}
    least, _, best = _tried(search, start, list(TRIALS), steps, random)
    for restart in range(RESTARTS[effort]):
        cost, core = search.run("boil", best, steps // 4, random_state(seed, "refine", f"boil {restart}"))
        if cost < least:
            least, best = cost, core
    return best


def _refine_large(search: _Search, start: Ints, effort: str, seed: int, steps: int) -> Ints:
    """Try the schedules (effort `fast`: only one), and run the best longer: *hot* from the start, others from there."""
    random = {schedule: random_state(seed, "refine", schedule) for schedule in TRIALS}
    schedules = ["cold"] if effort == "fast" else list(TRIALS)
    least, schedule, best = _tried(search, start, schedules, steps, random)
    rest = int(steps * (1.0 - sum(TRIALS.values())))
    cost, core = search.run(schedule, start if schedule == "hot" else best, rest, random[schedule])
    return core if cost < least else best


def price(traffic: Traffic, core: Ints, chip: Chip, prices: Prices) -> float | None:
    """The cost of a placement by these prices; None where it is too large to be counted this way.

    >>> from neuro.chip.model import mesh_chip
    >>> pairs = np.array([0, 1, 1]), np.array([1], np.uint32), np.ones(1, np.uint32)
    >>> two = Traffic({"a": 0}, *pairs, np.array([5.0, 0.0]), np.array([0, 1]))
    >>> price(two, np.array([0, 2]), mesh_chip(3, 1, neurons=1), Prices(tree=1.0))
    10.0
    """
    if not _is_countable(traffic, chip):
        return None
    start = np.array(core, np.int64)
    widest = int(np.bincount(start).max(initial=0))
    limits = _cores(chip, traffic, prices, (), start, None)
    tables: tuple[Any, Any] = (as_table(_adjacency(traffic, None)), as_table(limits))
    state: Any = as_table(_state(traffic, chip, start, widest))
    fill_counts(*tables, state)
    return float(cost_of(*tables, state))


def _is_searchable(traffic: Traffic, chip: Chip) -> bool:
    """Are all limits known here, and the tables of counts neither too large nor too wide?"""
    kinds = chip.core_limits
    known = all(limits.axons_out is None and limits.synapse_bits is None for limits in kinds)
    known = known and len({limits.fan_in for limits in kinds}) == 1
    return known and _is_countable(traffic, chip) and _widest(traffic, chip) < 60_000 and chip.cores > 1


def _is_countable(traffic: Traffic, chip: Chip) -> bool:
    """Do the tables of counts fit the words and the memory?"""
    small = chip.width <= WIDEST_MESH and chip.height <= WIDEST_MESH
    return small and 0 < traffic.neurons * chip.cores <= MOST_COUNTERS


def _widest(traffic: Traffic, chip: Chip) -> int:
    """Most neurons that a core may hold while limits are soft."""
    most = int(_most_neurons(chip, traffic).max())
    return most + max(2, most // EXTRA_ROOM)


def _most_neurons(chip: Chip, traffic: Traffic) -> Ints:
    """Most neurons of each core."""
    every = [chip.most("neurons"), chip.most("columns"), np.full(chip.cores, traffic.neurons, np.int64)]
    return np.asarray(np.min(every, axis=0))


def _adjacency(traffic: Traffic, fixed: NDArray[np.bool_] | None) -> Adjacency:
    stay = np.zeros(traffic.neurons, np.bool_) if fixed is None else np.array(fixed, np.bool_)
    begin, sources = traffic.incoming
    return Adjacency(
        np.ascontiguousarray(traffic.start, np.int64),
        np.ascontiguousarray(traffic.target, np.uint32),
        np.ascontiguousarray(begin, np.int64),
        np.ascontiguousarray(sources, np.uint32),
        np.ascontiguousarray(traffic.spikes, np.float64),
        np.ascontiguousarray(traffic.fan_in, np.int64),
        np.flatnonzero(~stay).astype(np.int64),
        stay,
    )


def _cores(chip: Chip, traffic: Traffic, prices: Prices, dead: Sequence[int], core: Ints, cores: int | None) -> Cores:
    x, y, _, _ = axes(chip)
    neurons = _most_neurons(chip, traffic)
    neurons[list(dead)] = 0
    return Cores(
        x, y, neurons,
        np.array(chip.most("synapses")),
        np.minimum(chip.most("axons_in"), chip.most("rows")),
        np.array([chip.cores if cores is None else max(cores, len(np.unique(core)))], np.int64),
        np.array([chip.cores_per_tile], np.int64),
        np.array([prices.tree, prices.delivery, prices.path], np.float64),
    )  # fmt: skip


def _state(traffic: Traffic, chip: Chip, core: Ints, widest: int) -> SearchState:
    n, size = traffic.neurons, chip.cores
    return SearchState(
        core=core.copy(),
        targets=np.zeros((n, size), np.uint16),
        columns=np.zeros((n, axes(chip)[2]), np.uint64),
        used=np.zeros(n, np.uint64),
        member=np.zeros((size, widest), np.int64),
        slot=np.zeros(n, np.int64),
        size=np.zeros(size, np.int64),
        load=np.zeros(size, np.int64),
        axons=np.zeros(size, np.int64),
        mark=np.zeros(n, np.int64),
    )
