"""Losses with exact gradients: of spike times and of v, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neuro.engine.lower.program import Program
from neuro.engine.recording import Recording, Spikes
from neuro.errors import InputError, UnknownName
from neuro.gradients.batch import AFTER_ALL, Slopes, Spiked, spiked
from neuro.gradients.lowering import lowered
from neuro.gradients.voltages import Voltages
from neuro.network.graph import Population
from neuro.network.neurons import Source
from neuro.validation import Floats, Ints, finite, indices, instance, number, numbers, shown, text, whole_number

__all__ = [
    "CrossEntropy",
    "FirstSpike",
    "IntegralV",
    "LargestV",
    "Loss",
    "SampledV",
    "SpikeTimes",
    "SquaredError",
    "WeightedSum",
    "measured",
    "slopes_of",
]


class Place(NamedTuple):
    """Where a loss is taken: one run."""

    voltages: Voltages
    recording: Recording
    run: Spiked
    slopes: Slopes

    def neurons(self, name: str, which: Any) -> tuple[Population, Ints]:
        """A population and some of its neurons; None: all."""
        network = self.voltages.program.network
        if text(name, "loss, population", error=InputError) not in network.populations:
            raise UnknownName("population of this network", name, network.populations)
        population = network.populations[name]
        if which is None:
            return population, np.arange(population.size)
        where = f"loss, neurons of {name!r}"
        given = numbers(which, where, error=InputError, least_dims=1)
        if given.ndim > 1 or len(np.unique(given)) < len(given):
            raise InputError("must be different neurons, in a flat list", where=where, value=shown(which))
        return population, indices(given, population.size, where)


Answer = tuple[Floats, Callable[[Floats], None]]
"""A value for each neuron, and what enters the derivatives of the loss by them into the slopes."""


@dataclass(frozen=True, kw_only=True)
class FirstSpike:
    """The time of the first spike of each neuron, s; of a silent one `silent`, which has no gradient.

    >>> FirstSpike(population="output").silent is None
    True
    """

    population: str
    """Whose neurons."""
    neurons: ArrayLike | None = None
    """Which of them; None: all."""
    silent: float | None = None
    """The time that stands for no spike, s; None: the end of the run."""

    def answer(self, place: Place) -> Answer:
        """The times, and their way into the slopes."""
        _, neurons = place.neurons(self.population, self.neurons)
        spikes, where = place.recording.spikes[self.population], place.run.places(self.population)
        last = place.run.stop if self.silent is None else number(self.silent, "FirstSpike.silent", unit="s")
        ids, first = np.unique(spikes.ids, return_index=True)
        mine = np.full(int(max(neurons.max(initial=0), ids.max(initial=0))) + 1, -1, np.int64)
        mine[ids] = first
        first = mine[neurons]
        fired = first >= 0
        values = np.full(len(neurons), last)
        values[fired] = spikes.times[first[fired]]

        def enter(by: Floats) -> None:
            np.add.at(place.slopes.time, where[first[fired]], by[fired])

        return values, enter


@dataclass(frozen=True, kw_only=True)
class LargestV:
    """The largest v of each neuron in a window, exactly, units of v.

    At a spike v counts up to the threshold. A silent output has a gradient by it, where it has none by spike times.

    >>> LargestV(population="output", stop=0.03).start
    0.0
    """

    population: str
    """Whose neurons."""
    neurons: ArrayLike | None = None
    """Which of them; None: all."""
    start: float = 0.0
    """Begin of the window, s."""
    stop: float | None = None
    """Its end, s; None: the end of the run."""

    def answer(self, place: Place) -> Answer:
        """The largest values, and their way into the slopes."""
        which = _members(place, self.population, self.neurons, "LargestV")
        start, stop = _window(place, self.start, self.stop, "LargestV")
        peaks = [place.voltages.peak(int(j), start, stop) for j in which]

        def enter(by: Floats) -> None:
            for j, peak, each in zip(which, peaks, by, strict=True):
                place.slopes.samples.append((int(j), peak.time, peak.key, float(each)))
                if peak.spike >= 0:
                    place.slopes.time[peak.spike] += each * peak.slope
                if peak.synapse >= 0:
                    place.slopes.delays.append((peak.synapse, float(each * peak.slope)))

        return np.array([peak.value for peak in peaks]), enter


@dataclass(frozen=True, kw_only=True)
class SampledV:
    """v of each neuron at given times, one value for each neuron and time: neuron by neuron, units of v.

    >>> SampledV(population="output", times=[0.01, 0.02]).neurons is None
    True
    """

    population: str
    """Whose neurons."""
    times: ArrayLike
    """When, s: as a recording samples it, after all that happens at that instant."""
    neurons: ArrayLike | None = None
    """Which of them; None: all."""

    def answer(self, place: Place) -> Answer:
        """The values, and their way into the slopes."""
        which = _members(place, self.population, self.neurons, "SampledV")
        times = np.atleast_1d(finite(self.times, "SampledV.times", unit="s"))
        if times.ndim != 1 or np.any((times < place.run.start) | (times > place.run.stop)):
            raise InputError("times must lie in the run", where="SampledV.times", value=times.tolist())
        values = [place.voltages.at(int(j), times) for j in which]

        def enter(by: Floats) -> None:
            pairs = ((int(j), float(t)) for j in which for t in times)
            place.slopes.samples += [(j, t, AFTER_ALL, float(each)) for (j, t), each in zip(pairs, by, strict=True)]

        return np.concatenate([np.zeros(0), *values]), enter


@dataclass(frozen=True, kw_only=True)
class IntegralV:
    """The integral of v of each neuron over a window, units of v times seconds.

    >>> IntegralV(population="output", start=0.01, stop=0.02).stop
    0.02
    """

    population: str
    """Whose neurons."""
    neurons: ArrayLike | None = None
    """Which of them; None: all."""
    start: float = 0.0
    """Begin of the window, s."""
    stop: float | None = None
    """Its end, s; None: the end of the run."""

    def answer(self, place: Place) -> Answer:
        """The integrals, and their way into the slopes."""
        which = _members(place, self.population, self.neurons, "IntegralV")
        start, stop = _window(place, self.start, self.stop, "IntegralV")
        values = [place.voltages.integral(int(j), start, stop) for j in which]

        def enter(by: Floats) -> None:
            place.slopes.integrals.append((which, start, stop, by))

        return np.array(values), enter


Quantity = FirstSpike | LargestV | SampledV | IntegralV


@dataclass(frozen=True)
class CrossEntropy:
    """-log softmax(scale x)[label] of a quantity x of each output.

    By `FirstSpike`, the earliest wins with a negative scale, such as -1 / 5e-3 per second.

    >>> CrossEntropy(LargestV(population="output"), 1).scale
    1.0
    """

    quantity: Quantity
    """What the outputs are compared by."""
    label: int
    """Number of the right one among the neurons of the quantity."""
    scale: float = 1.0
    """Factor of the quantity, one over its unit."""

    def enter(self, place: Place) -> float:
        """The loss; its derivatives are entered into the slopes."""
        values, enter = _quantity(self.quantity, "CrossEntropy").answer(place)
        label = whole_number(self.label, "CrossEntropy.label", most=len(values) - 1)
        logits = number(self.scale, "CrossEntropy.scale") * values
        logits -= logits.max()
        share = np.exp(logits) / np.exp(logits).sum()
        wanted = np.zeros(len(values))
        wanted[label] = 1.0
        enter(self.scale * (share - wanted))
        return float(np.log(np.exp(logits).sum()) - logits[label])


@dataclass(frozen=True)
class SquaredError:
    """The sum of (x - target)^2 over a quantity x.

    >>> SquaredError(SampledV(population="output", times=0.01), 0.5).target
    0.5
    """

    quantity: Quantity
    """What is compared."""
    target: ArrayLike
    """With what: one number, or one for each value of the quantity."""

    def enter(self, place: Place) -> float:
        """As `CrossEntropy.enter`."""
        values, enter = _quantity(self.quantity, "SquaredError").answer(place)
        apart = values - _each(self.target, values, "SquaredError.target")
        enter(2.0 * apart)
        return float(apart @ apart)


@dataclass(frozen=True)
class WeightedSum:
    """The sum of weight times x over a quantity x.

    >>> WeightedSum(LargestV(population="output"), -1.0).weight
    -1.0
    """

    quantity: Quantity
    """What is summed."""
    weight: ArrayLike = 1.0
    """One number, or one for each value of the quantity."""

    def enter(self, place: Place) -> float:
        """As `CrossEntropy.enter`."""
        values, enter = _quantity(self.quantity, "WeightedSum").answer(place)
        weight = _each(self.weight, values, "WeightedSum.weight")
        enter(weight)
        return float(weight @ values)


@dataclass(frozen=True, kw_only=True)
class SpikeTimes:
    """The sum of (t - target)^2 over spikes: the n-th spike of a neuron is compared with its n-th target, s^2.

    Spikes without a target, and targets without a spike, count nothing.

    >>> len(SpikeTimes(population="output", target=Spikes([0.01], [0])).target)
    1
    """

    population: str
    """Whose neurons."""
    target: Spikes
    """When they should spike."""

    def enter(self, place: Place) -> float:
        """As `CrossEntropy.enter`."""
        place.neurons(self.population, None)
        target = instance(self.target, "SpikeTimes.target", Spikes, "Spikes", error=InputError)
        spikes, where = place.recording.spikes[self.population], place.run.places(self.population)
        wanted = dict(zip(zip(target.ids.tolist(), _turns(target.ids), strict=True), target.times, strict=True))
        pairs = zip(spikes.ids.tolist(), _turns(spikes.ids), strict=True)
        goal = np.array([wanted.get(pair, np.nan) for pair in pairs])
        apart = np.nan_to_num(spikes.times - goal) if len(goal) else goal
        np.add.at(place.slopes.time, where, 2.0 * apart)
        return float(apart @ apart)


Loss = CrossEntropy | SquaredError | WeightedSum | SpikeTimes | Sequence[Any]


def _turns(ids: Ints) -> list[int]:
    """The how manieth spike of its neuron each is."""
    seen: dict[int, int] = {}
    found = []
    for i in ids.tolist():
        found.append(seen.get(i, 0))
        seen[i] = found[-1] + 1
    return found


def _quantity(given: Any, where: str) -> Quantity:
    kinds = (FirstSpike, LargestV, SampledV, IntegralV)
    rule = "FirstSpike, LargestV, SampledV or IntegralV"
    found: Quantity = instance(given, f"{where}, quantity", kinds, rule, error=InputError)
    return found


def _each(given: ArrayLike, values: Floats, where: str) -> Floats:
    found = finite(given, where)
    if found.shape not in ((), values.shape):
        raise InputError(f"must be one number or {len(values)} of them", where=where, value=f"shape {found.shape}")
    return np.broadcast_to(found, values.shape).astype(np.float64)


def _members(place: Place, name: str, neurons: Any, where: str) -> Ints:
    """Neurons with a v, in the common numbering, prepared."""
    population, which = place.neurons(text(name, f"{where}.population"), neurons)
    if isinstance(population.model, Source):
        raise InputError("a source of spikes has no v", where=where, value=repr(name))
    found: Ints = which + place.voltages.program.offset[name]
    place.voltages.prepare(found)
    return found


def _window(place: Place, start: float, stop: float | None, where: str) -> tuple[float, float]:
    begin = number(start, f"{where}.start", unit="s")
    end = place.run.stop if stop is None else number(stop, f"{where}.stop", unit="s")
    if not place.run.start <= begin <= end <= place.run.stop:
        raise InputError("the window must lie in the run", where=where, value=f"{begin} .. {end} s")
    return begin, end


def slopes_of(loss: Any, voltages: Voltages, recording: Recording, run: Spiked) -> tuple[float, Slopes]:
    """The value of a loss, and its derivatives by spike times and v.

    Raises
    ------
    InputError
        If it is no loss, or does not fit the run.
    """
    place = Place(voltages, recording, run, Slopes(np.zeros(len(run.time))))
    value = 0.0
    parts = loss if isinstance(loss, tuple | list) else (loss,)
    for part in parts:
        if isinstance(part, Mapping):
            for name, function in part.items():
                value += _own(place, name, function)
        else:
            kinds = (CrossEntropy, SquaredError, WeightedSum, SpikeTimes)
            rule = "a loss, functions by population, or a tuple of these"
            value += instance(part, "loss", kinds, rule, error=InputError).enter(place)
    return value, place.slopes


def measured(program: Program, recording: Recording, quantity: Quantity) -> Floats:
    """The values of a quantity in a run without currents, as losses compare them."""
    own, run = lowered(program), spiked(program, recording, None)
    voltages = Voltages(own, run)
    return quantity.answer(Place(voltages, recording, run, Slopes(np.zeros(0))))[0]


def _own(place: Place, name: str, function: Any) -> float:
    """A loss that is a function of the spikes of a population."""
    place.neurons(name, None)
    spikes, where = place.recording.spikes[name], f"loss of {name!r}"
    if not callable(function):
        raise InputError("must be a function of the population's Spikes", where=where, value=type(function).__name__)
    try:
        value, by_time = function(spikes)
    except (TypeError, ValueError) as problem:
        rule = "must return its value, and the derivative by the time of each spike"
        raise InputError(rule, where=where, value=str(problem)) from problem
    slopes = finite(numbers(by_time, where, least_dims=1), where, error=InputError)
    if slopes.shape != (len(spikes),):
        rule = f"must give one derivative for each of the {len(spikes)} spikes"
        raise InputError(rule, where=where, value=f"shape {slopes.shape}")
    place.slopes.time[place.run.places(name)] += slopes
    return number(value, where)
