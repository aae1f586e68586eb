"""Refining a placement neuron by neuron on what its spikes cost on the mesh, with every core within its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.chip.model import Chip
from neuro.errors import UnknownName
from neuro.jit import as_table
from neuro.mapping.refine.anneal_neurons import anneal, drift, estimate_temperature, settle_down
from neuro.mapping.refine.moves import Adjacency, Cores, SearchState, cost_of, fill
from neuro.mapping.traffic import Traffic
from neuro.randomness import stream
from neuro.validation import Ints

__all__ = ["EFFORTS", "WIDEST_MESH", "Prices", "axes", "effort_of", "price", "random_state", "refine"]

EFFORTS = {"fast": 2.5e7, "balanced": 2.2e8, "best": 7.0e8}
"""Sources looked at, by effort: a budget in work, so that a machine's speed changes nothing."""
COURSES = {"firm": 0.1, "cold": 0.1, "hot": 0.25}
"""Ways to anneal, and the share of the budget that each is tried with."""
HEATS = {"cold": (0.03, 0.003), "hot": (0.4, 0.01), "boil": (3.0, 0.03)}
"""First and last temperature, in mean changes of cost."""
SMALL = 100
"""Neurons of a network that is annealed from a random state many times."""
BOILS = {"fast": 4, "balanced": 16, "best": 60}
"""How many times."""
CACHE = 3.0e6
"""Bytes of counters beyond which looking at a source takes markedly longer."""
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

    Three courses of annealing are tried, and the best is run longer: a firm one that exchanges neurons within the
    limits, a cold one whose cores may be somewhat too full at first, at a price that rises, and a hot one that does
    the same and forgets where it began. Limits of neurons, synapses, incoming axons, rows and columns are kept; with
    other limits, a mesh wider or higher than 64, or more than 4e8 pairs of neuron and core, `core` is returned as it
    is.

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
    [3, 3, 3]
    """
    budget = effort_of(effort)
    start = np.array(core, np.int64)
    if not _can(traffic, chip):
        return start
    wires = _wires(traffic, fixed)
    if not len(wires.free):
        return start
    limits = _cores(chip, traffic, prices, dead, start, cores)
    tables: tuple[Any, Any] = (as_table(wires), as_table(limits))
    work = (len(wires.into) / len(wires.spikes) + 16) * (1.0 + 4.0 * traffic.neurons * chip.cores / CACHE)
    steps = min(max(2000, int(budget / work)), 20_000 * len(wires.spikes))
    random = {course: random_state(seed, "refine", course) for course in COURSES}
    tried = []
    # The least effort goes to one course at once.
    courses = ("cold",) if effort == "fast" and traffic.neurons > SMALL else tuple(COURSES)
    for course in courses:
        state = _state(traffic, chip, start, _widest(traffic, chip))
        found, cost = _course(course, tables, state, int(steps * COURSES[course]), random[course])
        tried.append((cost, course, found))
    least, course, best = min(tried, key=lambda one: one[0])
    if traffic.neurons <= SMALL:
        # Little work, and every valley is narrow: begin anew from the vapour, again and again.
        for boil in range(BOILS[effort]):
            state = _state(traffic, chip, best, _widest(traffic, chip))
            found, cost = _course("boil", tables, state, steps // 4, random_state(seed, "refine", f"boil {boil}"))
            if cost < least:
                least, best = cost, found
        return best
    # A course that was worth its trial is run once more, longer: the cold ones go on, the hot one begins anew.
    rest = int(steps * (1.0 - sum(COURSES.values())))
    again = _state(traffic, chip, start if course == "hot" else best, _widest(traffic, chip))
    found, cost = _course(course, tables, again, rest, random[course])
    return found if cost < least else best


def price(traffic: Traffic, core: Ints, chip: Chip, prices: Prices) -> float | None:
    """What a placement costs by these prices; None where it is too large to be counted this way.

    >>> from neuro.chip.model import mesh_chip
    >>> pairs = np.array([0, 1, 1]), np.array([1], np.uint32), np.ones(1, np.uint32)
    >>> two = Traffic({"a": 0}, *pairs, np.array([5.0, 0.0]), np.array([0, 1]))
    >>> price(two, np.array([0, 2]), mesh_chip(3, 1, neurons=1), Prices(tree=1.0))
    10.0
    """
    if not _countable(traffic, chip):
        return None
    start = np.array(core, np.int64)
    widest = int(np.bincount(start).max(initial=0))
    limits = _cores(chip, traffic, prices, (), start, None)
    tables: tuple[Any, Any] = (as_table(_wires(traffic, None)), as_table(limits))
    state: Any = as_table(_state(traffic, chip, start, widest))
    fill(*tables, state)
    return float(cost_of(*tables, state))


def _course(
    course: str, tables: tuple[Any, Any], raw: SearchState, steps: int, random: NDArray[np.uint64]
) -> tuple[Ints, float]:
    """One course of annealing, and its cost; where it led to nothing cheaper within the limits, its start."""
    wires, cores = tables
    state: Any = as_table(raw)
    fill(wires, cores, state)
    before, kept = cost_of(wires, cores, state), raw.core.copy()
    scale = estimate_temperature(wires, cores, state, 2000, random)
    if scale > 0.0:
        if course == "firm":
            anneal(wires, cores, state, 0.05 * scale, 0.002 * scale, steps * 3 // 4, random)
        else:
            hot, cold = HEATS[course]
            hot, cold = hot * scale, cold * scale
            middle = (hot * cold) ** 0.5
            drift(wires, cores, state, hot, middle, hot / 20, hot / 2, steps * 3 // 8, random)
            wall = 4 * max(scale, estimate_temperature(wires, cores, state, 2000, random))
            drift(wires, cores, state, middle, cold, hot / 2, wall, steps * 3 // 8, random)
            if not settle_down(wires, cores, state):
                return kept, before
            anneal(wires, cores, state, cold, cold / 4, steps // 10, random)
        anneal(wires, cores, state, 0.0, 0.0, steps // 10, random)
    fill(wires, cores, state)
    after = cost_of(wires, cores, state)
    return (raw.core, after) if after < before else (kept, before)


def _can(traffic: Traffic, chip: Chip) -> bool:
    limits = chip.limits
    known = limits.axons_out is None and limits.synapse_bits is None
    return known and _countable(traffic, chip) and _widest(traffic, chip) < 60_000 and chip.cores > 1


def _countable(traffic: Traffic, chip: Chip) -> bool:
    small = chip.width <= WIDEST_MESH and chip.height <= WIDEST_MESH
    return small and 0 < traffic.neurons * chip.cores <= MOST_COUNTERS


def axes(chip: Chip) -> tuple[Ints, Ints, int, int]:
    """Places of cores along the axis that messages take first and along the other, and the mesh's sizes along them."""
    xy = np.asarray(chip.xy, np.int64)
    first = 0 if chip.first_axis == "x" else 1
    sizes = (chip.width, chip.height)
    return np.ascontiguousarray(xy[:, first]), np.ascontiguousarray(xy[:, 1 - first]), sizes[first], sizes[1 - first]


def _tightest(*limits: int | None) -> int:
    return min((limit for limit in limits if limit is not None), default=2**60)


def _widest(traffic: Traffic, chip: Chip) -> int:
    most = min(_tightest(chip.limits.neurons, chip.limits.columns), traffic.neurons)
    return most + max(2, most // ROOM)


def _wires(traffic: Traffic, fixed: NDArray[np.bool_] | None) -> Adjacency:
    held = np.zeros(traffic.neurons, np.bool_) if fixed is None else np.array(fixed, np.bool_)
    begin, sources = traffic.incoming
    return Adjacency(
        np.ascontiguousarray(traffic.start, np.int64),
        np.ascontiguousarray(traffic.target, np.uint32),
        np.ascontiguousarray(begin, np.int64),
        np.ascontiguousarray(sources, np.uint32),
        np.ascontiguousarray(traffic.spikes, np.float64),
        np.ascontiguousarray(traffic.fan_in, np.int64),
        np.flatnonzero(~held).astype(np.int64),
        held,
    )


def _cores(chip: Chip, traffic: Traffic, prices: Prices, dead: Sequence[int], core: Ints, cores: int | None) -> Cores:
    limits = chip.limits
    x, y, _, _ = axes(chip)
    neurons = np.full(chip.cores, min(_tightest(limits.neurons, limits.columns), traffic.neurons), np.int64)
    neurons[list(dead)] = 0
    return Cores(
        x, y, neurons,
        np.full(chip.cores, _tightest(limits.synapses), np.int64),
        np.full(chip.cores, _tightest(limits.axons_in, limits.rows), np.int64),
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
