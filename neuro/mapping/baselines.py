"""Baselines: placements by simple filling, METIS, Mt-KaHyPar, and methods of other papers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.chip.model import Chip
from neuro.errors import PeerError, UnknownName
from neuro.jit import as_table, kernel
from neuro.mapping.layout.anneal_parts import Mesh, anneal_paths, change_places, path_cost, paths_change
from neuro.mapping.layout.layout import mesh_of, open_places
from neuro.mapping.layout.nets import Flows, flows_of, nets_of
from neuro.mapping.layout.starts import hilbert
from neuro.mapping.random import random_state
from neuro.mapping.search import axes
from neuro.mapping.traffic import Ids, Traffic
from neuro.randomness import stream
from neuro.validation import Ints

__all__ = ["BASELINES", "baseline", "fill_cores", "force_directed", "hyperedges", "relax_forces"]


def baseline(name: str, traffic: Traffic, chip: Chip, cores: int | None = None, seed: int = 0) -> Ints:
    """The core of each neuron by one of `BASELINES`.

    A method that knows no limits may break them; the caller checks.

    Parameters
    ----------
    name
        A name of `BASELINES`.
    traffic
        The connected pairs and the spikes.
    chip
        The chip; `metis` and `mt-kahypar` keep to its limit of neurons only.
    cores
        Most cores to use; None: as few as hold the neurons, for the partitioners.
    seed
        Root of the random draws.

    Raises
    ------
    UnknownName
        If there is no such baseline.
    PeerError
        If it needs a library that is not installed, or finds no room.
    """
    if name not in BASELINES:
        raise UnknownName("baseline", name, BASELINES)
    return BASELINES[name](traffic, chip, cores, seed)


def fill_cores(traffic: Traffic, chip: Chip, order: Ints, breaks: Ints) -> Ints:
    """Parts by filling one core after the other, in an order; a new core begins at each break, and where one is full.

    Parameters
    ----------
    traffic
        The connected pairs.
    chip
        The limits of its cores on neurons, columns, synapses, incoming axons and rows are kept.
    order
        Neurons, shape (neurons,).
    breaks
        Places in the order at which a new core begins.

    Examples
    --------
    >>> from neuro.chip.model import mesh_chip
    >>> empty = np.zeros(0, np.uint32)
    >>> none = Traffic({"a": 0}, np.zeros(4, np.int64), empty, empty, np.ones(3), np.zeros(3, np.int64))
    >>> fill_cores(none, mesh_chip(2, 2, neurons=2), np.arange(3), np.array([0])).tolist()
    [0, 0, 1]
    """
    begin, sources = traffic.incoming
    at = np.zeros(traffic.neurons + 1, np.bool_)
    at[breaks] = True
    given = np.array([
        np.minimum(chip.most("neurons"), chip.most("columns")), chip.most("synapses"),
        np.minimum(chip.most("axons_in"), chip.most("rows")),
    ])  # fmt: skip
    most = given if chip.limits_differ else given[:, :1].copy()
    fan_in = np.ascontiguousarray(traffic.fan_in, np.int64)
    return _fill(begin, sources, fan_in, order.astype(np.int64), at, most)


@kernel
def _fill(
    begin: Ints, sources: Ids, fan_in: Ints, order: Ints, breaks: NDArray[np.bool_], most: Ints
) -> Ints:  # fmt: skip
    """`most`: neurons, synapses and axons of each core, shape (3, cores), or of any core, shape (3, 1)."""
    n, own = order.size, 0
    part = np.zeros(n, np.int64)
    seen = np.full(n, -1, np.int64)
    core, size, load, distinct = 0, 0, 0, 0
    for i in range(n):
        v = order[i]
        fresh = 0
        for k in range(begin[v], begin[v + 1]):
            fresh += seen[sources[k]] != core
        full = size + 1 > most[0, own] or load + fan_in[v] > most[1, own] or distinct + fresh > most[2, own]
        if size > 0 and (full or breaks[i]):
            core += 1
            own = min(own + 1, most.shape[1] - 1)
            size, load, distinct = 0, 0, 0
        fresh = begin[v + 1] - begin[v]
        while size == 0 and own + 1 < most.shape[1]:
            if most[0, own] > 0 and fan_in[v] <= most[1, own] and fresh <= most[2, own]:
                break
            # A core that cannot hold even this neuron alone stays empty.
            core += 1
            own += 1
        for k in range(begin[v], begin[v + 1]):
            if seen[sources[k]] != core:
                seen[sources[k]] = core
                distinct += 1
        size += 1
        load += fan_in[v]
        part[v] = core
    return part


def force_directed(traffic: Traffic, part: Ints, chip: Chip) -> Ints:
    """A core for each part: along the Hilbert curve, then neighbours change places where that shortens paths.

    After Jin et al. (ASPLOS 2023, doi 10.1145/3582016.3582038): in each round the third of the pairs of neighbouring
    cores that gains most is exchanged, largest gain first, each if it still gains; until none does.
    """
    parts = int(part.max()) + 1 if len(part) else 0
    flows = flows_of(nets_of(traffic, part, parts), parts)
    return relax_forces(flows, chip, _curve(chip)[:parts])


def relax_forces(flows: Flows, chip: Chip, place: Ints) -> Ints:
    """The force-directed rounds, from any layout."""
    raw = mesh_of(chip, np.arange(chip.cores), place)
    grid = raw.grid
    neighbours = np.concatenate([
        np.stack([grid[:, :-1].ravel(), grid[:, 1:].ravel()], axis=1),
        np.stack([grid[:-1].ravel(), grid[1:].ravel()], axis=1),
    ])  # fmt: skip
    _relax_pairs(as_table(raw), as_table(flows), neighbours[(neighbours >= 0).all(axis=1)])
    return raw.place


@kernel
def _relax_pairs(mesh: Mesh, flows: Flows, pairs: Ints) -> None:
    count = pairs.shape[0]
    gain = np.zeros(count)
    while True:
        better = 0
        for i in range(count):
            gain[i] = -paths_change(mesh, flows, pairs[i, 0], pairs[i, 1])
            better += gain[i] > 1e-6
        if better == 0:
            return
        order = np.argsort(-gain, kind="mergesort")
        for i in range(max(1, better * 3 // 10)):
            a, b = pairs[order[i], 0], pairs[order[i], 1]
            if paths_change(mesh, flows, a, b) < -1e-6:
                change_places(mesh, a, b)


def _curve(chip: Chip) -> Ints:
    """Cores along the Hilbert curve."""
    _, _, width, height = axes(chip)
    x, y, _, _ = axes(chip)
    grid = np.full((height, width), -1, np.int64)
    first = np.arange(0, chip.cores, chip.cores_per_tile)
    grid[y[first], x[first]] = first
    tiles = grid.ravel()[hilbert(width, height)]
    return (tiles[tiles >= 0][:, None] + np.arange(chip.cores_per_tile)).ravel()


def _checked(part: Ints, chip: Chip, label: str) -> Ints:
    """The parts, where the chip has a core for each."""
    if len(part) and part.max() >= chip.cores:
        raise PeerError(f"{label} needs {int(part.max()) + 1} cores", where=chip.name, value=f"{chip.cores} cores")
    return part


def _sequential(traffic: Traffic, chip: Chip, cores: int | None, seed: int) -> Ints:
    breaks = np.array(list(traffic.first.values()), np.int64)
    return _checked(fill_cores(traffic, chip, np.arange(traffic.neurons), breaks), chip, "sequential filling")


def _row_major(traffic: Traffic, chip: Chip, cores: int | None, seed: int) -> Ints:
    return _checked(fill_cores(traffic, chip, np.arange(traffic.neurons), np.array([0])), chip, "row-major filling")


def _random(traffic: Traffic, chip: Chip, cores: int | None, seed: int) -> Ints:
    random = stream(seed, "mapping", "random")
    order = random.permutation(traffic.neurons)
    part = _checked(fill_cores(traffic, chip, order, np.array([0])), chip, "random filling")
    return random.permutation(chip.cores)[part]


def _hilbert(traffic: Traffic, chip: Chip, cores: int | None, seed: int) -> Ints:
    part = _row_major(traffic, chip, cores, seed)
    return force_directed(traffic, part, chip)[part]


def _parts(traffic: Traffic, chip: Chip, cores: int | None) -> tuple[int, int]:
    """The number of parts, and the most neurons of one; the largest core's, where cores differ."""
    most = min(int(np.minimum(chip.most("neurons"), chip.most("columns")).max()), traffic.neurons)
    fewest = -(-traffic.neurons // max(1, most))
    return max(1, min(cores or fewest, chip.cores)), most


def _metis(traffic: Traffic, chip: Chip, cores: int | None, seed: int) -> Ints:
    pymetis: Any = _library("pymetis", "METIS")
    from scipy.sparse import csr_matrix

    parts, most = _parts(traffic, chip, cores)
    if parts == 1:
        return np.zeros(traffic.neurons, np.int64)
    source = traffic.source
    weight = np.maximum(1, np.rint(traffic.spikes[source])).astype(np.int64)
    n = traffic.neurons
    graph = csr_matrix((weight, (source.astype(np.int64), traffic.target.astype(np.int64))), shape=(n, n))
    graph = graph + graph.T
    graph.setdiag(0)
    graph.eliminate_zeros()
    options = pymetis.Options(seed=seed)
    _, part = pymetis.part_graph(
        parts, xadj=graph.indptr, adjncy=graph.indices, eweights=graph.data.astype(np.int64), options=options,
    )  # fmt: skip
    return _balanced(np.asarray(part, np.int64), parts, most)


def _mt_kahypar(traffic: Traffic, chip: Chip, cores: int | None, seed: int) -> Ints:
    library: Any = _library("mtkahypar", "Mt-KaHyPar")
    parts, most = _parts(traffic, chip, cores)
    if parts == 1:
        return np.zeros(traffic.neurons, np.int64)
    machine = library.initialize(1)
    # Only the deterministic presets give the same partition twice.
    context = machine.context_from_preset(library.PresetType.DETERMINISTIC_QUALITY)
    even = -(-traffic.neurons // parts)
    context.set_partitioning_parameters(parts, max(1e-4, most / even - 1.0), library.Objective.KM1)
    library.set_seed(seed)
    nets, weights = hyperedges(traffic)
    graph = machine.create_hypergraph(
        context, traffic.neurons, len(nets), nets, np.ones(traffic.neurons, np.int64).tolist(), weights
    )
    return _balanced(np.asarray(graph.partition(context).get_partition(), np.int64), parts, most)


def hyperedges(traffic: Traffic) -> tuple[list[list[int]], list[int]]:
    """For each neuron that sends spikes to others: itself with its targets, and its spikes."""
    nets, weights = [], []
    for i in np.flatnonzero((np.diff(traffic.start) > 0) & (traffic.spikes > 0)):
        pins = np.union1d(traffic.target[traffic.start[i] : traffic.start[i + 1]], [i])
        if len(pins) > 1:
            nets.append(pins.tolist())
            weights.append(max(1, int(np.rint(traffic.spikes[i]))))
    return nets, weights


def _balanced(part: Ints, parts: int, most: int) -> Ints:
    """Move neurons in excess to the emptiest parts."""
    size = np.bincount(part, minlength=parts)
    for p in np.flatnonzero(size > most):
        for v in np.flatnonzero(part == p)[most:]:
            to = int(size.argmin())
            part[v] = to
            size[p] -= 1
            size[to] += 1
    return part


def _metis_annealed(traffic: Traffic, chip: Chip, cores: int | None, seed: int) -> Ints:
    """METIS, then annealing of the parts over the mesh on the mean path, as in SNEAP (Li et al. 2020)."""
    part = _metis(traffic, chip, cores, seed)
    parts = int(part.max()) + 1
    flows = flows_of(nets_of(traffic, part, parts), parts)
    place = stream(seed, "mapping", "sneap").permutation(chip.cores)[:parts]
    raw = mesh_of(chip, open_places(chip, parts, {}, ()), place)
    scale = path_cost(as_table(raw), as_table(flows)) / max(1, len(flows.part))
    reach = max(chip.width, chip.height)
    anneal_paths(
        as_table(raw), as_table(flows), scale, 0.01 * scale, reach, 20_000 * parts, random_state(seed, "sneap")
    )
    return raw.place[part]


def _library(module: str, name: str) -> Any:
    if find_spec(module) is None:
        raise PeerError(f"{name} is not installed", where=module, remedy=f"pip install {module}")
    return __import__(module)


BASELINES: Mapping[str, Callable[[Traffic, Chip, int | None, int], Ints]] = {
    "random": _random,
    "sequential": _sequential,
    "row-major": _row_major,
    "metis": _metis,
    "mt-kahypar": _mt_kahypar,
    "metis+annealing": _metis_annealed,
    "hilbert+force": _hilbert,
}
"""By name: random; each population on cores of its own, in order (as PACMAN); all neurons in order; partitioners;
SNEAP's and Jin et al.'s."""
