"""Runs of the clocked engine, single or in batches, and the state from which a run can continue.

Step t takes the network from t dt to (t + 1) dt. A source's spike lies at the beginning of its step, a neuron's at the
end, and both are stamped t dt. So with a delay of n dt a source's spike of step t acts in step t + n - 1, and a
neuron's in step t + n. With n = 1 the inputs of a step are x[t] and z[t-1], as papers on digital chips write it.
A voltage sampled at t dt is the voltage at the end of step t, after the reset.
"""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuro.engine.clocked.arrays import EULER_NEURON, SPIKE, WHOLE_NEURON, ClockedArrays, Records
from neuro.engine.clocked.inputs import StepInputs
from neuro.engine.clocked.program import ClockedProgram, build_clocked
from neuro.engine.clocked.steps import Progress, Steps, recent_spikes
from neuro.engine.clocked.wiring import steps_in
from neuro.engine.lower.program import Program
from neuro.engine.recording import Record, Recording, Spikes
from neuro.engine.results import report_reads, split_by_population
from neuro.engine.samples import SampleLayout
from neuro.errors import InputError, StateError, UnsupportedFeature
from neuro.memory import Budget
from neuro.names import Named
from neuro.network.graph import Network
from neuro.network.summary import summary
from neuro.validation import Floats, Ints, instance, number, seconds, shown, whole_number

__all__ = ["ClockedState", "run_batch", "run_clocked"]


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
    budget: Budget | None = None,
) -> Recording:
    """`run` for the clocked engine."""
    for field, _ in record.learned():
        where = f"Record.{field.removeprefix('sampled_')}"
        raise UnsupportedFeature("only the exact engine learns while it runs", where=where)
    began = clock.perf_counter()
    budget = Budget() if budget is None else budget
    state = _check_state(state, program)
    first = 0 if state is None else state.step
    last = first + _duration_in_steps(duration, program)
    root = seed if seed is not None else 0 if state is None else state.seed
    names = record.kept(program.offset)
    inputs_ = StepInputs(program, inputs, record, first, last, root)
    arrays = _at_rest(program) if state is None else _all_awake(state.arrays)
    steps = Steps(program, arrays, inputs_, None if state is None else state.recent, bool(names), budget)
    failure = steps.run(progress)
    reached = steps.reached
    report_reads(program.network, program.offset, lambda: arrays.neuron["fires"])
    recording = Recording(
        **_sampled(program, record, inputs_, steps),
        spikes=_spikes(program, names, steps),
        events=_by_projection(program, steps.activity.events),
        start=first * program.dt,
        stop=reached * program.dt,
        state=ClockedState(program, reached, arrays, recent_spikes(program, steps.activity, reached), root),
        provenance={
            "seed": root,
            "engine": "clocked",
            "dt": program.dt,
            "semantics": program.semantics,
            "network": summary(program.network),
            "wall_seconds": clock.perf_counter() - began,
        },
        interrupted=failure is not None,
    )
    if failure is not None:
        failure.recording = recording
        raise failure
    return recording


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


def _times_of(program: ClockedProgram, steps: Ints) -> Floats:
    return np.asarray(steps * program.dt, np.float64)


def _sampled(program: ClockedProgram, record: Record, inputs: StepInputs, steps: Steps) -> dict[str, Any]:
    """The samples of all chunks, which are given up, as a recording has them."""
    none = np.zeros((0, len(inputs.sample_neuron)))
    values = steps.voltage[0] if len(steps.voltage) == 1 else np.concatenate([none, *steps.voltage])
    steps.voltage.clear()
    fields = SampleLayout.of(program.network, program.offset, record).split(values)
    return {**fields, "v_times": _times_of(program, inputs.sample_step[: len(values)])}


def _spikes(program: ClockedProgram, names: list[str], steps: Steps) -> dict[str, Spikes]:
    """The spikes of all chunks, which are given up, by population."""
    if not names:
        return {}
    log = np.concatenate([np.empty(0, SPIKE), *steps.chunks])
    steps.chunks.clear()
    times, neurons = _times_of(program, log["step"]), np.ascontiguousarray(log["neuron"])
    del log
    found = split_by_population(
        program.offset, times, neurons, lambda ids: np.searchsorted(program.groups["stop"], ids, side="right")
    )
    return {name: found[name] for name in names}


def _by_projection(program: ClockedProgram, events: Ints) -> dict[str, int]:
    found = np.zeros(len(program.network.projections), np.int64)
    np.add.at(found, program.wiring.links["projection"][program.counted], events[program.counted])
    return dict(zip(program.network.projections, found.tolist(), strict=True))
