"""A run in another simulator: Brian2 in place of an engine of ours."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from neuro.brian.simulate import simulate
from neuro.engine.recording import Record, Recording, Spikes
from neuro.errors import InputError, ParameterError, UnknownName, UnsupportedFeature
from neuro.network.graph import Network
from neuro.network.neurons import Source
from neuro.network.summary import summary
from neuro.progress import ProgressOption, reporting
from neuro.validation import Ints, indices, number, numbers, seconds, shown

__all__ = ["run_in_brian2"]

NAMES = ("semantics", "clamp", "state", "plasticity", "max_rate", "memory")


def run_in_brian2(
    network: Any,
    duration: float,
    inputs: Mapping[str, Any] | None,
    record: Record,
    seed: int | None,
    dt: float | None,
    progress: ProgressOption,
    options: Mapping[str, Any],
) -> Recording:
    """`run(engine="brian2")`; `options` are those of our own engines, which must have their defaults.

    Raises
    ------
    UnsupportedFeature
        If the network or an option has no counterpart in Brian2.
    PeerError
        If Brian2 fails.
    """
    for name in NAMES:
        if options.get(name) is not None:
            raise UnsupportedFeature("Brian2 has no such option", where=name, value=shown(options[name]))
    if options.get("threads", 1) != 1:
        raise UnsupportedFeature("Brian2 runs on one thread here", where="threads", value=shown(options["threads"]))
    if not isinstance(network, Network):
        raise InputError("Brian2 runs a Network", where="run", value=shown(network))
    if dt is None:
        raise ParameterError("Brian2 needs a time step", where="dt", remedy="Give dt=..., in seconds")
    step, length = number(dt, "dt", check=seconds), number(duration, "duration", check=seconds, zero=True)
    kept, sampled = record.kept(network.populations), _sampled(network, record)
    v_dt = 1e-3 if record.v_dt is None else float(record.v_dt)
    began, root = time.perf_counter(), seed or 0
    with reporting(progress, "simulating") as report:
        found = simulate(network, length, inputs, step, root, sampled, v_dt, report)
    spikes = {name: Spikes.in_order(*found.spikes[name]).window(0.0, length) for name in kept}
    return Recording(
        spikes=spikes,
        v=found.v,
        v_times=found.v_times,
        events=found.events,
        start=0.0,
        stop=length,
        provenance={
            "seed": root,
            "engine": "brian2",
            "dt": step,
            "network": summary(network),
            "wall_seconds": time.perf_counter() - began,
        },
    )


def _sampled(network: Network, record: Record) -> dict[str, Ints]:
    """The neurons whose voltage is sampled; nothing else can be."""
    others = [name for name in record.samples() if name != "v"] + [field for field, _ in record.learned()]
    if others or record.to is not None:
        what = others[0] if others else "to"
        raise UnsupportedFeature("of a run in Brian2, spikes and v are kept, in memory", where=f"Record.{what}")
    found = {}
    for name, neurons in (record.v or {}).items():
        if name not in network.populations:
            raise UnknownName("population of this network", name, network.populations)
        population, where = network.populations[name], f"Record.v of {name!r}"
        if isinstance(population.model, Source):
            raise InputError("a source has no voltage", where=where)
        found[name] = indices(np.atleast_1d(numbers(neurons, where, least_dims=1)), int(population.size), where)
    return found
