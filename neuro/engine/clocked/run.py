"""The clocked engine: runs in steps, single or in batches, and states to go on from.

Step t takes the network from t dt to (t + 1) dt. A source's spike lies at the beginning of its step, a neuron's at the
end, and both are stamped t dt. So with a delay of n dt a source's spike of step t acts in step t + n - 1, and a
neuron's in step t + n: with n = 1 the inputs of a step are x[t] and z[t-1], as papers on digital chips write it.
A voltage sampled at t dt is that at the end of step t, after the reset.
"""

from __future__ import annotations

import sys
import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from neuro.engine.clocked.arrays import (
    EULER_NEURON,
    FAULT,
    LAST_SPIKE,
    N_LOG,
    NEVER,
    RANGE,
    SPIKE,
    WHOLE_NEURON,
    Flow,
    Plan,
    Records,
    State,
)
from neuro.engine.clocked.inputs import plan_of
from neuro.engine.clocked.kernels import run_euler, run_whole
from neuro.engine.clocked.program import ClockedProgram, build_clocked, steps_in
from neuro.engine.lower.program import Program
from neuro.engine.recording import Record, Recording, Spikes, columns
from neuro.errors import InputError, NetworkError, StateError
from neuro.jit import is_cached
from neuro.network.graph import Network
from neuro.network.summary import summary
from neuro.validation import Floats, Ints, positive

__all__ = ["ClockedState", "run_batch", "run_clocked"]

Progress = Callable[[float, float, str], None]


@dataclass(frozen=True, eq=False)
class ClockedState:
    """Where a clocked run stopped, to be passed on as ``run(..., state=...)``."""

    program: ClockedProgram
    step: int
    """The first step that has not been run."""
    arrays: State
    recent: Records
    """The spikes that may still be under way."""
    seed: int = 0
    """Root of the run's random draws."""

    @property
    def time(self) -> float:
        """The instant that was reached, s."""
        return self.step * self.program.dt

    @property
    def v(self) -> Mapping[str, Floats]:
        """The potentials of all populations with a membrane, after the last step."""
        sources = self.program.groups["source"]
        return {
            name: self.arrays.neuron["v"][self.program.slice(name)].astype(np.float64)
            for name, source in zip(self.program.offset, sources, strict=True)
            if not source
        }


def run_batch(
    network: Network | Program | ClockedProgram,
    duration: float,
    trials: Iterable[Mapping[str, Any]],
    *,
    dt: float | None = None,
    semantics: str | None = None,
    record: Record | None = None,
    state: ClockedState | None = None,
    seed: int | None = None,
) -> Iterator[Recording]:
    """Run one network on many inputs with the clocked engine; each trial gives the bits of a run of its own.

    Parameters
    ----------
    network, duration, dt, semantics, record, seed
        As for `run`; the network is lowered once.
    trials
        The `inputs` of each trial. They are asked for one by one, so a generator will do. Poisson sources fire the
        same spikes in all of them.
    state
        Where each trial starts; at rest by default.

    Returns
    -------
    iterator of Recording
        One recording per trial, in order, computed as it is asked for. `recording.state.v` has the last potentials;
        ``Record(spikes=False)`` saves memory where these and `recording.events` are enough.

    Raises
    ------
    NeuroError
        As `run`: what is wrong with the network at once, what is wrong with a trial when its turn comes.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    >>> out = net.add(nr.Population("out", 1, nr.LoihiLIF(d_v=0, v_th=None)))
    >>> link = net.connect(cue, out, nr.Dense([[3]]), delay=1.0)
    >>> trials = ({"cue": nr.Spikes(range(n), [0] * n)} for n in range(3))
    >>> [float(r.state.v["out"][0]) for r in nr.run_batch(net, 2.0, trials, dt=1.0)]
    [0.0, 192.0, 384.0]
    """
    program = lowered(network, dt, semantics)
    wanted = record or Record()
    _steps(duration, program)
    _fitting(state, program)
    return (run_clocked(program, duration, inputs, wanted, seed, state, None) for inputs in trials)


def lowered(network: Network | Program | ClockedProgram, dt: float | None, semantics: str | None) -> ClockedProgram:
    """The network in time steps, built unless it was built before for the same step and semantics."""
    if not isinstance(network, ClockedProgram):
        if not isinstance(network, Network | Program):
            raise InputError("`run` takes a Network or a Program", value=type(network).__name__)
        return build_clocked(network, dt, semantics)
    for key, given, built in (("dt", dt, network.dt), ("semantics", semantics, network.semantics)):
        if given not in (None, built):
            raise InputError(f"this program was built for {built!r}", where=key, value=repr(given))
    return network


def run_clocked(
    program: ClockedProgram,
    duration: float,
    inputs: Mapping[str, Any] | None,
    record: Record,
    seed: int | None,
    given: Any,
    progress: Progress | None,
) -> Recording:
    """`run` in time steps."""
    began = clock.perf_counter()
    state = _fitting(given, program)
    first = 0 if state is None else state.step
    last = first + _steps(duration, program)
    root = seed if seed is not None else 0 if state is None else state.seed
    plan = plan_of(program, inputs, record, first, last, root)
    arrays = _at_rest(program) if state is None else _awake(state.arrays)
    busiest = int(np.unique(plan.source["step"], return_counts=True)[1].max(initial=0))
    flow = _flow(program, program.size + busiest, None if state is None else state.recent)
    voltage = np.zeros((len(plan.sample_step), len(plan.sample_neuron)))
    pieces, flow = _advance(program, arrays, flow, plan, voltage, busiest, (first, last), record.spikes, progress)
    _count_reads(program, arrays.neuron["fires"])
    return Recording(
        spikes=_by_population(program, pieces) if record.spikes else {},
        v=columns(record, voltage),
        v_times=_stamps(program, plan.sample_step),
        events=_by_projection(program, flow.events),
        start=first * program.dt,
        stop=last * program.dt,
        state=ClockedState(program, last, arrays, _recent(program, flow, last), root),
        provenance={
            "seed": root,
            "engine": "clocked",
            "dt": program.dt,
            "semantics": program.semantics,
            "network": summary(program.network),
            "wall_seconds": clock.perf_counter() - began,
        },
    )


def _steps(duration: float, program: ClockedProgram) -> int:
    return steps_in(float(positive(duration, "duration", zero=True)), program.dt, "duration")


def _fitting(state: Any, program: ClockedProgram) -> ClockedState | None:
    if state is None:
        return None
    if not isinstance(state, ClockedState):
        raise StateError("this state is of another engine", where="state", value=type(state).__name__)
    old = state.program
    same = old is program or (
        (old.dt, old.semantics) == (program.dt, program.semantics)
        and dict(old.offset) == dict(program.offset)
        and np.array_equal(old.groups, program.groups)
        and np.array_equal(old.wiring.links["lag"], program.wiring.links["lag"])
    )
    if not same:
        raise StateError(
            "a state fits only the network, time step and semantics that it came from",
            where="state",
            value=f"populations {list(old.offset)}, dt {old.dt}, {old.semantics!r}",
            remedy=f"This run has {list(program.offset)}, dt {program.dt}, {program.semantics!r}",
        )
    return state


def _at_rest(program: ClockedProgram) -> State:
    n, depth = program.size, len(program.cells.keep)
    whole = program.semantics == "loihi"
    state = State(
        neuron=np.zeros(n, WHOLE_NEURON if whole else EULER_NEURON),
        x=np.zeros((depth, n)),
        inbox=np.zeros((1 + depth, n), np.int64 if whole else np.float64),
    )
    for name, population in program.network.populations.items():
        here, initial = program.slice(name), population.initial or {}
        state.neuron["v"][here] = initial.get("v", population.parameter("v_rest"))
        if "i" in initial:
            state.x[0, here] = initial["i"]
    return _awake(state)


def _awake(state: State) -> State:
    """A copy for a new run, which everyone begins awake."""
    copy = State._make(array.copy() for array in state)
    copy.neuron["awake"], copy.neuron["fires"] = 1, 0
    return copy


def _flow(program: ClockedProgram, room: int, recent: Records | None) -> Flow:
    """Everyone on the list, and the log with the spikes that are still under way."""
    groups = program.groups
    known = 0 if recent is None else len(recent)
    flow = Flow(
        active=np.arange(program.size),
        n_active=np.where(groups["source"], 0, groups["stop"] - groups["start"]),
        log=np.empty(max(1 << 16, known + 4 * room), SPIKE),
        ring=np.zeros((program.depth, len(groups), 2), np.int64),
        events=np.zeros(len(program.wiring.links), np.int64),
        register=np.zeros(8, np.int64),
    )
    flow.register[LAST_SPIKE] = -NEVER
    if recent is not None and known:
        flow.register[LAST_SPIKE] = recent["step"][-1]
        _remember(program, flow, recent)
    return flow


def _recent(program: ClockedProgram, flow: Flow, step: int) -> Records:
    """The spikes that may act in `step` or later, sorted by step and neuron."""
    log = flow.log[: flow.register[N_LOG]]
    return np.sort(log[np.searchsorted(log["step"], step - program.depth) :])


def _remember(program: ClockedProgram, flow: Flow, recent: Records) -> None:
    """Let the log be these spikes, and set the ring to where each group's stand."""
    flow.log[: len(recent)], flow.register[N_LOG] = recent, len(recent)
    flow.ring[:] = 0
    key = recent["step"] * (program.size + 1) + recent["neuron"]
    for step in np.unique(recent["step"]):
        for column, edge in enumerate(("start", "stop")):
            place = np.searchsorted(key, step * (program.size + 1) + program.groups[edge])
            flow.ring[step % len(flow.ring), :, column] = place


def _advance(
    program: ClockedProgram,
    arrays: State,
    flow: Flow,
    plan: Plan,
    voltage: Floats,
    busiest: int,
    span: tuple[int, int],
    keep: bool,
    progress: Progress | None,
) -> tuple[list[Records], Flow]:
    """Run the steps of `span`, in pieces of about a fifth of a second if somebody watches; the spikes, if kept."""
    kernel: Any = run_whole if program.semantics == "loihi" else run_euler
    _announce(kernel)
    first, last = span
    room, piece, t = program.size + busiest + 1, 64 if progress else last - first, first
    pieces: list[Records] = []
    told = int(flow.register[N_LOG])
    while t < last:
        tick = clock.perf_counter()
        until = min(last, t + piece)
        t = kernel(program.cells, program.groups, program.wiring, arrays, flow, plan, voltage, room, t, until)
        if flow.register[FAULT]:
            _out_of_range(program, arrays.neuron)
        end = int(flow.register[N_LOG])
        if keep:
            pieces.append(flow.log[told:end].copy())
        told = end
        if len(flow.log) - end < room:
            recent = _recent(program, flow, t)
            told = len(recent)
            if len(flow.log) < told + 2 * room:
                flow = flow._replace(log=np.empty(2 * len(flow.log), SPIKE))
            _remember(program, flow, recent)
        if progress is not None:
            progress((t - first) * program.dt, (last - first) * program.dt, "simulating")
            if clock.perf_counter() - tick < 0.2:
                piece *= 2
    return pieces, flow


def _stamps(program: ClockedProgram, steps: Ints) -> Floats:
    return np.asarray(steps * program.dt, np.float64)


def _by_population(program: ClockedProgram, pieces: list[Records]) -> dict[str, Spikes]:
    log = np.concatenate([np.empty(0, SPIKE), *pieces])
    steps, neurons = log["step"], log["neuron"]
    group = np.searchsorted(program.groups["stop"], neurons, side="right")
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(len(program.groups) + 1))
    parts = {}
    for g, (name, first) in enumerate(program.offset.items()):
        mine = order[ends[g] : ends[g + 1]]
        parts[name] = Spikes.in_order(_stamps(program, steps[mine]), neurons[mine] - first)
    return parts


def _by_projection(program: ClockedProgram, events: Ints) -> dict[str, int]:
    found = np.zeros(len(program.network.projections), np.int64)
    np.add.at(found, program.wiring.links["projection"], events)
    return dict(zip(program.network.projections, found.tolist(), strict=True))


def _count_reads(program: ClockedProgram, fires: Ints) -> None:
    """Tell each crossbar how often its rows were driven."""
    for projection in program.network.projections.values():
        count = getattr(projection.synapses, "count_reads", None)
        if count is not None:
            count(rows=fires[program.slice(projection.pre.name)])


def _out_of_range(program: ClockedProgram, neuron: Records) -> None:
    size = np.maximum(np.abs(neuron["v"]), np.abs(neuron["a"]))
    j = int(size.argmax())
    name = next(n for n in program.offset if program.slice(n).start <= j < program.slice(n).stop)
    raise NetworkError(
        f"potentials, currents and inputs must stay below 2^{RANGE}",
        where=f"population {name!r}, neuron {j - program.offset[name]}",
        value=int(size[j]),
        remedy="Give it a decay, or smaller weights",
    )


@cache
def _announce(kernel: Any) -> None:
    """Say so before the first compilation, which takes a while; later processes read the cache."""
    if not is_cached(kernel):
        print("neuro: compiling the clocked engine, once (less than a minute) ...", file=sys.stderr, flush=True)
