"""Networks lowered to flat arrays, ready for the kernels; built once, run many times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.arrays import Floats, Ints, finite, frozen, stream
from neuro.engine.records import CELL, COMPACT, GENERAL, GROUP, SEGMENT, SOURCE, Fixed, Records
from neuro.engine.rows import in_rows, one_weight_a_row, row_order
from neuro.errors import UnknownName, UnsupportedFeature, WeightError
from neuro.network.graph import Network, Population, Projection
from neuro.network.loihi import LoihiLIF
from neuro.network.neurons import AHP, ALIF, LIF, SpikeSource, receptors
from neuro.network.synapses import is_matrix, matrix, triplets

__all__ = ["Program", "amplitudes", "build"]

NEARLY_EQUAL = 0.02
"""Amplitudes grow without bound as tau_syn nears tau_m; closer than this, neurons keep the state form."""


@dataclass(frozen=True, eq=False)
class Program:
    """A network as flat arrays.

    Populations stand one after the other in one numbering; `offset` says where each begins.
    """

    network: Network
    """What it was built from."""
    offset: Mapping[str, int]
    """First neuron of each population."""
    fixed: Fixed
    """Parameters and wiring, as the kernels see them."""
    drive: Floats
    """Constant part of dv/dt, per neuron."""
    weights_at: Mapping[str, tuple[int, int]]
    """Where each matrix projection's weights stand in `fixed.weight`."""
    window: float
    """The shortest delay (or a few time constants, if that is shorter), s."""

    @property
    def size(self) -> int:
        """Number of neurons, sources included."""
        return len(self.drive)

    def slice(self, population: str) -> slice:
        """Where a population stands in the common numbering."""
        first = self.offset[population]
        return slice(first, first + self.network.populations[population].size)

    def with_weights(self, weights: Mapping[str, ArrayLike]) -> Program:
        """The same program with other weights: ``{projection: (pre, post)}``, without lowering again.

        Raises
        ------
        UnknownName
            If there is no such projection with a matrix of weights (`Dense`, `AllToAll`, `Crossbar`).
        WeightError
            If shapes differ or a weight is not finite.
        """
        flat = self.fixed.weight.copy()
        for name, value in weights.items():
            if name not in self.weights_at:
                raise UnknownName("projection with a matrix of weights", name, self.weights_at)
            projection = self.network.projections[name]
            shape = (projection.pre.size, projection.post.size)
            array = finite(value, f"weights of {name!r}", error=WeightError)
            if array.shape != shape:
                raise WeightError(
                    f"weights must have shape (pre, post) = {shape}",
                    where=f"projection {name!r}",
                    value=array.shape,
                )
            first, last = self.weights_at[name]
            flat[first:last] = array.ravel()
        return replace(self, fixed=self.fixed._replace(weight=flat))

    def with_bias(self, bias: Mapping[str, ArrayLike]) -> Program:
        """The same program with another constant `bias` in some populations, units of the model's `bias`."""
        drive = self.drive.copy()
        for name, value in bias.items():
            if name not in self.offset:
                raise UnknownName("population", name, self.offset)
            population = self.network.populations[name]
            here = self.slice(name)
            rest = population.parameter("v_rest")
            drive[here] = (rest + finite(value, f"bias of {name!r}")) * self.fixed.cells["gain"][here]
        return replace(self, drive=frozen(drive))


def build(network: Network) -> Program:
    """Lower a network to flat arrays.

    Random connectivity is drawn from ``network.seed`` by the projections' names, so building twice gives the same
    synapses.

    >>> import neuro as nr
    >>> net = nr.Network(seed=1)
    >>> cell = net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> nr.build(net).size
    4
    """
    offset, total = {}, 0
    for name, population in network.populations.items():
        if isinstance(population.model, LoihiLIF):
            raise UnsupportedFeature(
                f"the exact engine has no {type(population.model).__name__}, which lives in time steps",
                where=f"population {name!r}",
                remedy="Use run(..., engine='clocked', dt=...)",
            )
        offset[name] = total
        total += population.size
    cells, rate, jump = _cells(network, offset, total)
    groups = _groups(network, offset, cells, rate)
    wiring, weights_at = _wiring(network, offset, total)
    drive = np.zeros(total)
    for name, population in network.populations.items():
        drive[offset[name] : offset[name] + population.size] = _drive(population)
    return Program(
        network=network,
        offset=offset,
        fixed=Fixed(cells, rate, jump, groups, *wiring),
        drive=frozen(drive),
        weights_at=weights_at,
        window=_window(network, groups),
    )


def _gain(population: Population) -> Floats:
    return 1.0 / population.parameter("tau_m") if isinstance(population.model, LIF) else np.ones(population.size)


def _drive(population: Population) -> Floats:
    return (population.parameter("v_rest") + population.parameter("bias")) * _gain(population)


def _self_currents(population: Population) -> list[tuple[Floats, Floats]]:
    """(rates, jumps) of what a neuron's own spikes add to: negative for the currents of an AHP."""
    model, size = population.model, (population.size,)
    if isinstance(model, AHP):
        taus, jumps, sign = model.tau_ahp, model.jump, -1.0
    elif isinstance(model, ALIF):
        taus, jumps, sign = model.tau_adapt, model.jump, 1.0
    else:
        return []
    pairs = zip(taus, jumps, strict=True) if isinstance(taus, tuple) else [(taus, jumps)]  # type: ignore[arg-type]
    return [
        (
            1.0 / np.broadcast_to(np.asarray(tau, float), size),
            sign * np.broadcast_to(np.asarray(jump, float), size),
        )
        for tau, jump in pairs
    ]


def _synaptic_rates(population: Population) -> list[Floats]:
    """Rates of the receptors that have a time constant."""
    return [1.0 / np.broadcast_to(tau, (population.size,)) for tau in receptors(population.model) if tau is not None]


def _cells(network: Network, offset: Mapping[str, int], total: int) -> tuple[Records, Floats, Floats]:
    """Parameter records, the rates of all x_k, and what an own spike adds to each."""
    populations = list(network.populations.values())
    synaptic = [_synaptic_rates(p) for p in populations]
    own = [_self_currents(p) for p in populations]
    depth = max((len(a) + len(b) for a, b in zip(synaptic, own, strict=True)), default=0)
    cells = np.zeros(total, CELL)
    rate, jump = np.zeros((total, depth)), np.zeros((total, depth))
    for g, population in enumerate(populations):
        first = offset[population.name]
        here = slice(first, first + population.size)
        for k, values in enumerate(synaptic[g]):
            rate[here, k] = values
        for k, (rates, jumps) in enumerate(own[g], start=len(synaptic[g])):
            rate[here, k], jump[here, k] = rates, jumps
        part = cells[here]
        leaky = isinstance(population.model, LIF)
        part["gain"] = _gain(population)
        part["leak"] = part["gain"] if leaky else 0.0
        part["threshold"] = population.parameter("v_th", np.inf)
        part["reset"] = population.parameter("v_reset")
        part["refractory"] = population.parameter("refractory")
        part["floor"] = population.parameter("v_min", -np.inf)
        part["ceiling"] = population.parameter("v_max", np.inf)
        part["group"] = g
        part["modes"] = len(synaptic[g]) + len(own[g])
        part["currents"] = len(synaptic[g]) + (len(own[g]) if isinstance(population.model, AHP) else 0)
        part["subtract"] = getattr(population.model, "reset", "") == "subtract"
    return cells, rate, jump


def _same(values: Floats) -> bool:
    return len(values) == 0 or bool(np.all(values == values[0]))


def _compact(population: Population) -> bool:
    """Can this population keep its amplitudes relative to one reference time?"""
    model = population.model
    if type(model) is not LIF or population.size == 0:
        return False
    if model.v_min is not None or model.v_max is not None or len(receptors(model)) != 1:
        return False
    leak, currents = _gain(population), _synaptic_rates(population)
    if not _same(leak) or not all(_same(rate) for rate in currents):
        return False
    return not currents or bool(abs(currents[0][0] / leak[0] - 1.0) > NEARLY_EQUAL)


def _groups(network: Network, offset: Mapping[str, int], cells: Records, rate: Floats) -> Records:
    groups = np.zeros(len(network.populations), GROUP)
    for group, population in zip(groups, network.populations.values(), strict=True):
        first = offset[population.name]
        last = first + population.size
        group["start"], group["stop"], group["kind"], group["shape"] = first, last, GENERAL, 1.0
        group["uniform"] = _same(cells["leak"][first:last]) and all(_same(r) for r in rate[first:last].T)
        group["single"] = len(_synaptic_rates(population)) == 1 and not _self_currents(population)
        if isinstance(population.model, SpikeSource):
            group["kind"] = SOURCE
        elif _compact(population):
            group["kind"] = COMPACT
            m = group["rate_m"] = cells["leak"][first]
            if _synaptic_rates(population):
                s = group["rate_s"] = rate[first, 0]
                s_peak = group["s_peak"] = np.log(s / m) / (s - m)
                group["shape"] = m / (m - s)
                group["peak"] = group["shape"] * (np.exp(-s * s_peak) - np.exp(-m * s_peak))
    return groups


class _Rows(NamedTuple):
    """The synapses of one projection, row by row; targets and weights counted from the projection's own first."""

    source: Ints
    first: Ints
    length: Ints
    weight_first: Ints
    weight_step: int
    post: NDArray[np.uint32]
    weight: NDArray[np.floating]


def _matrix_rows(projection: Projection, seed: int) -> _Rows:
    """Whole rows: one list of targets serves them all."""
    n_pre, n_post = projection.pre.size, projection.post.size
    values = matrix(projection.synapses, (n_pre, n_post), f"projection {projection.name!r}")
    each = np.arange(n_pre, dtype=np.int64)
    return _Rows(
        source=each,
        first=np.zeros(n_pre, np.int64),
        length=np.full(n_pre, n_post, np.int64),
        weight_first=each * n_post,
        weight_step=1,
        post=np.arange(n_post, dtype=np.uint32),
        weight=np.ascontiguousarray(values).ravel(),
    )


def _listed_rows(projection: Projection, seed: int) -> _Rows:
    """Single synapses sorted into rows; one weight is kept for all, or one for each row, where that says it all."""
    n_pre, n_post = projection.pre.size, projection.post.size
    rng = stream(seed, "projection", projection.name)
    pre, post, weight = triplets(projection.synapses, (n_pre, n_post), rng, f"projection {projection.name!r}")
    count = np.bincount(pre, minlength=n_pre).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    if not in_rows(pre, post):
        order = row_order(pre, post, n_pre, n_post)
        post = post[order]
        weight = weight if len(weight) == 1 else weight[order]
    source = np.flatnonzero(count).astype(np.int64)
    step, weight_first = 1, start[source]
    if len(weight) == 1:
        step, weight_first = 0, np.zeros(len(source), np.int64)
    elif one_weight_a_row(weight, start):
        step, weight_first = 0, np.arange(len(source), dtype=np.int64)
        weight = weight[start[source]]
    return _Rows(source, start[source], count[source], weight_first, step, post.astype(np.uint32), weight)


def _wiring(
    network: Network, offset: Mapping[str, int], total: int
) -> tuple[tuple[Ints, Records, NDArray[np.uint32], NDArray[Any]], dict[str, tuple[int, int]]]:
    """Rows, segments, targets and weights of all projections, and where the weights of the matrices stand."""
    names = list(network.populations)
    parts: list[tuple[Ints, Records]] = []
    posts: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
    weights: list[NDArray[np.floating]] = []
    weights_at: dict[str, tuple[int, int]] = {}
    n_post = n_weight = 0
    for p, projection in enumerate(network.projections.values()):
        lower = _matrix_rows if is_matrix(projection.synapses) else _listed_rows
        rows = lower(projection, network.seed)
        if is_matrix(projection.synapses):
            weights_at[projection.name] = (n_weight, n_weight + len(rows.weight))
        taus = receptors(projection.post.model)
        segments = np.zeros(len(rows.source), SEGMENT)
        segments["delay"], segments["projection"] = projection.delay, p
        segments["group"] = names.index(projection.post.name)
        current = sum(tau is not None for tau in taus[: projection.receptor])
        segments["receptor"] = -1 if taus[projection.receptor] is None else current
        segments["first"], segments["count"] = n_post + rows.first, rows.length
        segments["weight"], segments["weight_step"] = n_weight + rows.weight_first, rows.weight_step
        parts.append((rows.source + offset[projection.pre.name], segments))
        posts.append(rows.post + np.uint32(offset[projection.post.name]))
        weights.append(rows.weight)
        n_post, n_weight = n_post + len(rows.post), n_weight + len(rows.weight)
    source = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
    segments = np.concatenate([np.zeros(0, SEGMENT), *(part[1] for part in parts)])
    row = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=total))]).astype(np.int64)
    single = bool(weights) and all(weight.dtype == np.float32 for weight in weights)
    kept = np.concatenate([np.zeros(0, np.float32), *weights], dtype=np.float32 if single else np.float64)
    return (row, segments[np.argsort(source, kind="stable")], np.concatenate(posts), kept), weights_at


def _window(network: Network, groups: Records) -> float:
    """The longest window in which no spike can have an effect, short enough for exp to stay in range."""
    delays = [projection.delay for projection in network.projections.values()]
    compact = groups[groups["kind"] == COMPACT]
    fastest = max([0.0, *compact["rate_m"], *compact["rate_s"]])
    longest = 1.0 if fastest == 0.0 else min(1.0, 50.0 / fastest)
    return float(min([*delays, longest]))


def amplitudes(program: Program, v: Floats, x: Floats) -> Floats:
    """Amplitude form at the origin of time: (a, b, gap, v_inf) of each neuron; zero where there is none."""
    amp = np.zeros((program.size, 4))
    for group in program.fixed.groups[program.fixed.groups["kind"] == COMPACT]:
        here = slice(int(group["start"]), int(group["stop"]))
        v_inf = program.drive[here] / program.fixed.cells["leak"][here]
        if group["rate_s"]:
            amp[here, 1] = group["shape"] * x[here, 0]
        amp[here, 0] = v[here] - v_inf - amp[here, 1]
        amp[here, 2] = program.fixed.cells["threshold"][here] - v_inf
        amp[here, 3] = v_inf
    return amp
