"""Limits of firing rates, and the errors for neurons that exceed them, such as neurons that would fire without end.

A rate is taken over the engine's windows. They lie on one grid wherever runs are cut, so a run in parts is refused
where one run is. Without windows (a delay of zero) spans take their place; their length depends on the population.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil, inf
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.codes import FAULT_DETAIL, FORCED, NEVER, SOURCE
from neuro.engine.kernels.arrays import Inputs, State
from neuro.engine.lower.program import Program
from neuro.engine.plasticity.layout import PlasticProgram
from neuro.errors import NetworkError
from neuro.network.neurons import AHP, ALIF, IF, LIF
from neuro.validation import Floats, Ints

__all__ = ["Limits", "LongCount", "check_bias", "check_window", "limits_of", "natural_rates", "runaway_error"]

NATURAL_COUNT = 5_000
"""Spikes that a neuron may fire within its shortest time constant or the shortest delay of its own projections."""
BURST = 1_000
"""Spikes that are allowed in one window, however short it is."""
SUBTRACT_BURST = 50_000
"""The same where reset subtracts, because one strong input can rightly cause many spikes at once."""
FASTEST = 1e9
"""Spikes per second of a neuron without time constants and projections, which has no scale of its own."""
MIN_COUNT = 100
"""Spikes over which a `max_rate` below the natural one is taken."""
MAX_SOURCES = 2_000
"""Number of the most active neurons whose spikes are searched for the cause of runaway firing."""
REMEDY = (
    "Weaken what drives it, give it a refractory time or a reset further below its threshold, "
    "or allow more with run(max_rate=...)"
)


class Limits(NamedTuple):
    """Limits of the firing of neurons, by population; sources have none."""

    rate: Floats
    """Spikes per second."""
    max_count: Ints
    """Spikes in one window or span."""
    span: Floats
    """Length of a span where there are no windows, s."""


def natural_rates(program: Program) -> Floats:
    """Spikes per second that the neurons of each population may fire unless a run says otherwise.

    This is `NATURAL_COUNT` within the shortest of their time constants (membrane and all x_k) and of the delays of
    their own projections; `FASTEST` if there are none.
    """
    if program not in _NATURAL_RATES:
        _NATURAL_RATES[program] = _natural_rates(program)
    return _NATURAL_RATES[program]


_NATURAL_RATES: WeakKeyDictionary[Program, Floats] = WeakKeyDictionary()


def _natural_rates(program: Program) -> Floats:
    fixed, rates = program.fixed, np.full(len(program.fixed.groups), FASTEST)
    for g, group in enumerate(fixed.groups):
        cells, rows = _rows(group), slice(int(fixed.row[group["start"]]), int(fixed.row[group["stop"]]))
        delays = fixed.segments["delay"][rows]
        shortest = delays[delays > 0.0].min(initial=inf)
        for inverse in (fixed.cells["leak"][cells], fixed.rate[cells]):
            fastest = inverse.max(initial=0.0)
            shortest = min(shortest, 1.0 / fastest if fastest > 0.0 else inf)
        if group["kind"] == SOURCE:
            rates[g] = inf
        elif shortest < inf:
            rates[g] = NATURAL_COUNT / shortest
    return rates


def _rows(group: Any) -> slice:
    """The rows of the parameters of a population."""
    size = int(group["stop"] - group["start"])
    return slice(int(group["cells"]), int(group["cells"]) + (size if group["own"] else min(size, 1)))


def limits_of(program: Program, max_rate: float | None = None) -> Limits:
    """The limits of a program's neurons; a `max_rate` replaces the natural rates of all populations."""
    groups, natural = program.fixed.groups, natural_rates(program)
    rate = np.where(natural == inf, inf, natural if max_rate is None else max_rate)
    max_count, span = np.full(len(groups), NEVER), np.ones(len(groups))
    for g in np.flatnonzero(rate < inf):
        min_count = MIN_COUNT
        if rate[g] >= natural[g]:
            min_count = SUBTRACT_BURST if program.fixed.cells["subtract"][_rows(groups[g])].any() else BURST
        span[g] = max(min_count / rate[g], NATURAL_COUNT / natural[g])
        # A steady train has one spike more in some windows than its rate says.
        max_count[g] = max(min_count, ceil(min(rate[g] * (program.window or span[g]), 2.0**53)) + 1)
    return Limits(rate, max_count, span)


def check_bias(program: Program, rate: Floats) -> None:
    """Refuse neurons that their constant bias makes fire more often than `rate`, by population.

    Between two spikes a LIF takes  refractory + tau_m ln((D - v_reset) / (D - v_th)),  D = v_rest + bias, and an IF
    refractory + (v_th - v_reset) / bias. Neurons that adapt are left to the kernels.

    Raises
    ------
    NetworkError
        With the population, the neuron in it, and the rate.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, v_reset=1 - 1e-9, bias=2.0)))
    >>> check_bias(nr.build(net), np.array([1e6]))
    Traceback (most recent call last):
    ...
    neuro.errors.NetworkError: population 'cell', neuron 0: a neuron may fire at most 1e+06 times a second; ...
    """
    for g, (name, population) in enumerate(program.network.populations.items()):
        if not isinstance(population.model, LIF | IF) or isinstance(population.model, AHP | ALIF):
            continue
        here = program.slice(name)
        drive, threshold = program.drive[here], program.of("threshold", here)
        away = threshold - np.where(program.of("subtract", here), 0.0, program.of("reset", here))
        if isinstance(population.model, LIF):
            leak = program.of("leak", here)
            drive = drive / leak
            fires = drive > threshold
            interval = np.log1p(np.maximum(away, 0.0) / np.where(fires, drive - threshold, 1.0)) / leak
        else:
            fires = drive > 0.0
            interval = np.maximum(away, 0.0) / np.where(fires, drive, 1.0)
        fires = fires & (threshold <= program.of("ceiling", here))
        interval = interval + program.of("refractory", here)
        bad = fires & (interval * rate[g] < 1.0)
        if bad.any():
            i = int(np.argmax(bad))
            found = "without end" if interval[i] == 0.0 else f"{1.0 / interval[i]:.3g} times a second"
            raise NetworkError(
                f"a neuron may fire at most {rate[g]:.3g} times a second",
                where=f"population {name!r}, neuron {i}",
                value=f"{found} by its bias alone: v_th - v_reset is {away[i]:.3g}",
                remedy=REMEDY,
            )


class LongCount:
    """Counts a run's spikes over spans of many windows, for a `max_rate` too low to be seen within one."""

    def __init__(self, program: Program, limits: Limits, forced: Ints) -> None:
        low = limits.rate < natural_rates(program)
        self.program, self.number = program, -1
        self.rate = float(limits.rate[low].min(initial=inf))
        self.span = MIN_COUNT / self.rate
        if self.span > program.window > 0.0:
            self.max_count = np.where(low, MIN_COUNT + 1, NEVER)[program.group_of]
            self.max_count[forced] = NEVER
            self.counts = np.zeros(program.size, np.int64)
        else:
            self.span = 0.0

    def add(self, time: Floats, neuron: Ints) -> None:
        """Count the next spikes, sorted by time, and refuse a neuron that has too many."""
        if self.span == 0.0 or not len(time):
            return
        number = np.floor(time / self.span).astype(np.int64)
        edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(time)]
        for first, last in pairwise(edges):
            if number[first] != self.number:
                self.number = int(number[first])
                self.counts[:] = 0
            self.counts += np.bincount(neuron[first:last], minlength=len(self.counts))
            over = self.counts > self.max_count
            if over.any():
                j = int(np.argmax(over))
                value = f"{self.counts[j]:,} spikes from {self.number * self.span:.9g} s to {time[last - 1]:.9g} s"
                drive = _describe_drive(self.program, None, None, j, time, neuron)
                raise _too_fast(self.program, j, self.rate, f"{value}, {drive}")


def check_window(
    program: Program,
    arrays: State,
    limits: Limits,
    time: Floats,
    neuron: Ints,
    plastic: PlasticProgram | None,
    inputs: Inputs,
) -> None:
    """Refuse a neuron that fires more often in one window than it may; spikes may be in any order.

    Raises
    ------
    NetworkError
        With the population, the neuron in it, the time, the rate, and what drives it.
    """
    if not program.window or not len(time):
        return
    number = np.floor(time / program.window).astype(np.int64)
    number -= number.min()
    windows = int(number.max()) + 1
    key, count = np.unique(neuron * windows + number, return_counts=True)
    ids = key // windows
    over = (count > limits.max_count[program.group_of[ids]]) & (arrays.neurons["mode"][ids] != FORCED)
    if over.any():
        j = int(ids[np.argmax(over)])
        raise _rate_error(
            program, limits, j, np.sort(time[neuron == j]), _describe_drive(program, plastic, inputs, j, time, neuron)
        )


def runaway_error(
    program: Program,
    arrays: State,
    limits: Limits,
    time: Floats,
    neuron: Ints,
    plastic: PlasticProgram | None,
    inputs: Inputs,
) -> NetworkError:
    """The error for the neuron at which a kernel gave up."""
    j = int(arrays.register[FAULT_DETAIL])
    train = np.sort(time[neuron == j])
    if len(train) < 2:
        return NetworkError(
            "a neuron must not change between its limits a million times in one instant",
            where=_name(program, j),
            value=f"it did at {arrays.neurons['last'][j]:.9g} s",
            remedy=REMEDY,
        )
    return _rate_error(program, limits, j, train, _describe_drive(program, plastic, inputs, j, time, neuron))


def _rate_error(program: Program, limits: Limits, j: int, train: Floats, drive: str) -> NetworkError:
    """The error for the window with most spikes."""
    length, g = program.window or limits.span[program.group_of[j]], program.group_of[j]
    number = np.floor(train / length)
    at, counts = np.unique(number, return_counts=True)
    train = train[number == at[np.argmax(counts)]][: int(limits.max_count[g]) + 1]
    span = float(train[-1] - train[0])
    rate = "without end" if span == 0.0 else f"{(len(train) - 1) / span:.3g} times a second"
    value = f"{len(train):,} spikes in {span:.3g} s ({rate}) from {train[0]:.9g} s on, {drive}"
    return _too_fast(program, j, float(limits.rate[g]), value)


def _too_fast(program: Program, j: int, rate: float, value: str) -> NetworkError:
    return NetworkError(
        f"a neuron may fire at most {rate:.3g} times a second", where=_name(program, j), value=value, remedy=REMEDY
    )


def _name(program: Program, j: int) -> str:
    name = list(program.offset)[int(program.group_of[j])]
    return f"population {name!r}, neuron {j - program.offset[name]}"


def _with_sources(program: Program, inputs: Inputs, time: Floats, neuron: Ints) -> tuple[Floats, Ints]:
    """Spikes of a chunk of a run, and those of the sources that arrive in it or in the window before."""
    begin = time.min() - program.longest_delay - program.window
    first, last = inputs.source_time.searchsorted([begin, time.max()])
    own = program.fixed.groups["kind"][program.group_of[neuron]] != SOURCE
    times, ids = inputs.source_time[first:last], inputs.source_id[first:last]
    return np.concatenate([time[own], times]), np.concatenate([neuron[own], ids])


def _describe_drive(
    program: Program, plastic: PlasticProgram | None, inputs: Inputs | None, j: int, time: Floats, neuron: Ints
) -> str:
    """The strongest drive of neuron j, in words: its bias, or the inputs from spikes of this chunk of the run.

    An input counts as all that it adds to v, a bias as what it adds from the first of the spikes to the last.
    """
    fixed, names = program.fixed, list(program.network.projections)
    leak, gain = (float(program.of(key, [j])[0]) for key in ("leak", "gain"))
    rates = fixed.rate[program.row_of(j)]
    sent: dict[str, float] = {}
    own = 0.0
    if inputs is not None:
        time, neuron = _with_sources(program, inputs, time, neuron)
    fired = np.bincount(neuron, minlength=program.size)
    for i in np.argsort(fired, kind="stable")[::-1][:MAX_SOURCES]:
        for k in range(fixed.row[i], fixed.row[i + 1]) if fired[i] else ():
            seg = fixed.segments[k]
            bundle, first, count = fixed.bundles[seg["projection"]], int(seg["first"]), int(seg["count"])
            at = np.flatnonzero(fixed.post[first : first + count] == j)
            if not len(at):
                continue
            weights = fixed.weight[int(seg["weight"]) + int(bundle["step"]) * at]
            if plastic is not None:
                weights = plastic.weights_of(k, at, weights)
            receptor = int(bundle["receptor"])
            each = 1.0 if receptor < 0 else gain / rates[receptor]
            adds = float(fired[i]) * each * float(np.sum(weights))
            name = names[program.owner[seg["projection"]]]
            sent[name] = sent.get(name, 0.0) + adds
            own += adds if i == j else 0.0
    bias = float(program.drive[j]) * float(time.max() - time.min())
    name, largest = max(sent.items(), key=lambda item: item[1], default=("", 0.0))
    if max(largest, bias) <= 0.0:
        return "driven by earlier inputs, or by a current given to the run"
    if bias > largest:
        level = f"v_rest + bias = {program.drive[j] / leak:.3g}" if leak else f"bias = {program.drive[j]:.3g}"
        return f"driven most by its bias ({level}, v_th = {program.of('threshold', [j])[0]:.3g})"
    share = largest / (bias * (bias > 0.0) + sum(max(adds, 0.0) for adds in sent.values()))
    learned = plastic is not None and name in plastic.rules
    return (
        f"driven most by projection {name!r} ({100.0 * share:.0f} % of what excites it"
        f"{', most of that its own autapse' if own > 0.5 * largest else ''}"
        f"{'; the weights are learned' if learned else ''})"
    )
