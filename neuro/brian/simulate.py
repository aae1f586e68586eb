"""Runs a network in Brian2, and gives its spikes, sampled voltages and events as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neuro.brian.quiet import quiet
from neuro.brian.writer import parts_of
from neuro.errors import PeerError
from neuro.network.graph import Network
from neuro.validation import Floats, Ints

__all__ = ["Simulated", "simulate"]


class Simulated(NamedTuple):
    """What Brian2 found."""

    spikes: dict[str, tuple[Floats, Ints]]
    """Times (s) and ids by population, sorted."""
    v: dict[str, Floats]
    """Shape (samples, recorded neurons)."""
    v_times: Floats
    events: dict[str, int]
    """Arrivals by projection."""


def simulate(
    network: Network,
    duration: float,
    inputs: Mapping[str, Any] | None,
    dt: float,
    seed: int,
    v: Mapping[str, ArrayLike],
    v_dt: float,
    report: Callable[[float, float, str], None] | None = None,
) -> Simulated:
    """Run a network in Brian2 for `duration` seconds; `v` has the neurons whose voltage is sampled each `v_dt`."""
    with quiet():
        return _simulated(network, duration, inputs, dt, seed, v, v_dt, report)


def _simulated(
    network: Network,
    duration: float,
    inputs: Mapping[str, Any] | None,
    dt: float,
    seed: int,
    v: Mapping[str, ArrayLike],
    v_dt: float,
    report: Callable[[float, float, str], None] | None,
) -> Simulated:
    import brian2

    parts, second = parts_of(network, inputs, dt), brian2.second
    spiking = {name: group for name, group in parts.groups.items() if "spike" in group.events}
    monitors = {name: brian2.SpikeMonitor(group) for name, group in spiking.items()}
    ids = {name: np.atleast_1d(np.asarray(neurons, np.int64)) for name, neurons in v.items()}
    samples = {
        name: brian2.StateMonitor(parts.groups[name], "v", record=np.unique(chosen), dt=v_dt * second)
        for name, chosen in ids.items()
    }
    made = brian2.Network(*parts.objects(), *monitors.values(), *samples.values())
    # Brian2 takes seeds of 32 bits.
    brian2.seed(seed % 2**32)

    def tell(elapsed: Any, done: float, start: Any, length: Any) -> None:
        if report is not None:
            report(done * duration, duration, "simulating")

    options = {} if report is None else {"report": tell, "report_period": 0.2 * second}
    try:
        made.run(duration * second, namespace={}, **options)
    except brian2.BrianObjectException as error:
        raise PeerError("Brian2 failed", where="run", value=str(error.__cause__ or error)) from error
    spikes = {name: (np.zeros(0), np.zeros(0, np.int64)) for name in network.populations}
    for name, monitor in monitors.items():
        times, who = np.asarray(monitor.t / second, np.float64), np.asarray(monitor.i, np.int64)
        order = np.lexsort((who, times))
        spikes[name] = times[order], who[order]
    v_times = next((np.asarray(sample.t / second) for sample in samples.values()), np.zeros(0))
    voltages = {
        name: np.asarray(sample.v, np.float64).T[:, np.searchsorted(np.unique(ids[name]), ids[name])]
        for name, sample in samples.items()
    }
    steps = round(duration / dt)
    events = {
        name: _arrivals(parts.synapses[name], *spikes[projection.pre.name], dt, steps) if name in parts.synapses else 0
        for name, projection in network.projections.items()
    }
    return Simulated(spikes, voltages, v_times, events)


def _arrivals(synapses: Any, times: Floats, ids: Ints, dt: float, stop: int) -> int:
    """How many arrivals of these spikes there are before the step `stop`."""
    if not len(synapses) or not len(times):
        return 0
    pre = np.asarray(synapses.variables["_synaptic_pre"].get_value(), np.int64)
    lag = np.broadcast_to(np.asarray(synapses.pre.variables["delay"].get_value()), pre.shape)
    # Neuron and step in one number: one search finds how many spikes of a neuron lie before a step.
    key = np.sort(ids * (stop + 1) + np.rint(times / dt).astype(np.int64))
    last = np.clip(stop - np.rint(lag / dt).astype(np.int64), 0, stop)
    found = key.searchsorted(pre * (stop + 1) + last) - key.searchsorted(pre * (stop + 1))
    return int(found.sum())
