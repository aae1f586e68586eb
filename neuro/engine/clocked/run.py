"""Runs of the clocked engine, single or in batches, and the state from which a run can continue.

Step t takes the network from t dt to (t + 1) dt. A source's spike lies at the beginning of its step, a neuron's at the
end, and both are stamped t dt. So with a delay of n dt a source's spike of step t acts in step t + n - 1, and a
neuron's in step t + n. With n = 1 the inputs of a step are x[t] and z[t-1], as papers on digital chips write it.
A voltage sampled at t dt is the voltage at the end of step t, after the reset.
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
    NEXT_ARRIVAL,
    RANGE,
    SPIKE,
    WHOLE_NEURON,
    Activity,
    ClockedArrays,
    Plan,
    Records,
)
from neuro.engine.clocked.inputs import arrivals_of, plan_of
from neuro.engine.clocked.kernels import run_euler, run_whole
from neuro.engine.clocked.program import ClockedProgram, build_clocked, steps_in
from neuro.engine.drive.drawn import DrawnDrives
from neuro.engine.lower.drives import drive_keys
from neuro.engine.lower.program import Program
from neuro.engine.recording import Record, Recording, Spikes
from neuro.engine.results import report_reads, split_by_population
from neuro.engine.samples import SampleLayout
from neuro.errors import InputError, NetworkError, StateError, UnsupportedFeature
from neuro.jit import is_cached
from neuro.names import Named
from neuro.network.graph import Network
from neuro.network.summary import summary
from neuro.validation import Floats, Ints, instance, number, seconds, shown, whole_number

__all__ = ["ClockedState", "run_batch", "run_clocked"]

MOST_ARRIVALS = 1 << 18
"""Arrivals of drives that are drawn at a time, about."""

Progress = Callable[[float, float, str], None]


@dataclass(frozen=True, eq=False)
class ClockedState:
    """The state at the end of a clocked run, from which ``run(..., state=...)`` continues."""

    program: ClockedProgram
    step: int
    """The first step that has not been run."""
    arrays: ClockedArrays
    recent: Records
    """The spikes that may still be under way."""
    seed: int = 0
    """Root of the run's random draws."""

    @property
    def time(self) -> float:
        """The time reached, s."""
        return self.step * self.program.dt

    @property
    def v(self) -> Mapping[str, Floats]:
        """The potentials of all populations with a membrane, after the last step."""
        sources = self.program.groups["source"]
        potentials = {
            name: self.arrays.neuron["v"][self.program.slice(name)].astype(np.float64)
            for name, source in zip(self.program.offset, sources, strict=True)
            if not source
        }
        return Named("population with a membrane", potentials)


def run_batch(
    network: Network | Program | ClockedProgram,
    duration: float,
    trials: Iterable[Mapping[str, Any]],
    *,
    record: Record | None = None,
    seed: int | None = None,
    dt: float | None = None,
    semantics: str | None = None,
    state: ClockedState | None = None,
) -> Iterator[Recording]:
    """Run one network on many inputs with the clocked engine; each trial gives the bits of a run of its own.

    Parameters
    ----------
    network, duration
        As for `run`; the network is lowered once.
    trials
        The `inputs` of each trial. They are asked for one by one, so a generator will do. Poisson sources fire the
        same spikes in all of them.
    record, seed, dt, semantics
        As for `run`.
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
    wanted = Record() if record is None else instance(record, "record", Record, "a Record", error=InputError)
    if seed is not None:
        whole_number(seed, "seed")
    if not isinstance(trials, Iterable) or isinstance(trials, str | bytes | Mapping | np.ndarray):
        raise InputError("must be the inputs of each trial, one after the other", where="trials", value=shown(trials))
    _duration_in_steps(duration, program)
    _check_state(state, program)
    return (run_clocked(program, duration, inputs, wanted, seed, state, None) for inputs in trials)


def lowered(network: Network | Program | ClockedProgram, dt: float | None, semantics: str | None) -> ClockedProgram:
    """The network in time steps; a `ClockedProgram` is checked against `dt` and `semantics` and taken as it is."""
    if not isinstance(network, ClockedProgram):
        if not isinstance(network, Network | Program):
            raise InputError("`run` takes a Network or a Program", value=shown(network))
        return build_clocked(network, dt, semantics)
    for key, given, built in (("dt", dt, network.dt), ("semantics", semantics, network.semantics)):
        plain = number(given, "dt", check=seconds) if key == "dt" and given is not None else given
        if plain is not None and not (isinstance(plain, str | float) and plain == built):
            raise InputError(f"this program was built for {built!r}", where=key, value=shown(given))
    return network


def run_clocked(
    program: ClockedProgram,
    duration: float,
    inputs: Mapping[str, Any] | None,
    record: Record,
    seed: int | None,
    state: Any,
    progress: Progress | None,
) -> Recording:
    """`run` for the clocked engine."""
    if record.weights:
        raise UnsupportedFeature("only the exact engine learns while it runs", where="Record.weights")
    began = clock.perf_counter()
    state = _check_state(state, program)
    first = 0 if state is None else state.step
    last = first + _duration_in_steps(duration, program)
    root = seed if seed is not None else 0 if state is None else state.seed
    plan, names = plan_of(program, inputs, record, first, last, root), record.kept(program.offset)
    drawn = DrawnDrives(program.network, drive_keys(program.network, root)) if program.network.drives else None
    arrays = _at_rest(program) if state is None else _all_awake(state.arrays)
    busiest = int(np.unique(plan.source["step"], return_counts=True)[1].max(initial=0))
    activity = _new_activity(program, program.size + busiest, None if state is None else state.recent)
    voltage = np.zeros((len(plan.sample_step), len(plan.sample_neuron)))
    chunks, activity = _advance(
        program, arrays, activity, plan, voltage, busiest, (first, last), bool(names), progress, drawn
    )
    spikes = _by_population(program, chunks) if names else {}
    report_reads(program.network, program.offset, lambda: arrays.neuron["fires"])
    return Recording(
        spikes={name: spikes[name] for name in names},
        **SampleLayout.of(program.network, program.offset, record).split(voltage),
        v_times=_times_of(program, plan.sample_step),
        events=_by_projection(program, activity.events),
        start=first * program.dt,
        stop=last * program.dt,
        state=ClockedState(program, last, arrays, _recent(program, activity, last), root),
        provenance={
            "seed": root,
            "engine": "clocked",
            "dt": program.dt,
            "semantics": program.semantics,
            "network": summary(program.network),
            "wall_seconds": clock.perf_counter() - began,
        },
    )


def _duration_in_steps(duration: float, program: ClockedProgram) -> int:
    return steps_in(number(duration, "duration", check=seconds, zero=True), program.dt, "duration")


def _check_state(state: Any, program: ClockedProgram) -> ClockedState | None:
    if state is None:
        return None
    if not isinstance(state, ClockedState):
        raise StateError("this state is of another engine", where="state", value=shown(state))
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


def _at_rest(program: ClockedProgram) -> ClockedArrays:
    n, depth = program.size, len(program.cells.keep)
    whole = program.semantics == "loihi"
    state = ClockedArrays(
        neuron=np.zeros(n, WHOLE_NEURON if whole else EULER_NEURON),
        x=np.zeros((depth, n)),
        inbox=np.zeros((1 + depth, n), np.int64 if whole else np.float64),
    )
    for name, population in program.network.populations.items():
        here, initial = program.slice(name), population.initial or {}
        state.neuron["v"][here] = initial.get("v", population.parameter("v_rest"))
        if "i" in initial:
            state.x[0, here] = initial["i"]
    return _all_awake(state)


def _all_awake(state: ClockedArrays) -> ClockedArrays:
    """A copy for a new run, at whose start all neurons are awake."""
    copy = ClockedArrays._make(array.copy() for array in state)
    copy.neuron["awake"], copy.neuron["fires"] = 1, 0
    return copy


def _new_activity(program: ClockedProgram, room: int, recent: Records | None) -> Activity:
    """All neurons awake, and a log that has the spikes that are still under way."""
    groups = program.groups
    known = 0 if recent is None else len(recent)
    activity = Activity(
        active=np.arange(program.size),
        n_active=np.where(groups["source"], 0, groups["stop"] - groups["start"]),
        log=np.empty(max(1 << 16, known + 4 * room), SPIKE),
        ring=np.zeros((program.depth, len(groups), 2), np.int64),
        events=np.zeros(len(program.wiring.links), np.int64),
        register=np.zeros(8, np.int64),
    )
    activity.register[LAST_SPIKE] = -NEVER
    if recent is not None and known:
        activity.register[LAST_SPIKE] = recent["step"][-1]
        _fill_log(program, activity, recent)
    return activity


def _recent(program: ClockedProgram, activity: Activity, step: int) -> Records:
    """The spikes that can act in `step` or later, sorted by step and neuron."""
    log = activity.log[: activity.register[N_LOG]]
    return np.sort(log[np.searchsorted(log["step"], step - program.depth) :])


def _fill_log(program: ClockedProgram, activity: Activity, recent: Records) -> None:
    """Put these spikes into the log, and note on the ring where each group's spikes stand."""
    activity.log[: len(recent)], activity.register[N_LOG] = recent, len(recent)
    activity.ring[:] = 0
    key = recent["step"] * (program.size + 1) + recent["neuron"]
    for step in np.unique(recent["step"]):
        for column, edge in enumerate(("start", "stop")):
            place = np.searchsorted(key, step * (program.size + 1) + program.groups[edge])
            activity.ring[step % len(activity.ring), :, column] = place


def _advance(
    program: ClockedProgram,
    arrays: ClockedArrays,
    activity: Activity,
    plan: Plan,
    voltage: Floats,
    busiest: int,
    span: tuple[int, int],
    keep: bool,
    progress: Progress | None,
    drawn: DrawnDrives | None,
) -> tuple[list[Records], Activity]:
    """Run the steps of `span`, and return the spikes if `keep`. With `progress`, a chunk takes about 0.2 s."""
    kernel: Any = run_whole if program.semantics == "loihi" else run_euler
    _announce(kernel)
    first, last = span
    room, chunk, t = program.size + busiest + 1, 64 if progress else last - first, first
    chunks: list[Records] = []
    kept = int(activity.register[N_LOG])
    most = last - first if drawn is None else max(1, int(MOST_ARRIVALS / (1.0 + drawn.rate * program.dt)))
    while t < last:
        began = clock.perf_counter()
        until = min(last, t + min(chunk, most))
        if drawn is not None:
            plan = plan._replace(arrival=arrivals_of(program, drawn, t, until))
            activity.register[NEXT_ARRIVAL] = 0
        t = kernel(program.cells, program.groups, program.wiring, arrays, activity, plan, voltage, room, t, until)
        if activity.register[FAULT]:
            _refuse_out_of_range(program, arrays.neuron)
        end = int(activity.register[N_LOG])
        if keep:
            chunks.append(activity.log[kept:end].copy())
        kept = end
        if len(activity.log) - end < room:
            recent = _recent(program, activity, t)
            kept = len(recent)
            if len(activity.log) < kept + 2 * room:
                activity = activity._replace(log=np.empty(2 * len(activity.log), SPIKE))
            _fill_log(program, activity, recent)
        if progress is not None:
            progress((t - first) * program.dt, (last - first) * program.dt, "simulating")
            if clock.perf_counter() - began < 0.2:
                chunk *= 2
    return chunks, activity


def _times_of(program: ClockedProgram, steps: Ints) -> Floats:
    return np.asarray(steps * program.dt, np.float64)


def _by_population(program: ClockedProgram, chunks: list[Records]) -> dict[str, Spikes]:
    log = np.concatenate([np.empty(0, SPIKE), *chunks])
    times, neurons = _times_of(program, log["step"]), np.ascontiguousarray(log["neuron"])
    return split_by_population(
        program.offset, times, neurons, lambda ids: np.searchsorted(program.groups["stop"], ids, side="right")
    )


def _by_projection(program: ClockedProgram, events: Ints) -> dict[str, int]:
    found = np.zeros(len(program.network.projections), np.int64)
    np.add.at(found, program.wiring.links["projection"], events)
    return dict(zip(program.network.projections, found.tolist(), strict=True))


def _refuse_out_of_range(program: ClockedProgram, neuron: Records) -> None:
    size = np.max([np.abs(neuron[key]) for key in ("v", "a", "u")], axis=0)
    j = int(size.argmax())
    name = next(each for each in program.offset if program.slice(each).start <= j < program.slice(each).stop)
    raise NetworkError(
        f"potentials, currents and inputs must stay below 2^{RANGE}",
        where=f"population {name!r}, neuron {j - program.offset[name]}",
        value=int(size[j]),
        remedy="Give the neuron a decay, or smaller weights",
    )


@cache
def _announce(kernel: Any) -> None:
    """Print a line before the first compilation, which takes a while; later processes read the cache."""
    if not is_cached(kernel):
        print("neuro: compiling the clocked engine, once (less than a minute) ...", file=sys.stderr, flush=True)
