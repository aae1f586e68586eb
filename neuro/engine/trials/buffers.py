"""The buffers of one worker: it simulates batches of trials in them, and enlarges what is full."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from itertools import takewhile
from math import inf
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.codes import CALENDAR_LOW, FAULT, FAULT_DETAIL, FULL, HALTED, N_SPIKES, SPIKE_ROOM_LOW
from neuro.engine.drive.chunks import EVENT_BYTES, SPIKE_BYTES, Halted
from neuro.engine.drive.inputs import NO_SAMPLES
from neuro.engine.drive.prepare import announce
from neuro.engine.drive.runaway import limits_of
from neuro.engine.drive.workspace import new_instant_workspace, new_workspace
from neuro.engine.lower.program import Program
from neuro.engine.trials.batches import LoadedBatch, Needs, load_batch, sample_bytes
from neuro.engine.trials.blocks import Layout
from neuro.engine.trials.kernels import run_batch_in_queue, run_batch_in_windows
from neuro.engine.trials.lowering import Lowering
from neuro.engine.trials.plans import TrialPlan
from neuro.errors import OutOfMemory
from neuro.jit import as_table, link_routines
from neuro.memory import Budget
from neuro.network.graph import Network
from neuro.validation import Floats, Ints

__all__ = ["Buffers", "Part", "prepare"]

FIRST_ROOM, USUAL_ROOM, MOST_ROOM = 1 << 14, 1 << 18, 1 << 22
"""Room for the spikes of a batch: at first, at most for several trials, and for one. One with more is left to `run`."""


_CALENDARS: WeakKeyDictionary[Network, int] = WeakKeyDictionary()
"""Lengths of the calendars that the trials of a network came to need, for later calls."""


class Part(NamedTuple):
    """Trials of a batch that follow each other, and their results."""

    trials: list[TrialPlan]
    layout: Layout
    loaded: LoadedBatch
    time: Floats
    """Spikes of all their runs, if there are to be recordings."""
    neuron: Ints
    seconds: float
    """Wall seconds of one run."""


class Buffers:
    """State, workspace and output of one worker, for one program."""

    def __init__(self, program: Program, needs: Needs, halt: Ints, limit: float = inf) -> None:
        self.program, self.needs, self.halt, self.budget = program, needs, halt, Budget(limit)
        self.limits = limits_of(program)
        self.room = FIRST_ROOM
        layout = Layout(program)
        needed = _CALENDARS.get(program.network, 0) - len(layout.rest.calendar)
        self._set_layout(layout if needed <= 0 else layout.with_larger_calendar(program, needed))

    def simulate(self, trials: Sequence[TrialPlan]) -> list[Part]:
        """Simulate the runs of trials. A trial that only `run` can do is marked so.

        Raises
        ------
        Halted
            If `halt` was set meanwhile.
        """
        fixed, parts = self.program.fixed, list[Part]()
        own = sum(array.nbytes for array in self.state) + sample_bytes(self.needs, trials)
        if len(fixed.drives) or fixed.bundles["lags"].any() or 3 * own > self.budget.limit:
            # The buffers have no room for loose arrivals; and `run` says what does not fit.
            for trial in trials:
                trial.singly = True
        left = [trial for trial in trials if not trial.singly]
        while left:
            part = self._simulate(left)
            parts.append(part)
            left = [trial for trial in left[len(part.trials) :] if not trial.singly]
        return parts

    def _simulate(self, trials: list[TrialPlan]) -> Part:
        """Simulate trials until one does not fit, for which there is more room afterwards, or is of another form."""
        began = clock.perf_counter()
        trials = list(takewhile(lambda trial: trial.template is trials[0].template, trials))
        own = trials[:1] if trials[0].template else trials
        longest = max(
            (len(r.origin.arrays.calendar) for t in own for r in t.runs if r.origin.arrays is not None), default=0
        )
        if longest > len(self.state.calendar):
            self._enlarge_calendar(longest - len(self.state.calendar))
        output = self.time, self.neuron
        loaded = load_batch(self.program, self.layout, self.block, self.needs, trials, output)
        batch = loaded.batch
        reached = self._call(loaded)
        first_of = np.cumsum([0, *(len(trial.runs) for trial in trials)])
        done = int(np.searchsorted(first_of, reached, side="right")) - 1
        runs, filled = int(first_of[done]), 0
        if runs and len(batch.events):
            filled = int(batch.runs["high"][runs - 1])
        part = Part(
            trials[:done],
            self.layout,
            loaded,
            self.time[:filled].copy(),
            self.neuron[:filled].copy(),
            (clock.perf_counter() - began) / max(runs, 1),
        )
        if done < len(trials):
            self._answer_fault(trials[done], alone=filled == 0)
        return part

    def _call(self, loaded: LoadedBatch) -> int:
        """Call the kernel; returns the first run that is not done."""
        program, batch = self.program, loaded.batch
        several, last = len(loaded.voltage) > 0, len(batch.runs)
        arguments = (program.table, self.table, loaded.inputs, loaded.outputs, several, self.work)
        if program.window:
            return int(run_batch_in_windows(*arguments, as_table(batch), 0, last, program.window))
        queue = new_instant_workspace(program.fixed, self.state)
        return int(run_batch_in_queue(*arguments, as_table(batch), 0, last, as_table(queue)))

    def _answer_fault(self, trial: TrialPlan, alone: bool) -> None:
        """Make more room for a trial that did not fit, or mark it for `run`; `alone`: the output was empty before."""
        register = self.state.register
        code, count = int(register[FAULT]), int(register[N_SPIKES])
        if code == HALTED:
            raise Halted
        if code == SPIKE_ROOM_LOW or (code == FULL and count > self.room):
            # With the output to itself the trial may fit.
            if self.room < (MOST_ROOM if alone else USUAL_ROOM) and self._has_room(
                "spikes", 4 * self.room * SPIKE_BYTES
            ):
                self._set_room(4 * self.room)
            elif alone:
                trial.singly = True
        elif code in (CALENDAR_LOW, FULL):
            needed = 1 if code == CALENDAR_LOW else int(register[FAULT_DETAIL])
            if self._has_room("events under way", (2 * len(self.state.calendar) + needed) * EVENT_BYTES):
                self._enlarge_calendar(needed)
            else:
                trial.singly = True
        else:
            trial.singly = True

    def _has_room(self, buffer: str, needed: float) -> bool:
        """Does a larger buffer fit into memory? `run` says what is wrong with a trial for which it does not."""
        try:
            self.budget.require(buffer, needed)
        except OutOfMemory:
            return False
        return True

    def _enlarge_calendar(self, needed: int) -> None:
        self._set_layout(self.layout.with_larger_calendar(self.program, needed))
        _CALENDARS[self.program.network] = len(self.state.calendar)

    def _set_layout(self, layout: Layout) -> None:
        """Make buffers for states of this layout."""
        self.layout = layout
        self.block = layout.new_block()
        self.state = layout.state(self.block)
        self.table = as_table(self.state)
        self._set_room(self.room)

    def _set_room(self, room: int) -> None:
        """Make room for that many spikes."""
        self.room = room
        self.time, self.neuron = np.empty(room), np.empty(room, np.int64)
        shares, calendar = self.program.shares(1), len(self.state.calendar)
        self.work = as_table(new_workspace(self.program, shares, calendar, room, self.limits, self.halt))


def prepare(program: Program) -> None:
    """Compile the kernel for this kind of program, if need be, before several threads call it."""
    if (kind := program.window > 0.0) in _PREPARED:
        return
    entry = run_batch_in_windows if kind else run_batch_in_queue
    announce(entry)
    link_routines(entry)
    # A run of no length, of the network's program without any change.
    plan = Lowering(program, 0.0, None).trial(0, {})
    Buffers(program, Needs(None, NO_SAMPLES, False), np.zeros(1, np.int64)).simulate([plan])
    _PREPARED.add(kind)


_PREPARED: set[bool] = set()
