"""The compiled form of a network for the exact engine: `build` makes a `Program` once, and it runs many times."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.display import Displayed, Rows, amount, plural
from neuro.engine.codes import AMPLITUDE_FORM, SOURCE, STATE_FORM
from neuro.engine.kernels.arrays import GROUP, Fixed, Records
from neuro.engine.lower.cells import all_equal, drive_of, is_compact, lower_cells
from neuro.engine.lower.currents import self_rates, synaptic_rates
from neuro.engine.lower.drives import drive_keys, lower_drives, power_of_two_below, total_rate
from neuro.engine.lower.wiring import lower_projections
from neuro.errors import NetworkError, ParameterError, UnknownName, UnsupportedFeature, WeightError
from neuro.jit import as_table
from neuro.memory import require_memory
from neuro.names import Named
from neuro.network.graph import MAX_NEURONS, Network
from neuro.network.loihi import LoihiLIF
from neuro.network.neurons import Source
from neuro.validation import Floats, Ints, choice, finite, frozen, instance, mapping, shown, text, whole_number

__all__ = ["MAX_THREADS", "Program", "amplitudes", "build", "check_size"]

MAX_THREADS = 1024
"""Most threads of a run."""

MOST_ARRIVALS = 3.0
"""A window is so short that drives bring a neuron at most so many arrivals in it, in the mean."""
SLACK = 2.0**-20
"""Relative amount by which a window is shorter than the shortest delay."""
NEURON_BYTES = 64
"""A neuron takes at least so many bytes: its state, its drive and its place in lists."""


@dataclass(frozen=True, eq=False, repr=False)
class Program(Displayed):
    """A network as flat arrays. The neurons of all populations, one after the other, have one common numbering."""

    network: Network
    """The network that it was built from."""
    offset: Mapping[str, int]
    """First neuron of each population."""
    fixed: Fixed
    """Parameters and wiring, as the kernels read them."""
    drive: Floats
    """Constant part of dv/dt, per neuron."""
    weights_at: Mapping[str, tuple[int, int]]
    """First and last place in `fixed.weight` of the weights of each projection with a matrix."""
    weight_order: Mapping[str, Ints]
    """For each of these places the entry of the flattened matrix, where it differs: rows with several delays."""
    owner: Ints
    """The projection of each of `fixed.bundles`: one of each, and then more of those whose inputs add to several
    currents, as those onto a `LinearNeuron` do."""
    copies: Mapping[str, Sequence[tuple[int, float]]]
    """Where the weights of a projection with a matrix are several times, or not as they were given: the first place of
    each copy in `fixed.weight`, and its factor."""
    window: float
    """Length of a window, s: just less than the shortest delay, or a few time constants if that is shorter; 0 if any
    delay is zero."""

    @cached_property
    def table(self) -> Fixed:
        """`fixed` in the form that kernels take."""
        return as_table(self.fixed)

    @cached_property
    def longest_delay(self) -> float:
        """The longest delay of all synapses, s."""
        fixed = self.fixed
        return float(max(each.max(initial=0.0) for each in (fixed.segments["delay"], fixed.lag, fixed.lag_value)))

    def drive_keys(self, seed: int) -> NDArray[np.uint64]:
        """The key of each drive's draws under a run's seed, shape (drives,)."""
        return drive_keys(self.network, seed)

    @property
    def size(self) -> int:
        """Number of neurons, sources included."""
        return len(self.drive)

    def shares(self, threads: int) -> Ints:
        """Bounds of the neurons of each thread, shape (threads + 1,), such that all have about as many synapses."""
        if whole_number(threads, "threads", least=1, most=MAX_THREADS) == 1:
            return np.array([0, self.size])
        done = np.append(0, np.cumsum(self.load_of_neurons))
        inner = np.searchsorted(done[1:], np.arange(1, threads) * (done[-1] / threads))
        return np.array([0, *inner, self.size], np.int64)

    @cached_property
    def load_of_neurons(self) -> Ints:
        """The number of synapses onto each neuron, and one more."""
        return 1 + np.bincount(self.fixed.post, minlength=self.size)

    def by_projection(self, events: Ints) -> dict[str, int]:
        """Synaptic events by projection, where `events` has those of each of `fixed.bundles`.

        A synapse that adds to several currents is one event.
        """
        return dict(zip(self.network.projections, events[: len(self.network.projections)].tolist(), strict=True))

    def slice(self, population: str) -> slice:
        """The neurons of a population in the common numbering."""
        first = self.offset[text(population, "population")]
        return slice(first, first + self.network.populations[population].size)

    def mask(self, populations: Collection[str]) -> NDArray[np.bool_]:
        """Which neurons are of these populations, shape (neurons,)."""
        found = np.zeros(self.size, bool)
        for name in populations:
            found[self.slice(name)] = True
        return found

    def of(self, name: str, which: Any) -> NDArray[Any]:
        """A parameter (a field of `CELL`) of the neurons with index `which` in the common numbering.

        Raises
        ------
        ParameterError
            If there is no such field or neuron.
        """
        choice(name, "name", self.fixed.cells.dtype.names or ())
        try:
            rows = self._cell[which]
        except (IndexError, TypeError, ValueError, OverflowError):
            raise ParameterError("must be an index of neurons", where="which", value=shown(which)) from None
        return np.asarray(self.fixed.cells[name][rows])

    @cached_property
    def group_of(self) -> Ints:
        """The number of each neuron's population."""
        groups = self.fixed.groups
        return np.repeat(np.arange(len(groups)), groups["stop"] - groups["start"])

    def row_of(self, j: int) -> int:
        """The row of `fixed.cells` that has the parameters of neuron j."""
        return int(self._cell[whole_number(j, "j", most=self.size - 1)])

    @cached_property
    def _cell(self) -> NDArray[np.uint32]:
        """The row of `fixed.cells` that has the parameters of each neuron."""
        groups = self.fixed.groups
        group = np.repeat(groups, groups["stop"] - groups["start"])
        row = group["cells"] + group["own"] * (np.arange(self.size) - group["start"])
        return np.asarray(row, np.uint32)

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
        for name, value in mapping(weights, "weights", "weights by projection", error=WeightError).items():
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
            order = self.weight_order.get(name)
            given = array.ravel() if order is None else array.ravel()[order]
            for at, factor in self.copies.get(name, ((first, 1.0),)):
                flat[at : at + last - first] = given if factor == 1.0 else given * factor
        return replace(self, fixed=self.fixed.with_weight(flat))

    def with_bias(self, bias: Mapping[str, ArrayLike]) -> Program:
        """The same program with another constant `bias` in some populations, units of the model's `bias`."""
        drive = self.drive.copy()
        for name, value in mapping(bias, "bias", "biases by population").items():
            if name not in self.offset:
                raise UnknownName("population", name, self.offset)
            population, where = self.network.populations[name], f"bias of {name!r}"
            if isinstance(population.model, Source):
                raise ParameterError("a source of spikes has no bias", where=where)
            array = finite(value, where)
            if array.shape not in ((), (population.size,)):
                rule = f"must be one number or {population.size} of them"
                raise ParameterError(rule, where=where, value=f"shape {array.shape}")
            here = self.slice(name)
            rest = population.parameter("v_rest")
            drive[here] = (rest + array) * self.of("gain", here)
        return replace(self, drive=frozen(drive))

    def _display(self) -> tuple[str, Rows]:
        synapses = int(self.fixed.segments["count"].sum(dtype=np.int64))
        title = f"Program of the exact engine: {plural(self.size, 'neuron')}, {plural(synapses, 'synapse')}"
        return title, [("window", amount(self.window, "s")), *self.network._display()[1]]


def build(network: Network) -> Program:
    """Lower a network to flat arrays.

    Random synapses depend only on ``network.seed`` and the projections' names, so building twice gives the same ones.

    Raises
    ------
    UnsupportedFeature
        If a population has a model of the clocked engine.
    NetworkError
        If the network is larger than memory, or than the engine can number.

    >>> import neuro as nr
    >>> net = nr.Network(seed=1)
    >>> cell = net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> nr.build(net).size
    4
    """
    instance(network, "build", Network, "a Network", error=NetworkError)
    check_size(network)
    offset, total = Named[int]("population of this network"), 0
    for name, population in network.populations.items():
        if isinstance(population.model, LoihiLIF):
            raise UnsupportedFeature(
                f"the exact engine has no {type(population.model).__name__}, which is defined in time steps",
                where=f"population {name!r}",
                remedy="Use run(..., engine='clocked', dt=...)",
            )
        offset[name] = total
        total += population.size
    cells, rate, jump, begins = lower_cells(network)
    rows = lower_projections(network, offset, total)
    drives, spans = lower_drives(network)
    windows = bool(np.all(rows.arrays["segments"]["delay"] > 0.0))
    groups = _groups(network, offset, cells, rate, begins, windows=windows)
    if windows:
        _mark_loose(groups, rows.arrays["bundles"], list(spans.values()))
    drive = np.zeros(total)
    for name, population in network.populations.items():
        drive[offset[name] : offset[name] + population.size] = drive_of(population)
    return Program(
        network=network,
        offset=offset,
        fixed=Fixed(cells=cells, rate=rate, jump=jump, groups=groups, **rows.arrays, **drives),
        drive=frozen(drive),
        weights_at=rows.weights_at,
        weight_order=rows.weight_order,
        owner=rows.owner,
        copies=rows.copies,
        window=_window(network, rows.arrays["segments"], groups),
    )


def check_size(network: Network) -> None:
    """Refuse more neurons than memory can hold or the engines can number, before any array of them is made."""
    total = sum(population.size for population in network.populations.values())
    if not total:
        return
    largest = max(network.populations.values(), key=lambda population: population.size)
    where, value = f"population {largest.name!r}", f"{largest.size:,} of {total:,} neurons"
    if total > MAX_NEURONS:
        raise NetworkError(f"a network has at most {MAX_NEURONS:,} neurons", where=where, value=value)
    require_memory(NEURON_BYTES * total, where, value=value, error=NetworkError)


def _groups(
    network: Network, offset: Mapping[str, int], cells: Records, rate: Floats, begins: Ints, *, windows: bool
) -> Records:
    groups = np.zeros(len(network.populations), GROUP)
    for g, (group, population) in enumerate(zip(groups, network.populations.values(), strict=True)):
        first, last = begins[g], begins[g + 1]
        group["start"], group["kind"], group["shape"] = offset[population.name], STATE_FORM, 1.0
        group["stop"] = group["start"] + population.size
        group["cells"], group["own"] = first, last - first > 1
        group["uniform"] = all_equal(cells["leak"][first:last]) and all(all_equal(r) for r in rate[first:last].T)
        group["single"] = len(synaptic_rates(population)) == 1 and not self_rates(population)
        if isinstance(population.model, Source):
            group["kind"] = SOURCE
        elif windows and is_compact(population):
            group["kind"] = AMPLITUDE_FORM
            m = group["rate_m"] = cells["leak"][first]
            group["first_slow"], group["slow"] = len(synaptic_rates(population)), len(self_rates(population))
            group["fastest"] = max(m, *rate[first, : int(group["first_slow"] + group["slow"])], 0.0)
            if synaptic_rates(population):
                s = group["rate_s"] = rate[first, 0]
                s_peak = group["s_peak"] = np.log(s / m) / (s - m)
                group["shape"] = m / (m - s)
                group["peak"] = group["shape"] * (np.exp(-s * s_peak) - np.exp(-m * s_peak))
    return groups


def _mark_loose(groups: Records, bundles: Records, spans: list[tuple[int, int]]) -> None:
    """Mark the populations that arrivals reach one by one."""
    for group, (first, last) in zip(groups, spans, strict=True):
        group["first_drive"], group["drives"], group["loose"] = first, last - first, last > first
    groups["loose"][bundles["group"][bundles["lags"] > 0]] = 1
    groups["rows"][bundles["group"][bundles["lags"] == 0]] = 1


def _window(network: Network, segments: Records, groups: Records) -> float:
    """The longest window in which no spike can have an effect, and in which exp stays in range."""
    compact = groups[groups["kind"] == AMPLITUDE_FORM]
    fastest = max([0.0, *compact["fastest"]])
    longest = 1.0 if fastest == 0.0 else min(1.0, 50.0 / fastest)
    # A little less than the delay: by rounding, sums of delays differ from multiples of the window, and an arrival must
    # not fall into the window of its spike.
    length = float(min(longest, segments["delay"].min(initial=np.inf) * (1.0 - SLACK)))
    densest = max((total_rate(network, name) for name in network.drives), default=0.0)
    if length > 0.0 and densest > 0.0:
        # Few arrivals in a window, so that few neurons could reach their threshold; windows fit blocks of draws.
        length = power_of_two_below(min(length, MOST_ARRIVALS / densest))
    return length


def amplitudes(program: Program, v: Floats, x: Floats) -> Floats:
    """The amplitudes (a, b) of each neuron at time zero, shape (neurons, 2); zero outside amplitude form."""
    amp = np.zeros((program.size, 2))
    for group in program.fixed.groups[program.fixed.groups["kind"] == AMPLITUDE_FORM]:
        here = slice(int(group["start"]), int(group["stop"]))
        if group["first_slow"]:
            amp[here, 1] = group["shape"] * x[here, 0]
        amp[here, 0] = v[here] - program.drive[here] / program.of("leak", here) - amp[here, 1]
    return amp
