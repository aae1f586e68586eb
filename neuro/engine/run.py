"""Running a network: inputs in, recording out, on the engine that was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from neuro.arrays import positive
from neuro.engine.clocked import ClockedState, lowered, run_clocked
from neuro.engine.clocked_program import ClockedProgram
from neuro.engine.exact import EngineState, advance, initial_state
from neuro.engine.inputs import ClampLike, schedule
from neuro.engine.program import Program, build
from neuro.engine.recording import Record, Recording, Spikes, columns
from neuro.errors import InputError, StateError, UnknownName, UnsupportedFeature
from neuro.network.graph import Network

__all__ = ["run"]

Progress = Callable[[float, float, str], None]


def run(
    network: Network | Program | ClockedProgram,
    duration: float,
    *,
    inputs: Mapping[str, Any] | None = None,
    record: Record | None = None,
    seed: int = 0,
    engine: Literal["exact", "clocked"] = "exact",
    dt: float | None = None,
    semantics: Literal["nir-euler", "loihi"] | None = None,
    threads: int = 1,
    clamp: ClampLike | None = None,
    state: EngineState | ClockedState | None = None,
    progress: Progress | None = None,
) -> Recording:
    """Simulate a network.

    Parameters
    ----------
    network
        A `Network`, or a `Program` made of one with `build` (for the clocked engine `build_clocked`), which saves
        the lowering.
    duration
        Seconds.
    inputs
        By population: `Spikes` for a source, `Current` for the others, or a list of them. Times are absolute: a
        run that goes on from a state takes the part that lies in its own interval.
    record
        What to keep; spikes by default.
    seed
        Root of the run's random draws; kept in the provenance.
    engine
        ``"exact"``: event by event, each spike at the time that solves v(t) = v_th to rounding; or ``"clocked"``: in
        steps of `dt`. Step t takes the network from t dt to (t + 1) dt. Its spikes are stamped t dt, the voltages
        sampled at t dt are those at its end, and inputs are sorted into steps by `step_of`. A source fires when its
        step begins, a neuron when it ends: with a delay of n dt a source's spike of step t acts in step t + n - 1,
        a neuron's in step t + n.
    dt
        Time step of the clocked engine, s; delays, refractory times and `duration` are whole multiples of it.
    semantics
        What a step of the clocked engine does; by default ``"loihi"`` where the network has such models.
        ``"nir-euler"``: forward Euler in doubles, x <- x (1 - dt/tau) + inputs for each current, then
        v <- v + (v_rest + bias + sum x - v) dt/tau_m + inputs onto v, then a spike where v > v_th, and the reset.
        ``"loihi"``: the equations of `LoihiLIF` and `LoihiAHP` in whole numbers.
    clamp
        Holds neurons to a target for the whole run.
    state
        `Recording.state` of an earlier run of the same network, to go on from.
    progress
        Called as ``progress(done, total, label)`` in simulated seconds.

    Returns
    -------
    Recording
        Spikes with start <= time < start + duration, sampled voltages, synaptic events, and the final state.

    Raises
    ------
    InputError, ClampError, StateError, UnknownName
        If something given does not fit the network.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    >>> nr.run(net, 0.05).spikes["cell"].times.round(6).tolist()
    [0.013863, 0.027726, 0.041589]
    """
    if engine == "clocked":
        if clamp is not None or threads != 1:
            raise UnsupportedFeature("the clocked engine has no clamps, and runs on one thread", where="run")
        return run_clocked(lowered(network, dt, semantics), duration, inputs, record or Record(), seed, state, progress)
    if engine != "exact":
        raise UnknownName("engine", engine, ["exact", "clocked"])
    if semantics is not None:
        raise UnsupportedFeature("only the clocked engine has semantics", where="semantics", value=repr(semantics))
    if isinstance(network, ClockedProgram):
        raise InputError("this program was built for the clocked engine", remedy="Use run(..., engine='clocked')")
    if dt is not None:
        raise UnsupportedFeature("the exact engine has no time step", where="dt", value=dt)
    if threads != 1:
        raise UnsupportedFeature("the exact engine runs on one thread", where="threads", value=threads)
    if not isinstance(network, Network | Program):
        raise InputError("`run` takes a Network or a Program", value=type(network).__name__)
    length = float(positive(duration, "duration", zero=True))
    began = time.perf_counter()
    program = network if isinstance(network, Program) else build(network)
    wanted = record or Record()
    if state is None:
        state = initial_state(program)
    elif isinstance(state, ClockedState):
        raise StateError("a state of the clocked engine does not fit the exact engine", where="state")
    elif not _same_shape(state.program, program):
        raise StateError(
            "a state fits only the network that it came from",
            where="state",
            value=f"populations {_shape(state.program)}",
            remedy=f"This network has {_shape(program)}",
        )
    start, stop = state.time, state.time + length
    plan = schedule(program, inputs, clamp, start, stop)
    outcome = advance(program, state, plan, stop, wanted, progress)
    spikes = _by_population(program, outcome.time, outcome.neuron) if wanted.spikes else {}
    _count_reads(program, outcome.time, outcome.neuron)
    return Recording(
        spikes=spikes,
        v=columns(wanted, outcome.voltage),
        v_times=outcome.sample_time,
        events={name: int(n) for name, n in zip(program.network.projections, outcome.events, strict=True)},
        start=start,
        stop=stop,
        state=outcome.state,
        provenance={"seed": seed, "engine": engine, "wall_seconds": time.perf_counter() - began},
    )


def _shape(program: Program) -> dict[str, int]:
    return {name: population.size for name, population in program.network.populations.items()}


def _same_shape(one: Program, other: Program) -> bool:
    if one is other:
        return True
    kinds = [[type(p.model) for p in program.network.populations.values()] for program in (one, other)]
    return (
        _shape(one) == _shape(other)
        and kinds[0] == kinds[1]
        and list(one.network.projections) == list(other.network.projections)
        and one.window == other.window
        and np.array_equal(one.fixed.groups, other.fixed.groups)
        and np.array_equal(one.fixed.segments, other.fixed.segments)
    )


def _by_population(program: Program, times: Any, neurons: Any) -> dict[str, Spikes]:
    names = list(program.offset)
    if len(names) == 1:
        return {names[0]: Spikes.in_order(times, neurons)}
    group = program.fixed.cells["group"][neurons]
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(len(names) + 1))
    parts = {}
    for g, name in enumerate(names):
        mine = order[ends[g] : ends[g + 1]]
        parts[name] = Spikes.in_order(times[mine], neurons[mine] - program.offset[name])
    return parts


def _count_reads(program: Program, times: Any, neurons: Any) -> None:
    """Tell each crossbar how often its rows were driven."""
    for projection in program.network.projections.values():
        count = getattr(projection.synapses, "count_reads", None)
        if count is not None:
            here = program.slice(projection.pre.name)
            mine = neurons[(neurons >= here.start) & (neurons < here.stop)] - here.start
            count(rows=np.bincount(mine, minlength=projection.pre.size))
