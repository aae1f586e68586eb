"""Runs a simulation chunk by chunk, each of a fraction of a second, in buffers that grow when they are full."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from functools import partial
from math import inf
from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.codes import (
    CALENDAR_LOW,
    CURSORS_FULL,
    CURSORS_LOW,
    FAULT,
    FAULT_DETAIL,
    FULL,
    HALTED,
    LOOSE_FULL,
    LOOSE_LOW,
    N_SPIKES,
    NEXT_ARRIVAL,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    NEXT_STEP,
    RUNAWAY,
    SPIKE_ROOM_LOW,
    STILL_VALID,
)
from neuro.engine.drive.balance import balanced_shares, is_enough, keep_shares, shares_of
from neuro.engine.drive.chunk import Chunk
from neuro.engine.drive.cursors import give_to_threads, take_from_threads
from neuro.engine.drive.drawn import DrawnDrives
from neuro.engine.drive.inputs import Sampling, Schedule
from neuro.engine.drive.poisson import PoissonTrains
from neuro.engine.drive.routes import Flights, routes_of
from neuro.engine.drive.runaway import Limits, check_window, limits_of, runaway_error
from neuro.engine.drive.sources import SourceSpikes
from neuro.engine.drive.workspace import (
    Loose,
    copy_arrays,
    new_instant_workspace,
    new_output,
    new_workspace,
    next_instant,
    with_larger_calendar,
    with_more_cursors,
)
from neuro.engine.kernels.arrays import ARRIVAL, EVENT, Inputs, Output, State, Workspace
from neuro.engine.kernels.calendar import window_of
from neuro.engine.kernels.threads import worker_count, worker_threads
from neuro.engine.kernels.windows import first_busy, run_windows
from neuro.engine.kernels.zero_delay import run_queue
from neuro.engine.lower.program import Program
from neuro.engine.plasticity.layout import PlasticProgram
from neuro.engine.plasticity.loop import NeedsRoom, WeightSampler, run_plastic_windows
from neuro.engine.plasticity.migrate import enlarge, with_new_ledgers
from neuro.engine.plasticity.state import PlasticState
from neuro.jit import as_table
from neuro.memory import Budget
from neuro.validation import Floats, Ints

__all__ = ["SPARE_ARRAYS", "Halted", "Simulation"]

CHUNK_SECONDS = 0.3
"""Wall seconds that a chunk should take: short enough for Ctrl-C, long enough for its own cost not to matter."""
EVENT_BYTES, SPIKE_BYTES = 2 * EVENT.itemsize + 40, 40
"""Bytes of an event under way, in two states and the workspace; and of a spike of a chunk, without threads' copies."""
INSTANT = 1e-4
"""Unit of a chunk's length where there are no windows, s."""
MAX_SPIKES = 1 << 17
MAX_VALUES = 1 << 17
"""Limits of a chunk of several windows: spikes (in large networks: one per neuron), and sampled voltages."""
EVENTS_REMEDY = (
    "Set a lower run(max_rate=...), which refuses neurons that fire too often sooner; or use shorter delays, which "
    "make shorter windows"
)


class Halted(Exception):
    """Raised when a run has to end at once; the chunk under way is lost."""


SPARE_ARRAYS: WeakKeyDictionary[Program, State] = WeakKeyDictionary()
"""Arrays that a run no longer needs, for the next run: the system need not clear their memory."""


class Simulation:
    """A simulation under way: its state at the time `reached`, and the length of the next chunk.

    A chunk works on copies of `arrays`, `events` and `plastic_state`, so that it can be repeated with larger buffers.
    Two sets of arrays take turns. Arrays that were given out by `kept` are never written to again.
    """

    def __init__(
        self, program: Program, arrays: State, inputs: Schedule, sampling: Sampling, begin: float,
        interval: tuple[float, float], threads: int = 1, plastic_state: PlasticState | None = None,
        limits: Limits | None = None, halt: Ints | None = None, budget: Budget | None = None,
        sampler: WeightSampler | None = None, trains: PoissonTrains | None = None,
    ) -> None:  # fmt: skip
        self.sampler = sampler
        self.budget = Budget() if budget is None else budget
        self.sources = SourceSpikes(program, inputs, trains, self.budget)
        self.refusal: MemoryError | None = None
        """Why there can be no other chunk."""
        self.program, self.sampling, self.interval, self.threads = program, sampling, interval, threads
        self.limits, self.halt = limits, halt
        self.plastic = (
            None
            if plastic_state is None
            else PlasticProgram(program, plastic_state.rules, plastic_state.arrival.shape[1])
        )
        self.plastic_state = None if plastic_state is None else with_new_ledgers(plastic_state)
        self.loaded_state: PlasticState | None = None
        """The state that `plastic` has; None while a chunk changes it."""
        register = arrays.register.copy()
        register[NEXT_SOURCE] = register[NEXT_STEP] = register[N_SPIKES] = 0
        self.arrays, self.reached = arrays._replace(register=register), begin
        held = float(sum(array.nbytes for array in arrays))
        self.budget.require("the state of the neurons", 3.0 * held, held=held, value=f"{program.size:,} neurons")
        self.spare = SPARE_ARRAYS.pop(program, None)
        self.arrays_are_kept = True
        none, no_ids = np.zeros(0), np.zeros(0, np.int64)
        given = inputs.source_time, inputs.source_id, inputs.steps, inputs.step_value
        self.inputs = Inputs(*given, none, sampling.ids, none, no_ids, no_ids)
        self.max_spikes = max(MAX_SPIKES, program.size)
        self.output = new_output(program, min(max(1024, 16 * program.size), self.max_spikes))
        self.events = self.output.events
        self.drawn = (
            None if program.window or not program.network.drives else DrawnDrives(program.network, inputs.drive_keys)
        )
        self.room_for_arrivals, self.drive_keys = 4096, inputs.drive_keys
        self.flights, self.bounds = Flights(threads), shares_of(program, threads)
        self.is_balanced = threads == 1 or not program.window
        self.work = self._new_workspace()
        # A window that looks at every neuron takes some 5 ns for each. After a quiet time all windows of the next chunk
        # may be of that kind.
        self.max_windows = max(1, 200_000_000 // (50 + program.size))
        self.windows = max(1, min(256, 4_000_000 // (50 + program.size), self.max_windows))
        self.quiet = False

    def run_chunk(self, stop: float) -> Chunk:
        """Simulate the next chunk, which ends at `stop` or before.

        Raises
        ------
        NetworkError
            If a neuron fires more often than it may.
        Halted
            If `halt` was set meanwhile.
        OutOfMemory
            If a buffer does not fit; the simulation is as it was before.
        """
        if self.refusal is not None:
            raise self.refusal
        self.inputs, self.arrays = self.sources.load(self.inputs, self.arrays, self.reached)
        until = self._chunk_end(min(stop, self.sources.known))
        while True:
            began = clock.perf_counter()
            arrays, times, voltage, output = self._buffers(until)
            try:
                reached = self._simulate(arrays, output, until)
            except NeedsRoom as needs:
                self._enlarge_plastic(needs)
                continue
            take_from_threads(self.program, arrays, self.work)
            took = clock.perf_counter() - began
            code, count, needed = arrays.register[[FAULT, N_SPIKES, FAULT_DETAIL]].tolist()
            if code == FULL:
                until = self._enlarge(count, needed, reached, until)
                continue
            if code in (LOOSE_FULL, CURSORS_FULL):
                self._enlarge_loose(code, needed)
                continue
            if code == HALTED:
                raise Halted
            if code == RUNAWAY:
                limits = self.limits or limits_of(self.program)
                raise runaway_error(
                    self.program, arrays, limits, output.time[:count], output.neuron[:count], self.plastic, self.inputs
                )
            break
        if code in STILL_VALID:
            sampled = int(arrays.register[NEXT_SAMPLE])
            until, times, voltage = reached, times[:sampled], voltage[:sampled]
        arrays.register[[N_SPIKES, FAULT, FAULT_DETAIL]] = 0
        self._adapt_length(until, took, count)
        self.spare, self.arrays_are_kept = None if self.arrays_are_kept else self.arrays, False
        self.arrays, self.reached, self.events = arrays, until, output.events
        self.flights.keep(self.work)
        self.plastic_state = self.loaded_state = None if self.plastic is None else self.plastic.snapshot()
        if code in STILL_VALID:
            self._enlarge_ahead(code, needed)
        self._balance()
        low, high = output.time[:count].searchsorted(self.interval)
        spikes = output.time[low:high], output.neuron[low:high]
        taken = [] if self.sampler is None else self.sampler.taken
        return Chunk(min(until, self.interval[1]), *spikes, times, voltage, output.events, taken)

    def kept(self) -> State:
        """The present arrays, which later chunks leave as they are."""
        self.arrays_are_kept = True
        if self.flights:
            self.arrays = copy_arrays(self.arrays)
            self.flights.enter(self.arrays, self.work, self.reached, self.program.window)
        return self.arrays

    def _simulate(self, arrays: State, output: Output, until: float) -> float:
        fixed, length = self.program.table, self.program.window
        tables = as_table(arrays), as_table(self.inputs), as_table(output)
        if not length:
            queue = new_instant_workspace(self.program.fixed, arrays)
            return float(run_queue(fixed, *tables, as_table(self.work), as_table(queue), until))
        workers, span = worker_count(self.threads), (self.reached, until)
        if self.plastic is not None and self.plastic_state is not None:
            if self.loaded_state is not self.plastic_state:
                self.plastic.load(self.plastic_state)
            self.loaded_state = None
            with worker_threads((self.plastic.table, *tables), self.work, workers):
                if self.sampler is not None:
                    self.sampler.taken = []
                return run_plastic_windows(
                    self.plastic, arrays, self.inputs, output, self.work, *span, self.interval, workers, self.sampler
                )
        with worker_threads((fixed, *tables), self.work, workers):
            return float(run_windows(fixed, *tables, as_table(self.work), *span, length, *self.interval, workers))

    def _enlarge_plastic(self, needs: NeedsRoom) -> None:
        if self.plastic is not None and self.plastic_state is not None:
            self._require("spikes under way of projections that learn", 3.0 * self.plastic.nbytes, "")
            self.plastic, self.plastic_state, self.arrays = enlarge(
                self.plastic, needs.code, self.plastic_state, self.arrays
            )
            self.work = self._new_workspace()

    def weights(self) -> dict[str, Floats]:
        """The weights of the projections that learn; crossbars of the network get the devices that learned."""
        if self.plastic is None or self.plastic_state is None:
            return {}
        self.plastic.update_network(self.plastic_state)
        return self.plastic.weights(self.plastic_state)

    def _buffers(self, until: float) -> tuple[State, Floats, Floats, Output]:
        arrays = self.spare = copy_arrays(self.arrays, self.spare)
        self.flights.load(self.work)
        give_to_threads(self.program, arrays, self.work)
        arrays.register[NEXT_SAMPLE] = 0
        times, voltage = self.inputs.sample_time, self.output.voltage
        if self.drawn is not None:
            arrays.register[NEXT_ARRIVAL] = 0
            found = self.drawn.between(self.reached, until)
            self.inputs = self.inputs._replace(drive_time=found.time, drive_id=found.neuron, drive_number=found.drive)
        if len(self.sampling.ids):
            times = self.sampling.times(max(self.reached, self.interval[0]), min(until, self.interval[1]))
            voltage = np.zeros((len(times), len(self.sampling.ids)))
            self.inputs = self.inputs._replace(sample_time=times)
        output = Output(self.output.time, self.output.neuron, voltage, self.events.copy())
        return arrays, times, voltage, output

    def _chunk_end(self, stop: float) -> float:
        """The end of the next chunk: an end of a window, or `stop`."""
        length = self.program.window
        if not length:
            most = MAX_VALUES / len(self.sampling.ids) * self.sampling.step if len(self.sampling.ids) else inf
            ahead, usual = next_instant(self.arrays, self.inputs), self.reached + self.windows * INSTANT
            if self.drawn is not None:
                ahead, usual = self.reached, min(usual, self.reached + MAX_VALUES / max(self.drawn.rate, 1.0))
            self.quiet = ahead > usual
            return min(stop, self.reached + most, max(ahead, usual))
        window = int(window_of(self.reached, length))
        last = window + self.windows
        if stop <= (last + self.windows // 4) * length:
            last = int(window_of(stop, length)) + 1
        else:
            give_to_threads(self.program, self.arrays, self.work)
            tables = as_table(self.arrays), as_table(self.inputs), as_table(self.work)
            ahead = int(first_busy(self.program.table, *tables, window, length))
            self.quiet = ahead > window
            last = ahead if self.quiet else last
        if len(self.sampling.ids):
            most = self.reached + MAX_VALUES / len(self.sampling.ids) * self.sampling.step
            last = min(last, max(window + 1, int(window_of(min(most, stop), length))))
        if self.plastic and self.sampler:
            ahead_of = self.sampler.times[self.sampler.times.searchsorted(self.reached, side="right") :]
            most = ahead_of[max(1, MAX_VALUES // max(self.plastic.total * self.sampler.values, 1)) :][:1].tolist()
            last = min([last, *(max(window + 1, int(window_of(t, length))) for t in most)])
        return min(stop, last * length)

    def _enlarge(self, count: int, entered: int, reached: float, until: float) -> float:
        """Enlarge the buffer that was too small, or end the chunk with the windows that did fit; returns its end."""
        room = len(self.output.time)
        if count <= room:
            return self._enlarge_or_end(partial(self._enlarge_calendar, entered), reached, until)
        time, neuron = self.output.time, self.output.neuron
        open_window = time >= reached
        if self.limits is not None:
            spikes = time[open_window], neuron[open_window]
            check_window(self.program, self.arrays, self.limits, *spikes, self.plastic, self.inputs)
        if reached > self.reached and room >= self.max_spikes:
            return reached
        return self._enlarge_or_end(self._enlarge_output, reached, until)

    def _enlarge_or_end(self, enlarge: Callable[[], None], reached: float, until: float) -> float:
        """Enlarge a buffer; where memory does not suffice, end the chunk with the windows that did fit."""
        try:
            enlarge()
        except MemoryError:
            if reached <= self.reached or not self.program.window:
                raise
            return reached
        return until

    def _enlarge_ahead(self, code: int, needed: int) -> None:
        """Enlarge a buffer that is nearly full, after a chunk that is whole whether or not memory suffices."""
        try:
            if code == CALENDAR_LOW:
                self._enlarge_calendar(1)
            elif code in (LOOSE_LOW, CURSORS_LOW):
                self._enlarge_loose(code, 2 * needed)
            elif len(self.output.time) < self.max_spikes:
                self._enlarge_output()
        except MemoryError as error:
            # With less room for spikes, chunks are shorter.
            self.refusal = None if code == SPIKE_ROOM_LOW else error

    def _enlarge_calendar(self, needed: int) -> None:
        """Enlarge the calendar, by at least that many more events under way."""
        grown = 2 * len(self.arrays.calendar) + needed
        self._require("events under way", grown * EVENT_BYTES, f"{grown:,} at {self.reached:.9g} s")
        self.arrays = with_larger_calendar(self.arrays, needed)
        self.work = self._new_workspace()

    def _enlarge_loose(self, code: int, needed: int) -> None:
        """Enlarge the room for loose arrivals, or the number of cursors."""
        if code in (CURSORS_FULL, CURSORS_LOW):
            size = 4.0 * (1 + self.threads) * self.arrays.cursors.nbytes
            self._require("spikes under way", size, f"{2 * len(self.arrays.cursors):,} at {self.reached:.9g} s")
            self.arrays = with_more_cursors(self.arrays)
        else:
            self.room_for_arrivals = max(2 * self.room_for_arrivals, needed + needed // 4)
            size = ARRIVAL.itemsize * self.room_for_arrivals * self.threads
            self._require("arrivals of one window", size, f"{needed:,} at {self.reached:.9g} s")
        self.work = self._new_workspace()

    def _enlarge_output(self) -> None:
        """Enlarge the buffer for spikes to four times its size."""
        room = 4 * len(self.output.time)
        size = room * (SPIKE_BYTES + 16.0 * self.threads)
        self._require("spikes of one window", size, f"more than {room // 4:,} from {self.reached:.9g} s on")
        self.output = self.output._replace(time=np.empty(room), neuron=np.empty(room, np.int64))
        self.work = self._new_workspace()

    def _balance(self) -> None:
        """Once there are enough synaptic events to tell, give threads shares that cost the same."""
        if self.is_balanced or not is_enough(self.events):
            return
        self.is_balanced, old = True, self.bounds
        new = balanced_shares(self.program, old, self.events, self.reached - self.interval[0])
        if not np.array_equal(new, old):
            self.kept()  # what is under way on the routes of the old shares goes to the calendar
            try:
                self.bounds = new
                self.work = self._new_workspace()
                keep_shares(self.program, new)
            except MemoryError:  # the old ones do as well
                self.bounds = old

    def _require(self, buffer: str, needed: float, value: str) -> None:
        self.budget.require(buffer, needed, value=value, remedy=EVENTS_REMEDY)

    @property
    def chunk_bytes(self) -> float:
        """Bytes of the spikes and samples of the next chunk, at most unless its buffers grow."""
        sampled = len(self.sampling.ids)
        sampled += self.plastic.total * self.sampler.values if self.plastic and self.sampler else 0
        return 16.0 * len(self.output.time) + (8.0 * (MAX_VALUES + 2 * sampled) if sampled else 0.0)

    def _new_workspace(self) -> Workspace:
        calendar, room, cursors = len(self.arrays.calendar), len(self.output.time), len(self.arrays.cursors)
        loose = Loose(cursors, len(self.arrays.cursor_bucket), self.room_for_arrivals, self.drive_keys)
        routes = None if self.plastic is not None else routes_of(self.program, self.bounds)
        work = new_workspace(self.program, self.bounds, calendar, room, self.limits, self.halt, loose, routes)
        self.flights.load(work)
        return work if self.plastic is None else work._replace(cuts=self.plastic.of_segments(work.cuts))

    def _adapt_length(self, until: float, took: float, count: int) -> None:
        """Choose the number of windows of the next chunk, from what the last one took."""
        if self.quiet:
            return
        length = (until - self.reached) / (self.program.window or INSTANT)
        if took > 2 * CHUNK_SECONDS:
            self.windows = max(1, int(length * CHUNK_SECONDS / took))
        elif took < CHUNK_SECONDS / 2 and 2 * count < self.max_spikes:
            self.windows = min(
                max(2, min(16, int(0.8 * CHUNK_SECONDS / max(took, 1e-9)))) * self.windows, self.max_windows
            )
        elif count >= self.max_spikes:
            self.windows = max(1, int(length))
