"""Running a network: inputs in, recording out, on the engine that was asked for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from neuro.engine.clocked.program import ClockedProgram
from neuro.engine.clocked.run import ClockedState, lowered, run_clocked
from neuro.engine.drive.advance import Recorder, advance
from neuro.engine.drive.chunks import ready
from neuro.engine.drive.inputs import ClampLike, sampling, schedule
from neuro.engine.drive.interrupts import deferred
from neuro.engine.drive.state import EngineState, initial_state
from neuro.engine.lower.fingerprint import require_same
from neuro.engine.lower.program import Program, build
from neuro.engine.plasticity.state import Rule, pairings
from neuro.engine.recording import Record, Recording
from neuro.engine.storage.memory import MemoryRecorder
from neuro.engine.storage.stream import Stream
from neuro.errors import InputError, ParameterError, StateError, UnknownName, UnsupportedFeature
from neuro.network.graph import Network
from neuro.network.summary import summary
from neuro.progress import Telling, telling
from neuro.validation import positive

__all__ = ["run"]


def run(
    network: Network | Program | ClockedProgram,
    duration: float,
    *,
    inputs: Mapping[str, Any] | None = None,
    record: Record | None = None,
    seed: int | None = None,
    engine: Literal["exact", "clocked"] = "exact",
    dt: float | None = None,
    semantics: Literal["nir-euler", "loihi"] | None = None,
    threads: int = 1,
    clamp: ClampLike | None = None,
    state: EngineState | ClockedState | None = None,
    plasticity: Mapping[str, Rule] | None = None,
    max_rate: float | None = None,
    progress: Telling = None,
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
        Root of the run's random draws, which are the trains of Poisson sources; kept in the provenance. By default
        that of `state`, or 0: a continued run goes on with the same trains. With another seed, spikes that were
        fired before the cut stay as they were, and from there on the trains are those of the other seed.
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
    threads
        How many threads share the neurons among them. The result has the same bits, however many there are.
    clamp
        Holds neurons to a target for the whole run.
    state
        `Recording.state` of an earlier run of the same network, to go on from.
    plasticity
        By projection: the rule, `EventLocal` or `STDP`, by which its weights learn while the network runs. A change
        made at time t acts on spikes that are fired after t, and on none that is under way. The state carries weights
        and traces: a run that goes on from it has the learned weights, and learns only where it is given rules again.
        The network keeps its weights, but for crossbars, whose devices are left as they were at the end of the run.
    max_rate
        Spikes per second that a neuron of the exact engine may fire; one that fires more often ends the run with an
        error that says what drives it. By default 5,000 within the shortest time constant of its population, or
        within the shortest delay of the population's own projections if that is shorter; 1e9 where there are neither.
        It is taken over at least 1,000 spikes (50,000 where reset subtracts, since one input may set off many at
        once); if it is given and below the default, over 100 spikes of this run. Sources are not limited.
    progress
        Called as ``progress(done, total, label)`` in simulated seconds; True or "bar": a bar on the terminal, if
        the run takes more than two seconds.

    Returns
    -------
    Recording
        Spikes with start <= time < start + duration, sampled voltages, synaptic events, and the final state. After
        Ctrl-C (or a KeyboardInterrupt from `progress`): what was done up to `Recording.stop`, with
        `Recording.interrupted`; its state can be gone on from. A second Ctrl-C gives the run up.

    Raises
    ------
    InputError, ClampError, StateError, UnknownName
        If something given does not fit the network.
    NetworkError
        If a neuron fires more often than it may, or the spikes of one window do not fit into memory.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    >>> nr.run(net, 0.05).spikes["cell"].times.round(6).tolist()
    [0.013863, 0.027726, 0.041589]
    """
    if seed is not None and (not isinstance(seed, int | np.integer) or seed < 0):
        raise ParameterError("must be a whole number, not below zero", where="seed", value=seed)
    if engine == "clocked":
        if plasticity:
            raise UnsupportedFeature("only the exact engine learns while it runs", where="plasticity")
        if max_rate is not None:
            raise UnsupportedFeature("the clocked engine's neurons fire at most once a step", where="max_rate")
        if clamp is not None or threads != 1:
            raise UnsupportedFeature("the clocked engine has no clamps, and runs on one thread", where="run")
        with telling(progress, "simulating") as report:
            return run_clocked(
                lowered(network, dt, semantics), duration, inputs, record or Record(), seed, state, report
            )
    if engine != "exact":
        raise UnknownName("engine", engine, ["exact", "clocked"])
    if semantics is not None:
        raise UnsupportedFeature("only the clocked engine has semantics", where="semantics", value=repr(semantics))
    if isinstance(network, ClockedProgram):
        raise InputError("this program was built for the clocked engine", remedy="Use run(..., engine='clocked')")
    if dt is not None:
        raise UnsupportedFeature("the exact engine has no time step", where="dt", value=dt)
    if not isinstance(threads, int) or threads < 1:
        raise ParameterError("must be a whole number, at least 1", where="threads", value=threads)
    if not isinstance(network, Network | Program):
        raise InputError("`run` takes a Network or a Program", value=type(network).__name__)
    length = float(positive(duration, "duration", zero=True))
    if max_rate is not None and np.ndim(max_rate):
        raise ParameterError("must be one number for all neurons", where="max_rate", value=max_rate)
    most = None if max_rate is None else float(positive(max_rate, "max_rate"))
    began = time.perf_counter()
    program = network if isinstance(network, Program) else build(network)
    wanted = record or Record()
    if state is None:
        state = initial_state(program, seed or 0)
    else:
        if isinstance(state, ClockedState):
            raise StateError("a state of the clocked engine does not fit the exact engine", where="state")
        require_same(state.program, program)
        state = state if seed is None else replace(state, seed=seed)
    start, stop = state.time, state.time + length
    plan, voltages = schedule(program, inputs, clamp, start, stop, state.seed), sampling(program, wanted)
    pairings(program, plasticity, state.lesson)
    ready(program, threads)
    provenance = {"seed": state.seed, "engine": engine, "network": summary(program.network)}
    with telling(progress, "simulating") as report, deferred() as interrupts:
        sink: Recorder = MemoryRecorder(program, wanted)
        if wanted.to is not None:
            sink = Stream(wanted.to, program, wanted, start, provenance)

        def tell(reached: float) -> None:
            try:
                if report is not None:
                    report(reached - start, length, "simulating")
            except KeyboardInterrupt:
                interrupts.asked = True

        try:
            outcome = advance(
                program,
                state,
                plan,
                stop,
                voltages,
                sink,
                tell,
                lambda: interrupts.asked,
                threads,
                plasticity,
                most,
                interrupts.halt,
            )
        finally:
            sink.close()
        _count_reads(program, sink)
        return sink.recording(
            events={name: int(n) for name, n in zip(program.network.projections, outcome.events, strict=True)},
            start=start,
            stop=outcome.reached,
            state=outcome.state,
            weights=outcome.weights,
            provenance={**provenance, "wall_seconds": time.perf_counter() - began},
            interrupted=interrupts.asked,
        )


def _count_reads(program: Program, sink: Recorder) -> None:
    """Tell each crossbar how often its rows were driven."""
    counts = None
    for projection in program.network.projections.values():
        count = getattr(projection.synapses, "count_reads", None)
        if count is not None:
            counts = sink.counts() if counts is None else counts
            count(rows=counts[program.slice(projection.pre.name)])
