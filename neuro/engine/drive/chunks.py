"""A simulation under way: pieces of a fraction of a second, in buffers that grow as they fill."""

from __future__ import annotations

import sys
import time as clock
from collections.abc import Callable
from functools import cache
from math import inf
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.drive.inputs import Sampling, Schedule
from neuro.engine.drive.state import copied, initial_state, new_workspace, with_room
from neuro.engine.kernels.arrays import (
    CROWDED,
    CULPRIT,
    EVENT,
    FAULT,
    FULL,
    HALTED,
    N_OUT,
    NARROW,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    NEXT_STEP,
    RUNAWAY,
    STEP,
    Inputs,
    Output,
    State,
    Workspace,
)
from neuro.engine.kernels.calendar import window_of
from neuro.engine.kernels.threads import OVER, help_out, helpers, workers_for
from neuro.engine.kernels.windows import first_busy, run_windows
from neuro.engine.kernels.zero_delay import UNDER_WAY, new_queue, run_queue
from neuro.engine.lower.program import Program
from neuro.engine.lower.runaway import Limits, check_memory, check_window, fault, limits_of
from neuro.engine.plasticity.layout import PlasticProgram
from neuro.engine.plasticity.loop import Short, follow
from neuro.engine.plasticity.migrate import begun, enlarged
from neuro.engine.plasticity.state import PlasticState
from neuro.jit import is_cached, laid, link
from neuro.validation import Floats, Ints

__all__ = ["SPARE", "Halted", "Piece", "Simulation", "ready"]

PIECE = 0.3
"""Wall seconds that a piece should take: soon enough for Ctrl-C, long enough to cost nothing."""
EVENT_BYTES, SPIKE_BYTES = 2 * EVENT.itemsize + 40, 40
"""What an event under way takes in two states and on the work, and a spike of a piece but for each thread's copy."""
INSTANT = 1e-4
"""Where there are no windows, a piece is a multiple of this, s."""
MOST_SPIKES = 1 << 17
MOST_VALUES = 1 << 17
"""Spikes (in large networks: one a neuron), and sampled voltages, that one piece holds unless a window needs more."""


class Halted(Exception):
    """The run is to end now: what the last piece left is what there is."""


class Piece(NamedTuple):
    """What a piece of a run leaves: spikes in the common numbering, and samples."""

    reached: float
    """The instant up to which all is known, s."""
    time: Floats
    neuron: Ints
    sample_time: Floats
    voltage: Floats
    events: Ints
    """Synaptic events per projection since the run began."""


def _output(program: Program, room: int) -> Output:
    events = np.zeros(len(program.network.projections), np.int64)
    return Output(np.empty(room), np.empty(room, np.int64), np.zeros((0, 0)), events)


SPARE: WeakKeyDictionary[Program, State] = WeakKeyDictionary()
"""Arrays that a run has no more use for: memory that the system need not clear for the next one."""


class Simulation:
    """A simulation under way: what stands at `reached`, and how far to go at a time.

    A piece works on copies of `arrays`, `events` and `lesson`, so that it can be repeated with more room. The copies
    of the arrays change places from piece to piece; what is `kept` is never written to again.
    """

    def __init__(
        self,
        program: Program,
        arrays: State,
        known: Schedule,
        sampling: Sampling,
        begin: float,
        counted: tuple[float, float],
        threads: int = 1,
        lesson: PlasticState | None = None,
        limits: Limits | None = None,
        halt: Ints | None = None,
    ) -> None:
        self.program, self.sampling, self.counted, self.threads = program, sampling, counted, threads
        self.limits, self.halt = limits, halt
        self.learner = None if lesson is None else PlasticProgram(program, lesson.pairings, lesson.arrival.shape[1])
        self.lesson = None if lesson is None else begun(lesson)
        self.learned: PlasticState | None = None
        """The lesson that the learner stands at; a piece moves it."""
        register = arrays.register.copy()
        register[NEXT_SOURCE] = register[NEXT_STEP] = register[N_OUT] = 0
        self.arrays, self.reached = arrays._replace(register=register), begin
        self.spare = SPARE.pop(program, None)
        self.lent = True
        self.inputs = Inputs(
            known.source_time, known.source_id, known.steps, known.step_value, np.zeros(0), sampling.ids
        )
        self.most_spikes = max(MOST_SPIKES, program.size)
        self.output = _output(program, min(max(1024, 16 * program.size), self.most_spikes))
        self.events = self.output.events
        self.desk = self._new_desk()
        # A window in which every neuron is looked at takes some 5 ns for each of them; after a quiet stretch the
        # next piece may be all of that kind.
        self.most = max(1, 200_000_000 // (50 + program.size))
        self.windows = max(1, min(256, 4_000_000 // (50 + program.size), self.most))
        self.quiet = False

    def piece(self, stop: float) -> Piece:
        """Go on towards `stop`, as far as buffers and patience reach.

        Raises
        ------
        NetworkError
            If a neuron fires more often than it may, or a window does not fit into memory.
        Halted
            If `halt` was set meanwhile.
        """
        until = self._until(stop)
        while True:
            tick = clock.perf_counter()
            arrays, times, voltage, output = self._buffers(until)
            try:
                reached = self._go(arrays, output, until)
            except Short as short:
                self._enlarge(short)
                continue
            took, code = clock.perf_counter() - tick, arrays.register[FAULT]
            count = int(arrays.register[N_OUT])
            if code == FULL:
                until = self._make_room(count, int(arrays.register[CULPRIT]), reached, until)
                continue
            if code == HALTED:
                raise Halted
            if code == RUNAWAY:
                limits = self.limits or limits_of(self.program)
                raise fault(
                    self.program, arrays, limits, output.time[:count], output.neuron[:count], self.learner, self.inputs
                )
            break
        if code in (NARROW, CROWDED):
            sampled = int(arrays.register[NEXT_SAMPLE])
            until, times, voltage = reached, times[:sampled], voltage[:sampled]
        arrays.register[N_OUT] = arrays.register[FAULT] = 0
        self._adapt(until, took, count)
        self.spare, self.lent = None if self.lent else self.arrays, False
        self.arrays, self.reached, self.events = arrays, until, output.events
        self.lesson = self.learned = None if self.learner is None else self.learner.snapshot()
        if code in (NARROW, CROWDED):
            self._widen(code)
        low, high = output.time[:count].searchsorted(self.counted)
        return Piece(
            min(until, self.counted[1]), output.time[low:high], output.neuron[low:high], times, voltage, output.events
        )

    def kept(self) -> State:
        """The arrays as they stand, for good."""
        self.lent = True
        return self.arrays

    def _go(self, arrays: State, output: Output, until: float) -> float:
        fixed, length = self.program.table, self.program.window
        tables = laid(arrays), laid(self.inputs), laid(output)
        if not length:
            queue = new_queue(self.program.fixed, arrays)
            return float(run_queue(fixed, *tables, laid(self.desk), laid(queue), until))
        workers, limits = workers_for(self.threads), (self.reached, until)
        if self.learner is not None and self.lesson is not None:
            if self.learned is not self.lesson:
                self.learner.load(self.lesson)
            self.learned = None
            with helpers((self.learner.table, *tables), self.desk, workers):
                return follow(self.learner, arrays, self.inputs, output, self.desk, *limits, self.counted, workers)
        with helpers((fixed, *tables), self.desk, workers):
            return float(run_windows(fixed, *tables, laid(self.desk), *limits, length, *self.counted, workers))

    def _enlarge(self, short: Short) -> None:
        if self.learner is not None and self.lesson is not None:
            check_memory(3.0 * self.learner.nbytes, "the spikes under way of projections that learn")
            self.learner, self.lesson, self.arrays = enlarged(self.learner, short.code, self.lesson, self.arrays)
            self.desk = self._new_desk()

    def weights(self) -> dict[str, Floats]:
        """What the projections that learn have learned."""
        if self.learner is None or self.lesson is None:
            return {}
        self.learner.hand_over(self.lesson)
        return self.learner.weights(self.lesson)

    def _buffers(self, until: float) -> tuple[State, Floats, Floats, Output]:
        arrays = self.spare = copied(self.arrays, self.spare)
        arrays.register[NEXT_SAMPLE] = 0
        times, voltage = self.inputs.sample_time, self.output.voltage
        if len(self.sampling.ids):
            times = self.sampling.times(max(self.reached, self.counted[0]), min(until, self.counted[1]))
            voltage = np.zeros((len(times), len(self.sampling.ids)))
            self.inputs = self.inputs._replace(sample_time=times)
        output = Output(self.output.time, self.output.neuron, voltage, self.events.copy())
        return arrays, times, voltage, output

    def _until(self, stop: float) -> float:
        """The end of the next piece: a point of the grid, or `stop`."""
        length = self.program.window
        if not length:
            most = MOST_VALUES / len(self.sampling.ids) * self.sampling.step if len(self.sampling.ids) else inf
            ahead, patient = self._next_instant(), self.reached + self.windows * INSTANT
            self.quiet = ahead > patient
            return min(stop, self.reached + most, max(ahead, patient))
        window = int(window_of(self.reached, length))
        last = window + self.windows
        if stop <= (last + self.windows // 4) * length:
            last = int(window_of(stop, length)) + 1
        else:
            ahead = int(
                first_busy(self.program.table, laid(self.arrays), laid(self.inputs), laid(self.desk), window, length)
            )
            self.quiet = ahead > window
            last = ahead if self.quiet else last
        if len(self.sampling.ids):
            most = self.reached + MOST_VALUES / len(self.sampling.ids) * self.sampling.step
            last = min(last, max(window + 1, int(window_of(min(most, stop), length))))
        return min(stop, last * length)

    def _next_instant(self) -> float:
        """When something can happen next, where there are no windows: inf if never."""
        arrays, inputs, register = self.arrays, self.inputs, self.arrays.register
        due = [arrays.neurons["since"].min(initial=inf)]
        due += [arrays.calendar["time"][0]] if register[UNDER_WAY] else []
        due += inputs.source_time[register[NEXT_SOURCE] :][:1].tolist()
        due += inputs.steps["time"][register[NEXT_STEP] :][:1].tolist()
        return float(min(due))

    def _make_room(self, count: int, entered: int, reached: float, until: float) -> float:
        """Enlarge what was too small, or be content with the windows that did fit."""
        room = len(self.output.time)
        if count <= room:
            self._more_events(entered)
            return until
        time, neuron = self.output.time, self.output.neuron
        open_window = time >= reached
        if self.limits is not None:
            check_window(
                self.program,
                self.arrays,
                self.limits,
                time[open_window],
                neuron[open_window],
                self.learner,
                self.inputs,
            )
        if reached > self.reached and room >= self.most_spikes:
            return reached
        self._more_spikes()
        return until

    def _widen(self, code: int) -> None:
        """Enlarge what the next windows are likely to fill, before they do."""
        if code == NARROW:
            self._more_events(1)
        elif len(self.output.time) < self.most_spikes:
            self._more_spikes()

    def _more_events(self, needed: int) -> None:
        """Room for that many more events under way."""
        grown = 2 * len(self.arrays.calendar) + needed
        check_memory(grown * EVENT_BYTES, f"{grown:,} events under way at {self.reached:.9g} s")
        self.arrays = with_room(self.arrays, needed)
        self.desk = self._new_desk()

    def _more_spikes(self) -> None:
        """Four times the room for spikes."""
        room = 4 * len(self.output.time)
        check_memory(
            room * (SPIKE_BYTES + 16 * self.threads), f"more than {room // 4:,} spikes from {self.reached:.9g} s on"
        )
        self.output = self.output._replace(time=np.empty(room), neuron=np.empty(room, np.int64))
        self.desk = self._new_desk()

    def _new_desk(self) -> Workspace:
        bounds = self.program.shares(self.threads)
        calendar, room = len(self.arrays.calendar), len(self.output.time)
        work = new_workspace(self.program, bounds, calendar, room, self.limits, self.halt)
        return work if self.learner is None else work._replace(cuts=self.learner.of_segments(work.cuts))

    def _adapt(self, until: float, took: float, count: int) -> None:
        if self.quiet:
            return
        done = (until - self.reached) / (self.program.window or INSTANT)
        if took > 2 * PIECE:
            self.windows = max(1, int(done * PIECE / took))
        elif took < PIECE / 2 and 2 * count < self.most_spikes:
            self.windows = min(max(2, min(16, int(0.8 * PIECE / max(took, 1e-9)))) * self.windows, self.most)
        elif count >= self.most_spikes:
            self.windows = max(1, int(done))


def ready(program: Program, threads: int = 1) -> None:
    """Compile for this kind of program, if that is still to be done: before anything that Ctrl-C should not cut."""
    kind = threads > 1, program.window > 0.0
    if kind in _READY:
        return
    entry = run_windows if program.window else run_queue
    _announce(entry)
    link(entry)
    nothing, nobody = np.zeros(0), np.zeros(0, np.int64)
    inputs = Inputs(nothing, nobody, np.zeros(0, STEP), nothing, nothing, nobody)
    arrays = copied(initial_state(program).arrays)
    work = new_workspace(program, program.shares(1), 0, 1)
    out = _output(program, 0)
    tables = program.table, laid(arrays), laid(inputs), laid(out)
    if program.window:
        run_windows(*tables, laid(work), 0.0, 0.0, program.window, 0.0, 0.0, 1)
        first_busy(*tables[:3], laid(work), 0, program.window)
        if threads > 1:
            work.signal[0] = OVER
            help_out(*tables, laid(work), 1, 2)
    else:
        run_queue(*tables, laid(work), laid(new_queue(program.fixed, arrays)), 0.0)
    _READY.add(kind)


_READY: set[Any] = set()


@cache
def _announce(kernel: Callable[..., float]) -> None:
    """Say so before the first compilation, which takes a while; later processes read the cache."""
    if not is_cached(kernel):
        print("neuro: compiling the engine, once (less than a minute) ...", file=sys.stderr, flush=True)
