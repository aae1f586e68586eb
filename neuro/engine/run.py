"""`run`: simulates a network on either engine, from inputs to a recording."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from neuro.engine.clocked.program import ClockedProgram
from neuro.engine.clocked.run import ClockedState, lowered, run_clocked
from neuro.engine.drive.advance import Recorder, advance
from neuro.engine.drive.inputs import ClampLike, learned_times, sampling, schedule
from neuro.engine.drive.poisson import PoissonTrains
from neuro.engine.drive.prepare import prepare_kernels
from neuro.engine.drive.state import EngineState, for_learning, initial_state
from neuro.engine.lower.fingerprint import require_same
from neuro.engine.lower.program import MAX_THREADS, Program, build
from neuro.engine.peer import run_in_brian2
from neuro.engine.plasticity.state import Rule, rules_in_force
from neuro.engine.recording import Record, Recording
from neuro.engine.results import report_reads
from neuro.engine.storage.file_recorder import FileRecorder
from neuro.engine.storage.memory_recorder import MemoryRecorder
from neuro.errors import InputError, ParameterError, StateError, UnknownName, UnsupportedFeature
from neuro.memory import Budget, byte_count
from neuro.network.graph import Network
from neuro.network.summary import summary
from neuro.progress import ProgressOption, reporting
from neuro.system.interrupts import deferred
from neuro.validation import instance, mapping, number, positive, seconds, shown, text, whole_number

__all__ = ["run"]

MAX_WINDOWS = 2.0**42
"""Longest run, in units of the shortest delay: a double has 52 bits, which leaves 10 for the delay."""


# Long: most of it is its documentation.
def run(
    network: Network | Program | ClockedProgram,
    duration: float,
    *,
    inputs: Mapping[str, Any] | None = None,
    record: Record | None = None,
    seed: int | None = None,
    engine: Literal["exact", "clocked", "brian2"] = "exact",
    dt: float | None = None,
    semantics: Literal["nir-euler", "loihi"] | None = None,
    threads: int = 1,
    clamp: ClampLike | None = None,
    state: EngineState | ClockedState | None = None,
    plasticity: Mapping[str, Rule] | None = None,
    max_rate: float | None = None,
    memory: float | str | None = None,
    progress: ProgressOption = None,
) -> Recording:
    """Simulate a network.

    Parameters
    ----------
    network
        A `Network`, or a `Program` that `build` made of one (`build_clocked` for the clocked engine), which saves the
        time of lowering.
    duration
        Seconds.
    inputs
        By population: `Spikes` for a source, `Current` for the others, or a list of them. Times are absolute: a run
        that continues from a state takes the part in its own interval.
    record
        What to keep; spikes by default.
    seed
        Root of the run's random draws, the spikes of Poisson sources; kept in the provenance. By default that of
        `state`, or 0, so that a continued run continues the same spike trains. Another seed changes only spikes after
        the start of this run.
    engine
        ``"exact"``: event by event, each spike at the time that solves v(t) = v_th to rounding; or ``"clocked"``: in
        steps of `dt`. Step t takes the network from t dt to (t + 1) dt. Its spikes are stamped t dt, the voltages
        sampled at t dt are those at its end, and inputs are sorted into steps by `step_of`. A source fires when its
        step begins, a neuron when it ends: with a delay of n dt a source's spike of step t acts in step t + n - 1,
        a neuron's in step t + n. ``"brian2"``: the network of `to_brian2` in Brian2, which draws random numbers of its
        own; it takes `inputs`, `record` (spikes and v), `seed` and `progress`.
    dt
        Time step of the clocked engine or of Brian2, s; in the clocked engine, delays, refractory times and `duration`
        are whole multiples of it.
    semantics
        The equations of a step of the clocked engine; by default ``"loihi"`` if the network has such models.
        ``"nir-euler"``: forward Euler in doubles, x <- x (1 - dt/tau) + inputs for each current, then
        v <- v + (v_rest + bias + sum x - v) dt/tau_m + inputs to v, then a spike where v > v_th, and the reset.
        ``"loihi"``: the equations of `LoihiLIF` and `LoihiAHP` in whole numbers.
    threads
        Number of threads that share the neurons. The result has the same bits for any number.
    clamp
        Holds neurons to a target for the whole run.
    state
        `Recording.state` of an earlier run of the same network, from which this run continues.
    plasticity
        By projection: the rule, `EventLocal` or `STDP`, by which its weights learn while the network runs. A change
        made at time t acts only on spikes that are fired after t. The state has weights and traces: a run that
        continues from it has the learned weights, and learns only where it is given rules again. The network keeps its
        weights, but a crossbar keeps the changes of its devices.
    max_rate
        Spikes per second that a neuron of the exact engine may fire; one that fires more often ends the run with an
        error that says what drives it. By default 5,000 within the shortest time constant of its population, or
        within the shortest delay of the population's own projections if that is shorter; 1e9 if there are neither.
        It is taken over at least 1,000 spikes (50,000 where reset subtracts, since one input may cause many at once);
        if it is given and below the default, over 100 spikes of this run. Sources are not limited.
    memory
        Bytes that the buffers of a run may take, or a text such as "1 GB": the recording, the state, spikes and events
        under way. The network and its program are not counted. By default what the machine has, and what the limits of
        the process leave.
    progress
        Called as ``progress(done, total, label)`` in simulated seconds; True or "bar": a bar on the terminal, if
        the run takes more than two seconds.

    Returns
    -------
    Recording
        Spikes with start <= time < start + duration, sampled voltages, synaptic events, and the final state. After
        Ctrl-C (or a KeyboardInterrupt from `progress`) the recording goes up to its `stop`, has `interrupted` set, and
        has a state to continue from. A second Ctrl-C raises KeyboardInterrupt.

    Raises
    ------
    InputError, ClampError, StateError, UnknownName
        If something given does not fit the network.
    NetworkError
        If a neuron fires more often than it may.
    OutOfMemory
        Before a buffer grows past the memory that there is; it says which, and what would help. The run stops where it
        is whole: the error's `recording` goes up to its `stop`, and has a state to continue from.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    >>> nr.run(net, 0.05).spikes["cell"].times.round(6).tolist()
    [0.013863, 0.027726, 0.041589]
    """
    record = Record() if record is None else record
    _check_kinds(seed, record, engine)
    if engine == "brian2":
        own: dict[str, Any] = {
            "semantics": semantics,
            "clamp": clamp,
            "state": state,
            "max_rate": max_rate,
            "memory": memory,
        }
        own |= {"threads": threads, "plasticity": plasticity}
        return run_in_brian2(network, duration, inputs, record, seed, dt, progress, own)
    if engine == "clocked":
        _check_clocked_options(threads, clamp, plasticity, max_rate)
        with reporting(progress, "simulating") as report:
            program = lowered(network, dt, semantics)
            return run_clocked(program, duration, inputs, record, seed, state, report, _budget(memory))
    rate, budget = _check_exact_options(dt, semantics, threads, max_rate), _budget(memory)
    return _run_exact(
        network, duration, inputs, record, seed, threads, clamp, state, plasticity, rate, progress, budget
    )


def _check_kinds(seed: Any, record: Any, engine: Any) -> None:
    """Refuse arguments of both engines that are of a wrong kind."""
    if seed is not None:
        whole_number(seed, "seed")
    instance(record, "record", Record, "a Record", error=InputError)
    if text(engine, "engine") not in ("exact", "clocked", "brian2"):
        raise UnknownName("engine", engine, ["exact", "clocked", "brian2"])


def _budget(memory: float | str | None) -> Budget:
    """What the buffers of a run may take."""
    return Budget() if memory is None else Budget(byte_count(memory, "memory"))


def _check_clocked_options(threads: int, clamp: Any, plasticity: Any, max_rate: Any) -> None:
    """Refuse options that the clocked engine does not have."""
    if mapping(plasticity, "plasticity", "rules by projection", error=InputError):
        raise UnsupportedFeature("only the exact engine learns while it runs", where="plasticity")
    if max_rate is not None:
        raise UnsupportedFeature("the clocked engine's neurons fire at most once a step", where="max_rate")
    if clamp is not None or whole_number(threads, "threads", least=1) != 1:
        raise UnsupportedFeature("the clocked engine has no clamps, and runs on one thread", where="run")


def _check_exact_options(dt: float | None, semantics: str | None, threads: int, max_rate: float | None) -> float | None:
    """Refuse options that the exact engine does not have; returns the `max_rate`."""
    if semantics is not None:
        raise UnsupportedFeature("only the clocked engine has semantics", where="semantics", value=shown(semantics))
    if dt is not None:
        raise UnsupportedFeature("the exact engine has no time step", where="dt", value=shown(dt))
    whole_number(threads, "threads", least=1, most=MAX_THREADS)
    return None if max_rate is None else number(max_rate, "max_rate", unit="Hz", check=positive)


def _program_of(network: Any) -> Program:
    """The program of a network, built unless it was given."""
    if isinstance(network, ClockedProgram):
        raise InputError("this program was built for the clocked engine", remedy="Use run(..., engine='clocked')")
    if not isinstance(network, Network | Program):
        raise InputError("`run` takes a Network or a Program", value=shown(network))
    return network if isinstance(network, Program) else build(network)


def _start_state(program: Program, state: EngineState | ClockedState | None, seed: int | None) -> EngineState:
    """The state from which a run starts, with its seed."""
    if state is None:
        return initial_state(program, seed or 0)
    if isinstance(state, ClockedState):
        raise StateError("a state of the clocked engine does not fit the exact engine", where="state")
    instance(state, "state", EngineState, "the state of a recording, or one of `load_state`", error=StateError)
    require_same(state.program, program)
    return state if seed is None else replace(state, seed=seed)


def _check_clock(program: Program, stop: float) -> None:
    """Refuse a run whose end lies so late that the shortest delay drowns in the rounding of times."""
    if program.window and stop > MAX_WINDOWS * program.window:
        raise ParameterError(
            f"a run must end within {MAX_WINDOWS:.3g} times the shortest delay: later, rounding the arrival of a spike "
            "changes that delay by more than a thousandth",
            where="duration",
            value=f"{stop:.6g} s, with a delay of {program.window:.6g} s",
            remedy="Run for a shorter time, or give longer delays",
        )


def _run_exact(
    network: Any,
    duration: float,
    inputs: Mapping[str, Any] | None,
    record: Record,
    seed: int | None,
    threads: int,
    clamp: ClampLike | None,
    state: EngineState | ClockedState | None,
    plasticity: Mapping[str, Rule] | None,
    max_rate: float | None,
    progress: ProgressOption,
    budget: Budget,
) -> Recording:
    """`run` for the exact engine."""
    length = number(duration, "duration", check=seconds, zero=True)
    began = time.perf_counter()
    program = _program_of(network)
    first = _start_state(program, state, seed)
    program, first = for_learning(
        program, first, mapping(plasticity, "plasticity", "rules by projection", error=InputError)
    )
    start, stop = first.time, first.time + length
    _check_clock(program, stop)
    plan = schedule(program, inputs, clamp, start, stop, first.seed, draw=False)
    instants = not program.window
    trains = PoissonTrains(program.network, program.offset, first.seed, (start, stop), instants=instants)
    voltages = sampling(program, record, start, stop)
    learning = rules_in_force(program, plasticity, first.plastic_state)
    asked = learned_times(program, record, learning, start, stop)
    prepare_kernels(program, threads)
    provenance = {"seed": first.seed, "engine": "exact", "network": summary(program.network)}
    with reporting(progress, "simulating") as report, deferred() as interrupts:

        def report_time(reached: float) -> None:
            try:
                if report is not None:
                    report(reached - start, length, "simulating")
            except KeyboardInterrupt:
                interrupts.requested = True

        recorder: Recorder = MemoryRecorder(program, record)
        if record.to is not None:
            recorder = FileRecorder(record.to, program, record, start, provenance)
        failed = True
        try:
            outcome = advance(
                program,
                first,
                plan,
                stop,
                voltages,
                recorder,
                report_time,
                lambda: interrupts.requested,
                threads,
                plasticity,
                max_rate,
                interrupts.halt,
                budget,
                asked,
                trains,
            )
            failed = False
        finally:
            recorder.close(failed)
        report_reads(program.network, program.offset, recorder.counts)
        recording = recorder.recording(
            events=program.by_projection(outcome.events),
            start=start,
            stop=outcome.reached,
            state=outcome.state,
            weights=outcome.weights,
            provenance={**provenance, "wall_seconds": time.perf_counter() - began},
            interrupted=interrupts.requested or outcome.failure is not None,
        )
    if outcome.failure is not None:
        outcome.failure.recording = recording
        raise outcome.failure
    return recording
