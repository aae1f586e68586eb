"""`check`: the same network in Brian2 with smaller and smaller steps, beside the exact engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.display import Displayed, Rows, amount
from neuro.engine.drive.poisson import poisson
from neuro.engine.recording import Spikes
from neuro.engine.run import run
from neuro.errors import NetworkError, ParameterError, UnsupportedFeature
from neuro.network.drives import TimedRate
from neuro.network.graph import Network, Population
from neuro.network.neurons import PoissonSource, SpikeSource
from neuro.network.synapses import OneToOne
from neuro.progress import ProgressOption
from neuro.validation import Floats, finite, number, seconds, shown, whole_number

__all__ = ["Agreement", "check"]

LINEAR = (0.7, 1.3)
"""A distance that is proportional to the step falls with its first power; few spikes leave this much noise."""


@dataclass(frozen=True, eq=False, repr=False)
class Agreement(Displayed):
    """How far the spikes of Brian2 are from those of the exact engine."""

    dt: Floats
    """Steps of Brian2, s, from the largest to the smallest."""
    distance: Floats
    """Mean distance between the n-th spikes of a neuron, s, for each step."""
    unmatched: Floats
    """Share of the spikes that have no partner, for each step."""
    spikes: int
    """Spikes of the exact engine; those of sources do not count."""
    slope: float
    """The power of dt with which the distance falls; 1 where the time step is the only difference."""

    @property
    def falls(self) -> bool:
        """Does the distance fall in proportion to the step, or is it zero, and do nearly all spikes have partners?"""
        matched = bool(self.unmatched[-1] < 0.05)
        return matched and (not np.any(self.distance) or LINEAR[0] < self.slope < LINEAR[1])

    def _display(self) -> tuple[str, Rows]:
        how = f"falls with dt to the power of {self.slope:.2f}" if self.falls else "does not fall in proportion to dt"
        return f"Agreement: {self.spikes:,} spikes; the distance to Brian2 {how}", [
            (f"dt = {amount(step, 's')}", f"{amount(apart, 's')} apart, {share:.2%} without partner")
            for step, apart, share in zip(
                self.dt.tolist(), self.distance.tolist(), self.unmatched.tolist(), strict=True
            )
        ]


def check(
    network: Network,
    duration: float,
    *,
    inputs: Mapping[str, Any] | None = None,
    dt: ArrayLike = (2e-4, 1e-4, 5e-5),
    seed: int = 0,
    progress: ProgressOption = None,
) -> Agreement:
    """Run a network here and in Brian2, and say how the difference falls with Brian2's step.

    Poisson sources and drives are drawn once, and given to both. Where delays and refractory times are multiples of
    all steps, the difference is that of the step alone, and proportional to it, as long as it is small: in a chaotic
    network, or one that runs long, spikes drift apart until they have no partners.

    Parameters
    ----------
    network, inputs
        As for `run` and `to_brian2`.
    duration
        Seconds.
    dt
        Steps of Brian2, s, at least two.
    seed
        Of what is drawn.
    progress
        As for `run`, of each run in Brian2.

    Returns
    -------
    Agreement
        `falls` says whether the difference falls in proportion to the step.

    Raises
    ------
    UnsupportedFeature
        If Brian2 has no counterpart of something in the network, or a drive has a rate that changes.

    >>> import brian2
    >>> import neuro as nr
    >>> brian2.prefs.codegen.target = "numpy"  # by default it compiles, which takes longer for a run this short
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 40, nr.LIF(tau_m=20e-3, v_th=1.0, bias=np.linspace(1.5, 3.0, 40))))
    >>> check(net, 0.05).falls
    True
    """
    if not isinstance(network, Network):
        raise NetworkError("must be a Network", where="check", value=shown(network))
    length = number(duration, "duration", check=seconds)
    steps = np.sort(np.unique(seconds(dt, "dt").ravel()))[::-1]
    if len(steps) < 2:
        raise ParameterError("needs at least two steps", where="dt", value=shown(dt))
    root = whole_number(seed, "seed")
    fixed = _without_chance(network, length, root, 2.0 * float(steps[0]))
    ours = run(fixed, length, inputs=inputs, seed=root).spikes
    cells = [name for name, p in network.populations.items() if not isinstance(p.model, SpikeSource | PoissonSource)]
    distance, unmatched = [], []
    for step in steps.tolist():
        its = run(fixed, length, inputs=inputs, engine="brian2", dt=step, seed=root, progress=progress).spikes
        apart, alone = _compared([ours[name] for name in cells], [its[name] for name in cells])
        distance.append(apart)
        unmatched.append(alone)
    positive = np.array(distance) > 0
    slope = 0.0
    if positive.sum() > 1:
        slope = float(np.polyfit(np.log(steps[positive]), np.log(np.array(distance)[positive]), 1)[0])
    total = sum(len(ours[name]) for name in cells)
    return Agreement(steps, np.array(distance), np.array(unmatched), total, slope)


def _without_chance(network: Network, duration: float, seed: int, apart: float) -> Network:
    """The network with what its Poisson sources and drives draw as spikes of sources, which are so far apart.

    A source of Brian2 spikes once in a step. A spike of a Poisson source that comes too soon is left out; the arrivals
    of a drive are those of several sources.
    """
    made, parts = Network(network.seed), {}
    for name, population in network.populations.items():
        if isinstance(population.model, PoissonSource):
            spikes = _spaced(poisson(population, seed, 0.0, duration), apart)[0]
            model = SpikeSource(spikes.times, spikes.ids)
            population = Population(name, population.size, model, positions=population.positions)
        parts[name] = made.add(population)
    for name, each in network.projections.items():
        ends = parts[each.pre.name], parts[each.post.name]
        made.connect(*ends, each.synapses, delay=each.delay, receptor=each.receptor, name=name)
    for name, drives in network.drives.items():
        for k, drive in enumerate(drives):
            if isinstance(drive.rate, TimedRate):
                raise UnsupportedFeature("a rate that changes has no counterpart", where=f"drive of {name!r}")
            size = int(parts[name].size)
            label = f"arrivals {k} of {name}"
            drawn = poisson(Population(label, size, PoissonSource(drive.rate)), seed, 0.0, duration)
            for i, spikes in enumerate(_spaced(drawn, apart)):
                source = made.add(Population(f"{label}, {i}", size, SpikeSource(spikes.times, spikes.ids)))
                made.connect(source, parts[name], OneToOne(drive.weight), delay=drive.delay, receptor=drive.receptor)
    return made


def _spaced(spikes: Spikes, apart: float) -> list[Spikes]:
    """The spikes in several trains, in each of which a neuron's spikes are so far apart; the first has the most."""
    found: list[Spikes] = []
    rest = spikes
    while len(rest) or not found:
        kept, last = np.zeros(len(rest), bool), np.full(int(rest.ids.max(initial=0)) + 1, -np.inf)
        for k, (time, who) in enumerate(zip(rest.times.tolist(), rest.ids.tolist(), strict=True)):
            if time - last[who] >= apart:
                kept[k], last[who] = True, time
        found.append(Spikes.in_order(rest.times[kept], rest.ids[kept]))
        rest = Spikes.in_order(rest.times[~kept], rest.ids[~kept])
    return found


def _compared(ours: Sequence[Spikes], its: Sequence[Spikes]) -> tuple[float, float]:
    """The mean distance of the n-th spikes of each neuron, and the share of spikes without a partner."""
    apart, alone, total = [], 0, 0
    for mine, other in zip(ours, its, strict=True):
        (one, first), (two, second) = _ranked(mine), _ranked(other)
        _, left, right = np.intersect1d(first, second, assume_unique=True, return_indices=True)
        apart.append(np.abs(one[left] - two[right]))
        alone += len(one) + len(two) - 2 * len(left)
        total += len(one) + len(two)
    every = np.concatenate([np.zeros(0), *apart])
    return float(every.mean()) if len(every) else 0.0, alone / total if total else 0.0


def _ranked(spikes: Spikes) -> tuple[Floats, Floats]:
    """Spike times, and for each one number that says the neuron and which of its spikes it is."""
    order = np.lexsort((spikes.times, spikes.ids))
    times, ids = spikes.times[order], spikes.ids[order]
    rank = np.arange(len(ids)) - np.searchsorted(ids, ids)
    return times, finite(ids * 2.0**32 + rank, "spikes")
